"""PAIRS files: read in any order and encoding, refused with every fault at once."""

from pathlib import Path

import pandas as pd
import pytest

from data_contracts import errors
from data_contracts.errors import InvalidInput, SiteriskError
from serving.asked_moments import moment_asked
from serving.pairs import read_pairs


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_pairs_keep_their_order_and_repeats(tmp_path: Path) -> None:
    given = write(
        tmp_path / "p.csv",
        "as_of,project_id,note\n2026-03-01,P2,a\n2026-03-01T08:00:00Z,P1,b\n2026/3/1,P2,c\n",
    )
    pairs = read_pairs(given)
    assert pairs["project_id"].tolist() == ["P2", "P1", "P2"]
    stamps = ["2026-03-01T00:00:00", "2026-03-01T16:00:00", "2026-03-01T00:00:00"]
    assert pairs["as_of"].tolist() == [pd.Timestamp(stamp) for stamp in stamps]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_pairs_are_read_in_the_encodings_that_offices_write(tmp_path: Path, encoding: str) -> None:
    given = write(tmp_path / "p.csv", "project_id,as_of\n浦东0001,2026-03-01\n", encoding)
    assert read_pairs(given)["project_id"].tolist() == ["浦东0001"]


@pytest.mark.parametrize("kind", ["text", "date", "moment", "moment with offset"])
def test_pairs_of_parquet_may_hold_any_kind_of_time(tmp_path: Path, kind: str) -> None:
    times = {
        "text": pd.Series(["2026-03-01"]),
        "date": pd.Series([pd.Timestamp("2026-03-01").date()]),
        "moment": pd.Series([pd.Timestamp("2026-03-01")]),
        "moment with offset": pd.Series([pd.Timestamp("2026-02-28T16:00:00Z")]),
    }
    pd.DataFrame({"project_id": [17], "as_of": times[kind]}).to_parquet(tmp_path / "p.parquet")
    pairs = read_pairs(tmp_path / "p.parquet")
    assert pairs["project_id"].tolist() == ["17"]
    assert pairs["as_of"].tolist() == [pd.Timestamp("2026-03-01")]


def test_every_fault_of_pairs_is_told_at_once_with_its_row(tmp_path: Path) -> None:
    rows = [
        "P1,2026-03-01",
        ",2026-03-01",
        "P3,",
        "P4,spring",
        f"{'x' * 65},2026-03-01",
        "P6,2126-01-01",
        ",never",
    ]
    given = write(tmp_path / "p.csv", "\n".join(["project_id,as_of", *rows, ""]))
    with pytest.raises(errors.InvalidInput) as refused:
        read_pairs(given)
    for told in (
        "row 3: project_id is empty",
        "row 4: as_of is empty",
        "row 5: as_of 'spring' is not a date or time",
        "row 6: project_id is longer than 64 characters",
        "row 7: as_of '2126-01-01' lies in the future",
        "row 8: project_id is empty\n- row 8: as_of 'never' is not a date or time",
        "7 faults (write as_of as 2026-03-01 or 2026-03-01T08:00:00+08:00, up to now)",
    ):
        assert told in refused.value.en
    assert "第 8 行：as_of 'never' 不是日期或时间" in refused.value.zh


def test_one_fault_is_one_fault_and_of_many_the_first_are_told(tmp_path: Path) -> None:
    for rows, counted, lines in ((1, "1 fault (", 2), (30, "30 faults (", 22)):
        given = write(tmp_path / "p.csv", "project_id,as_of\n" + "P1,spring\n" * rows)
        with pytest.raises(InvalidInput) as refused:
            read_pairs(given)
        assert counted in refused.value.en
        assert len(refused.value.en.splitlines()) == lines
    assert refused.value.en.endswith("- and 10 more")


def test_blank_rows_of_a_csv_are_no_pairs_but_count_as_rows(tmp_path: Path) -> None:
    given = write(tmp_path / "p.csv", "project_id,as_of\nP1,2026-03-01\n\n , \nP2,2026-03-01\n\n")
    pairs = read_pairs(given)
    assert pairs["project_id"].tolist() == ["P1", "P2"]
    assert pairs.index.tolist() == [0, 1]
    with pytest.raises(InvalidInput, match="row 5: as_of is empty"):
        read_pairs(write(tmp_path / "q.csv", "project_id,as_of\nP1,2026-03-01\n\n\nP2,\n"))


def test_rows_of_a_filtered_parquet_are_numbered_as_they_stand(tmp_path: Path) -> None:
    rows = pd.DataFrame({"project_id": ["P1", "P2"], "as_of": ["2026-03-01", None]}, index=[7, 9])
    rows.to_parquet(tmp_path / "p.parquet")
    with pytest.raises(InvalidInput, match="row 3: as_of is empty"):
        read_pairs(tmp_path / "p.parquet")


def test_a_file_without_the_columns_is_told_which_it_has(tmp_path: Path) -> None:
    given = write(tmp_path / "p.csv", "project_id;as_of\nP1;2026-03-01\n")
    with pytest.raises(InvalidInput) as refused:
        read_pairs(given)
    assert "its columns are project_id;as_of." in refused.value.en
    assert "只有 project_id;as_of。" in refused.value.zh


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("p.csv", "project,as_of\nP1,2026-03-01\n", errors.InvalidInput),
        ("p.csv", "", errors.SourceUnreadable),
        ("p.csv", 'project_id,as_of\n"P1,2026-03-01\n', errors.SourceUnreadable),
        ("p.csv", "project_id,as_of\nP1,2026-03-01,x,y\n", errors.SourceUnreadable),
        ("p.parquet", "not parquet", errors.SourceUnreadable),
        ("p.txt", "project_id,as_of\n", errors.InvalidInput),
    ],
)
def test_pairs_that_cannot_be_read_are_refused(
    tmp_path: Path, name: str, text: str, kind: type[SiteriskError]
) -> None:
    with pytest.raises(kind):
        read_pairs(write(tmp_path / name, text))


@pytest.mark.parametrize("ahead", ["2126-01-01", "2999-01-01", "9999-12-31T23:59:59-12:00"])
def test_a_moment_ahead_is_said_to_be_in_the_future_however_far(ahead: str) -> None:
    with pytest.raises(InvalidInput, match="lies in the future"):
        moment_asked(ahead)
