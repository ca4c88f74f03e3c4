"""What a policy of changeable facts may not say, each fault with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.contract import contracts
from data_contracts.policy import DATED_WORDS, LINE, Fault, wrong_words

_NEEDED = {"code", "zh", "en", "table", "picks", "sets", "reference"}
_ALLOWED = _NEEDED | {"open", "only", "reached", "takes", "after"}
_WAYS = ("value", "days_after_as_of", "per_cent_of")
PICKS = ("ids", "post")


def changeable_facts_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one dated entry."""
    needed = {"changes", "unchangeable"}
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    changes, unchangeable = entry.get("changes") or [], entry.get("unchangeable") or []
    for one in changes:
        wrong = list(wrong_words(one, _ALLOWED, _NEEDED))
        yield from wrong
        if not wrong:
            yield from _change_faults(one)
    for one in unchangeable:
        yield from wrong_words(one, {"code", "tables", "zh", "en"}, {"code", "tables", "zh", "en"})
    codes = Counter(one.get("code") for one in (*changes, *unchangeable))
    yield from (
        (entry[LINE], f"{code} stands {number} times") for code, number in codes.items() if number > 1
    )
    named = Counter(table for one in unchangeable for table in one.get("tables") or ())
    for table in sorted({*contracts(), *named}):
        if table not in contracts() or named[table] != 1:
            yield entry[LINE], f"unchangeable names the table {table} {named[table]} times, not once"


def _change_faults(one: Mapping[str, Any]) -> Iterator[Fault]:
    line = one[LINE]
    if one["table"] not in contracts():
        yield line, f"{one['table']} is no contract table"
        return
    if one["picks"] not in PICKS:
        yield line, f"picks is {one['picks']!r}, not one of {', '.join(PICKS)}"
    only, sets = one.get("only") or {}, one["sets"]
    columns = [*one.get("open", ()), *only, *sets, *filter(None, [one.get("reached")])]
    yield from _column_faults(one["table"], columns, line)
    for how in (how for name, how in sets.items() if name != LINE):
        if how != "as_of":
            yield from _way_faults(one["table"], how, line)
    bounds = (one.get("takes") or {"percent": [0, 0]}).get("percent")
    if not isinstance(bounds, list) or len(bounds) != 2 or not bounds[0] <= bounds[1]:
        yield line, f"takes has no bounds for percent: {bounds!r}"
    if after := one.get("after"):
        yield from wrong_words(after, {"table", "by", "open"}, {"table", "by", "open"})
        yield from _column_faults(str(after.get("table")), [after.get("by"), *after.get("open", ())], line)
        yield from _column_faults(one["table"], [after.get("by")], line)


def _way_faults(table: str, how: object, line: int) -> Iterator[Fault]:
    said = [word for word in how if word != LINE] if isinstance(how, Mapping) else []
    if len(said) != 1 or said[0] not in _WAYS:
        yield line, f"sets needs as_of or one of {', '.join(_WAYS)}: {said or how!r}"
    elif isinstance(how, Mapping) and "per_cent_of" in how:
        yield from _column_faults(table, [how["per_cent_of"]], line)


def _column_faults(table: str, columns: list[Any], line: int) -> Iterator[Fault]:
    known = contracts()[table].column_names if table in contracts() else ()
    for column in columns:
        if column != LINE and column not in known:
            yield line, f"{table} has no column {column}"
