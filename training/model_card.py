"""The model card of a head: what the page of the training says, as Markdown, for MLflow and for archives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from training.report_parts import Cell, Said, Section, Table, contender, count, day
from training.training_page import (
    NOT_FOR,
    SIMULATED,
    HeadReport,
    calibration_numbers,
    head_report,
    versions_table,
)

_INTENDED = Said(
    "供监督机构安排检查：按风险高低给出建议的次序（检查建议），由监督员决定。",
    "For a supervision station that plans its visits: an order of sites by risk, as advice (检查建议). Inspectors decide.",
)


def model_card(passport: Mapping[str, Any], head: str) -> str:
    """The card of one head as Markdown, Chinese beside English; its first sentence is the verdict.

    Raises KeyError for a head that the passport does not hold.
    """
    about = passport["heads"][head]
    report = head_report(head, about)
    simulated = f"【{SIMULATED.zh} {SIMULATED.en}】" if passport.get("simulated") else ""
    blocks = [
        f"# {simulated}{report.title.zh} / {report.title.en} (`{head}`)",
        f"**{simulated}{report.verdict.said.zh}**",
        f"**{report.verdict.said.en}**",
        *_uses(),
        *_made_from(passport, about, report),
        *(block for section in report.sections for block in _section(section)),
        *_parameters(about),
        "## 版本与指纹 / Versions and fingerprints",
        _table(versions_table(passport)),
    ]
    return "\n\n".join(blocks) + "\n"


def _uses() -> list[str]:
    not_for = "\n".join(f"- {each.zh} {each.en}" for each in NOT_FOR)
    return [
        "## 用途 / Intended use",
        f"{_INTENDED.zh}\n{_INTENDED.en}",
        "## 不得用于 / Not for",
        not_for,
    ]


def _made_from(passport: Mapping[str, Any], head: Mapping[str, Any], report: HeadReport) -> list[str]:
    definition = head.get("definition") or {}
    horizon = definition.get("horizon_days")
    window = (
        "given a visit on that day"
        if horizon is None
        else f"from the day after `as_of` to {horizon} days after"
    )
    return [
        "## 数据与标签 / Data and labels",
        f"Records on file until {day(passport.get('until'))}, snapshot `{passport.get('snapshot_sha256', '–')}`. "
        f"Label: {report.description or '–'} Counted {window}; complete {definition.get('reporting_lag_days', '–')} days later. "
        "Features see only what was on file at `as_of`.",
        "```json\n" + json.dumps(definition, ensure_ascii=False, indent=1) + "\n```",
        f"{report.basis.zh}\n{report.basis.en}",
        "## 特征 / Features",
        f"{count(len(passport.get('features') or []))} features of the catalogue `{passport.get('catalogue_sha256', '–')}`; "
        "the columns kept for audits are not among them.",
    ]


def _parameters(head: Mapping[str, Any]) -> list[str]:
    chosen = contender(head.get("chosen") or "–")
    parameters = {k: v for k, v in (head.get("parameters") or {}).items() if k != "monotone_constraints"}
    return [
        "## 参数 / Parameters",
        f"{chosen.zh} / {chosen.en}; risk = {calibration_numbers(head)}.",
        "```json\n" + json.dumps(parameters, ensure_ascii=False, indent=1, sort_keys=True) + "\n```",
    ]


def _section(section: Section) -> list[str]:
    """A section in Markdown; the drawings are left to the page and to the plots of the run."""
    blocks = [f"## {section.title.zh} / {section.title.en}"]
    blocks += [f"{each.zh}\n{each.en}" for each in section.sentences]
    for table in section.tables:
        blocks += [f"{table.caption.zh} / {table.caption.en}", _table(table)]
    return blocks


def _table(table: Table) -> str:
    rule = (
        "|"
        + "|".join(" --- " if place in table.texts else " ---: " for place in range(len(table.header)))
        + "|"
    )
    return "\n".join([_line(table.header), rule, *(_line(row) for row in table.rows)])


def _line(cells: tuple[Cell, ...]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: Cell) -> str:
    """A cell in one line, both languages where they differ, and no bar of its own."""
    text = cell if isinstance(cell, str) else cell.zh if cell.zh == cell.en else f"{cell.zh} · {cell.en}"
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
