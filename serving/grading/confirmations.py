"""A file of decisions (CSV: project_id, decision, person, reason), checked against the grades it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from data_contracts.errors import InvalidInput, SourceUnreadable
from serving.grading.decisions import DECISIONS, REFUSE, Decision, hindrance, waiting_at

COLUMNS = ("project_id", "decision", "person", "reason")
FIRST_ROW = 2  # the header is row 1
Fault = tuple[int, str, str]


def read_confirmations(path: Path, grades: pd.DataFrame, day: pd.Timestamp) -> list[Decision]:
    """The decisions; InvalidInput names every faulty row at once, and nothing is kept."""
    rows = _read(path)
    sites = {site["project_id"]: site for _, site in grades.iterrows()}
    faults = [
        fault
        for number, row in rows.iterrows()
        for fault in _faults(int(str(number)) + FIRST_ROW, row, sites, day)
    ]
    repeated = rows["project_id"].duplicated() & (rows["project_id"] != "")
    faults += [
        (int(str(number)) + FIRST_ROW, "该项目在文件中出现两次", "this site stands twice in the file")
        for number in rows.index[repeated]
    ]
    if faults:
        zh = "\n- ".join(f"第 {row} 行：{said}" for row, said, _ in sorted(faults))
        en = "\n- ".join(f"row {row}: {said}" for row, _, said in sorted(faults))
        raise InvalidInput(
            zh=f"{path} 有 {len(faults)} 处错误，未保存任何决定：\n- {zh}",
            en=f"{path} has {len(faults)} faults, and no decision was kept:\n- {en}",
            field="confirm",
        )
    return [_decision(row, sites[row["project_id"]], day) for _, row in rows.iterrows()]


def _read(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise SourceUnreadable(
            zh=f"{path} 无法读取，请检查文件。",
            en=f"{path} cannot be read ({type(error).__name__}).",
            field="confirm",
        ) from None
    absent = [name for name in COLUMNS if name not in rows.columns]
    if absent:
        raise InvalidInput(
            zh=f"{path} 缺少列 {'、'.join(absent)}，需要 {'、'.join(COLUMNS)}。",
            en=f"{path} lacks the columns {', '.join(absent)}; it needs {', '.join(COLUMNS)}.",
            field=absent[0],
        )
    return rows[list(COLUMNS)].apply(lambda column: column.str.strip())


def _faults(number: int, row: pd.Series, sites: dict[str, pd.Series], day: pd.Timestamp) -> Iterator[Fault]:
    if row["decision"] not in DECISIONS:
        yield number, f"decision 应为 {' 或 '.join(DECISIONS)}", f"decision must be {' or '.join(DECISIONS)}"
    if not row["person"]:
        yield number, "person 为空", "person is empty"
    if row["decision"] == REFUSE and not row["reason"]:
        yield number, "否定须写明理由 reason", "a refusal needs a reason"
    site = sites.get(row["project_id"])
    if site is None:
        yield (
            number,
            f"评级中没有项目 {row['project_id']}",
            f"there is no site {row['project_id']} in the run",
        )
    elif row["decision"] in DECISIONS and (why := hindrance(site, _decision(row, site, day))):
        yield number, f"{row['project_id']}：{why[0]}", f"{row['project_id']}: {why[1]}"


def _decision(row: pd.Series, site: pd.Series, day: pd.Timestamp) -> Decision:
    return Decision(row["project_id"], row["decision"], row["person"], row["reason"], day, waiting_at(site))
