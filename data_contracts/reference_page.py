"""The reference page of the contracts, `docs/contracts.md`, written from the YAML alone.

`python -m data_contracts.reference_page` writes it; a test holds that the committed page is current.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from data_contracts.cell_screening import MISSING_WORDS
from data_contracts.code_list import Code, CodeList, code_lists
from data_contracts.contract import Column, TableContract, contract_set_version, contracts
from data_contracts.rule_book import rules

PAGE = Path(__file__).parents[1] / "docs" / "contracts.md"

INTRODUCTION = """\
# Contract tables

What a city may deliver, version {version} of the contracts. This page is written from the files under
`data_contracts/contracts/` (Open Data Contract Standard v3.1, one file a table), `data_contracts/code_lists/`
and `data_contracts/rules.yaml`; after a change there, `python -m data_contracts.reference_page` writes it anew.

**A table is a file** named after it: CSV, Excel or Parquet. Headings are the column names, or the Chinese or
English titles, alone or with the column's own unit in brackets. A heading with another unit (总建筑面积（万m²）) is
another column and is not read. Only columns marked * must be there; everything else may be missing, a value or
the whole column, and missing is never zero, false or low.

**Missing** is an empty cell. These words mean missing too, in any case, and are reported each time:
{missing_words}.
So do a date of the year 0000 or 9999 where the column may be missing, and `nan` in a text. `NaN` in a number is
refused: a computation that failed is not a value nobody knew. Blanks around a value do not belong to it.

**Numbers** are written 1234.5. Thousands separators by threes (1,234.5), full-width digits and the `.0` that
spreadsheets add to codes are read and reported. **Yes or no** is true/false, 1/0, 是/否, Y/N. **Dates** are
2026-03-01; 2026/3/1, 2026.3.1, 20260301 and 2026年3月1日 are read too. A time of day in a column that holds a day is
dropped and reported. **Moments** are ISO 8601; without offset they are Asia/Shanghai. Where only the day is given,
`recorded_at`, `withdrawn_at` and closings are the end of that day, for what was filed on a day was not known that
morning; `raised_at` and `issued_at` are its start.

**Versions.** A row with the same key and a later `recorded_at` replaces the earlier one from then on; the earlier
one is kept. `withdrawn_at` takes a wrong row away as a whole. A *closing* counts from the later of its own time
and the `recorded_at` of the version that carries it.

**References** to `projects` are always enforced: a row whose project is not on record waits in quarantine and is
tried again. Others are enforced only once their parent table has rows, for a city joins with what it has.

**Never accepted**, by name of the column: identity numbers, phone numbers, faces and other biometrics, health,
age, gender, origin (`data_contracts/personal_columns.yaml`). The whole file is refused.
"""


def reference_page() -> str:
    """The page as Markdown."""
    words = " ".join(f"`{word.upper()}`" for word in sorted(MISSING_WORDS))
    parts = [INTRODUCTION.format(version=contract_set_version(), missing_words=words)]
    parts.append("## Tables\n")
    parts.append(
        _grid(("table", "中文", "rows are"), ((_link(t.name), t.title_zh, t.description) for t in _tables()))
    )
    parts += [_table_section(table) for table in _tables()]
    parts.append(_rules_section())
    parts.append("## Code lists\n")
    parts.append(
        "A closed list refuses an unknown code; an open one lets it pass, stored as it came, and reports it. Trust:"
        " V read in a public source, V2 read in a partial or reworded copy, K well known from the regulation named,"
        " I illustrative, to be set by the station.\n"
    )
    parts += [_code_list_section(listed) for listed in code_lists().values()]
    return "\n".join(parts)


def write_reference_page(page: Path = PAGE) -> None:
    """Write the page where it is committed."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(reference_page(), encoding="utf-8")


def _tables() -> list[TableContract]:
    return list(contracts().values())


def _table_section(table: TableContract) -> str:
    facts = f"Key: {', '.join(f'`{name}`' for name in table.key)}."
    facts += f" Day of the event: `{table.happened}`." if table.happened else ""
    rows = ((_name(c), c.title_zh, _kind(c), _limits(c), _points_to(c), _meaning(c)) for c in table.columns)
    lines = [
        f"## {table.name}\n",
        f"**{table.title_zh}** · {table.title_en}. {table.description} {facts} Version {table.version}.\n",
        _grid(("column", "中文", "kind", "unit, range", "list, parent", "meaning"), rows),
    ]
    if table.rules:
        said = ((f"`{r.code}`", r.severity, r.en, r.zh, r.options.get("source", "")) for r in table.rules)
        lines.append(_grid(("rule", "level", "what is said", "中文", "source"), said))
    return "\n".join(lines)


def _name(column: Column) -> str:
    return f"`{column.name}`" + ("*" if column.required else "")


def _kind(column: Column) -> str:
    if column.granularity == "month":
        return "month"
    return f"{column.kind} ≤ {column.max_length}" if column.kind == "text" else column.kind


def _limits(column: Column) -> str:
    unit = f"{column.unit}, " if column.unit else ""
    if column.minimum is None and column.maximum is None:
        return unit.rstrip(", ")
    least = "" if column.minimum is None else f"{column.minimum:.15g}"
    most = "" if column.maximum is None else f"{column.maximum:.15g}"
    return f"{unit}{least} to {most}"


def _points_to(column: Column) -> str:
    if column.reference:
        when = "" if column.reference.enforced == "always" else ", when delivered"
        return f"{_link(column.reference.table)}{when}"
    name = column.code_list or column.list_of
    return _link(name, f"list-{name}") if name else ""


def _meaning(column: Column) -> str:
    marks = "*Closing.* " if column.is_closing and "Closing" not in column.description else ""
    return marks + column.description


def _rules_section() -> str:
    lines = ["## Rules of every table\n"]
    for about, intro in (
        (
            "cells",
            "Of single cells; an unknown code is an error in closed lists and a warning in open ones.\n",
        ),
        ("files", "Of rows against other rows, tables and the file.\n"),
    ):
        listed = (rule for rule in rules().values() if rule.about == about)
        said = ((f"`{r.code}`", r.title_zh, r.level, r.en, r.zh) for r in listed)
        lines += [intro, _grid(("rule", "中文名", "level", "what is said", "中文"), said)]
    return "\n".join(lines)


def _code_list_section(listed: CodeList) -> str:
    openness = "closed" if listed.closed else "open"
    facts = f"**{listed.title_zh}** · {listed.title_en}. {openness}, version {listed.version}, trust {listed.trust}."
    lines = [
        f'### <a id="list-{listed.name}"></a>{listed.name}\n',
        f"{facts} Source: {listed.source}. {listed.note}\n",
    ]
    rows = ((f"`{code.code}`", code.zh, code.en, _extra(code)) for code in listed.codes.values())
    if any(code.extra for code in listed.codes.values()):
        lines.append(_grid(("code", "中文", "English", "more"), rows))
    else:
        lines.append(_grid(("code", "中文", "English"), (row[:3] for row in rows)))
    return "\n".join(lines)


def _extra(code: Code) -> str:
    said = []
    for name, value in code.extra.items():
        if name == "thresholds":
            said += [_threshold(one) for one in value]
        elif value is not None:
            said.append(f"{name} {str(value).lower() if isinstance(value, bool) else value}")
    return "; ".join(said)


def _threshold(one: dict[str, object]) -> str:
    bounds = (("dangerous", one["dangerous_from"]), ("over-scale", one["overscale_from"]))
    return f"{one['parameter']}: " + ", ".join(
        f"{word} ≥ {bound}" for word, bound in bounds if bound is not None
    )


def _link(name: str, anchor: str | None = None) -> str:
    return f"[{name}](#{anchor or name})"


def _grid(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_reference_page()
