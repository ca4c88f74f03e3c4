"""Records frozen before a training, so that what it has seen can be read again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import SourceUnreadable
from data_contracts.progress import Progress

if TYPE_CHECKING:
    from data_contracts.records import Records


def frozen_records(records: Records, home: Path, progress: Progress) -> Records:
    """The same records, read from a snapshot in `home/snapshots` that is named after its fingerprint.

    Content that was frozen before is not kept twice. Trainings at the same time do not meet: each writes
    a folder of its own. Raises SourceUnreadable if the folder of that name holds anything else.
    """
    from data_contracts.snapshot import read_snapshot, snapshot

    folder = home / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    unnamed = Path(tempfile.mkdtemp(prefix=".unnamed-", dir=folder))
    try:
        fingerprint = snapshot(records, unnamed, progress).fingerprint
        named = folder / fingerprint[:16]
        if not named.exists():
            _rename_unless_there(unnamed, named)
    finally:
        shutil.rmtree(unnamed, ignore_errors=True)
    frozen = read_snapshot(named)
    if frozen.fingerprint != fingerprint:
        raise SourceUnreadable(
            zh=f"快照 {named} 的内容与其名称不符。请将该文件夹移走后重新训练。",
            en=f"The snapshot {named} is not what its name says. Move that folder away and train again.",
            field="records",
        )
    return frozen


def _rename_unless_there(unnamed: Path, named: Path) -> None:
    """A folder takes the place of an empty one or of none: a full one was frozen by another in the meantime."""
    try:
        unnamed.replace(named)
    except OSError:
        if not named.exists():
            raise
