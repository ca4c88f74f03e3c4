"""A plan as files: CSV, Excel, JSON, and a calendar that telephones and office programs read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from data_contracts.errors import SourceUnreadable
from serving.plan.plan_tables import AGENCIES, COLUMNS, DRAW, LEFT_OUT, WeeklyPlan, as_records
from serving.plan.visit_words import ALERTS
from serving.result_files import as_rows, plain_cells, writable_result, written_whole

HEADINGS_ZH = {
    "visit_id": "检查编号", "week": "周次", "day": "日期", "agency_code": "监督机构", "project_id": "项目编号",
    "discipline": "专业", "team_needs": "组队要求", "inspector_refs": "检查人员",
    "team_lacks": "未满足的组队要求", "selected_by": "选取方式", "selection_probability": "抽取概率",
    "seed": "随机种子", "colour": "动态风险", "due_on": "应检日期", "value": "预计可降低的风险", "reason_zh": "理由", "reason_en": "reason",
    "checklist_zh": "检查要点", "checklist_en": "what to look at",
}  # fmt: skip
TABLES = {"visits": COLUMNS, "draw": DRAW, "agencies": AGENCIES, "left_out": LEFT_OUT, "alerts": ALERTS}
_LINE = 75  # octets of a calendar's line: RFC 5545, 3.1


def write_plan(plan: WeeklyPlan, path: Path) -> None:
    """Write the plan beside `path` first and rename; the kind is the file's ending. Raises InvalidInput for any other."""
    with written_whole(writable_result(path, ENDINGS)) as building:
        _WRITERS[path.suffix.lower()](plan, building)


def plan_json(plan: WeeklyPlan) -> dict[str, Any]:
    """Everything of a plan as plain JSON; `read_plan` reads it again."""
    tables = {name: getattr(plan, name) for name in TABLES}
    return {"passport": dict(plan.passport)} | {name: _rows(rows) for name, rows in tables.items()}


def read_plan(path: Path) -> WeeklyPlan:
    """A plan written as JSON; raises SourceUnreadable for anything else."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        frames = {name: pd.DataFrame(told[name], columns=list(columns)) for name, columns in TABLES.items()}
        visits = frames.pop("visits")
        visits = visits.assign(**{name: pd.to_datetime(visits[name]) for name in ("day", "due_on")})
        return WeeklyPlan(
            visits, frames["draw"], frames["agencies"], frames["left_out"], frames["alerts"], told["passport"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceUnreadable(
            zh=f"{path} 不是 siterisk plan 写出的 JSON 计划文件。",
            en=f"{path} is no plan written as JSON by siterisk plan.",
            field="remake",
        ) from error


def calendar(plan: WeeklyPlan) -> str:
    """The visits as all-day events of an iCalendar file (RFC 5545); the same plan gives the same text."""
    stamp = pd.Timestamp(plan.passport["as_of"]).strftime("%Y%m%dT%H%M%SZ")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//siterisk//weekly plan//ZH", "CALSCALE:GREGORIAN"]
    for visit in as_records(plan.visits):
        if pd.isna(visit["day"]):
            continue
        day = pd.Timestamp(visit["day"])
        who = f"检查人员：{visit['inspector_refs']}\n" if visit["inspector_refs"] else ""
        text = str(visit["reason_zh"]) + "\n" + str(visit["checklist_zh"])
        lines += [
            "BEGIN:VEVENT",
            f"UID:{visit['visit_id']}@siterisk",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{day + dt.timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{_escaped('监督检查 ' + str(visit['project_id']))}",
            f"DESCRIPTION:{_escaped(who + text)}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(_folded(line) + "\r\n" for line in lines)


def _escaped(text: str) -> str:
    """A text value: RFC 5545, 3.3.11."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return text


def _folded(line: str) -> str:
    """Lines of at most 75 octets, no character torn apart; what follows begins with a space.

    >>> [len(part.encode()) for part in _folded("风" * 60).split("\\r\\n")]
    [75, 73, 34]
    """
    parts, part, size = [], "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _LINE:
            parts.append(part)
            part, size = " ", 1
        part, size = part + character, size + octets
    return "\r\n".join([*parts, part])


def _rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in as_rows(rows)]


def _shown(visits: pd.DataFrame) -> pd.DataFrame:
    days = {name: visits[name].dt.strftime("%Y-%m-%d") for name in ("day", "due_on")}
    return plain_cells(visits.assign(**days)).rename(columns=HEADINGS_ZH)


def _csv(plan: WeeklyPlan, path: Path) -> None:
    # With the mark by which Excel knows UTF-8.
    _shown(plan.visits).to_csv(path, index=False, encoding="utf-8-sig")


def _excel(plan: WeeklyPlan, path: Path) -> None:
    sheets: Mapping[str, pd.DataFrame] = {
        "检查计划": _shown(plan.visits),
        "各机构": plan.agencies,
        "未能安排": plan.left_out.assign(
            due_on=pd.to_datetime(plan.left_out["due_on"]).dt.strftime("%Y-%m-%d")
        ),
        "随机抽取": plan.draw,
        "气象提示": plan.alerts,
    }
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        for name, rows in sheets.items():
            plain_cells(rows).to_excel(book, sheet_name=name, index=False)
            book.sheets[name].freeze_panes = "A2"


def _json(plan: WeeklyPlan, path: Path) -> None:
    path.write_text(json.dumps(plan_json(plan), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _calendar(plan: WeeklyPlan, path: Path) -> None:
    path.write_text(calendar(plan), encoding="utf-8", newline="")


_WRITERS: dict[str, Callable[[WeeklyPlan, Path], None]] = {
    ".csv": _csv,
    ".xlsx": _excel,
    ".json": _json,
    ".ics": _calendar,
}
ENDINGS = tuple(_WRITERS)
