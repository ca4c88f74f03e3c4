"""Before a training its records are frozen: what it reads is what it was given, whoever trains beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from data_contracts import snapshot as snapshots
from data_contracts.errors import SourceUnreadable
from data_contracts.progress import silent
from data_contracts.records import Records
from serving.command_line.frozen_records import frozen_records
from tests.deliveries import PROJECTS, table


def records_of(projects: str) -> Records:
    return Records.from_tables({"projects": table(projects)})


def test_two_trainings_at_once_read_each_its_own_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cities = [records_of(PROJECTS), records_of(PROJECTS.replace("张江", "川沙"))]
    both_written, snapshot = Barrier(2), snapshots.snapshot

    def written_at_once(*given: object) -> snapshots.Snapshot:
        written = snapshot(*given)  # type: ignore[arg-type]
        both_written.wait(timeout=20)
        return written

    monkeypatch.setattr(snapshots, "snapshot", written_at_once)
    with ThreadPoolExecutor(2) as trainings:
        frozen = list(trainings.map(lambda city: frozen_records(city, tmp_path, silent), cities))
    assert [each.fingerprint for each in frozen] == [city.fingerprint for city in cities]
    assert [each.table("projects")["name"].iloc[0] for each in frozen] == ["张江一标", "川沙一标"]


def test_the_same_records_are_kept_once(tmp_path: Path) -> None:
    for _ in range(2):
        frozen_records(records_of(PROJECTS), tmp_path, silent)
    names = [path.name for path in (tmp_path / "snapshots").iterdir()]
    assert names == [records_of(PROJECTS).fingerprint[:16]]


def test_a_folder_that_holds_other_records_than_its_name_says_is_refused(tmp_path: Path) -> None:
    other = records_of(PROJECTS.replace("张江", "川沙"))
    snapshots.snapshot(other, tmp_path / "snapshots" / records_of(PROJECTS).fingerprint[:16])
    with pytest.raises(SourceUnreadable, match="train again"):
        frozen_records(records_of(PROJECTS), tmp_path, silent)
