"""What a policy may not say: misspelt words, thresholds out of order, a matrix with holes; each with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from data_contracts.change_policy_checks import changeable_facts_faults
from data_contracts.choice_policy_checks import visit_choice_faults
from data_contracts.contract import contracts
from data_contracts.frequency_policy_checks import visit_frequency_faults
from data_contracts.grade_policy_checks import dynamic_grade_faults
from data_contracts.plan_policy_checks import weekly_plan_faults
from data_contracts.policy import DATED_WORDS, LINE, Fault, wrong_words
from data_contracts.policy_conditions import condition_faults, conditions_of

GRADES = (1, 2, 3, 4, 5)


def content_faults(name: str, entry: Mapping[str, Any]) -> list[Fault]:
    """All faults of one dated entry of the policy `name`."""
    checks: dict[str, Callable[[Mapping[str, Any]], Iterator[Fault]]] = {
        "inherent_grade": _inherent_grade,
        "risk_matrix": _risk_matrix,
        "input_requirements": _input_requirements,
        "dynamic_grade": dynamic_grade_faults,
        "visit_frequency": visit_frequency_faults,
        "visit_choice": visit_choice_faults,
        "weekly_plan": weekly_plan_faults,
        "changeable_facts": changeable_facts_faults,
        "ledger_retention": _ledger_retention,
    }
    if name not in checks:
        return [(1, f"there is no policy called {name}")]
    return list(checks[name](entry))


def _ledger_retention(entry: Mapping[str, Any]) -> Iterator[Fault]:
    yield from wrong_words(entry, {"keep_years"} | DATED_WORDS, {"keep_years"})
    years = entry.get("keep_years")
    if type(years) is not int or years < 1:
        yield entry[LINE], f"keep_years is {years!r}, not a whole number of years from 1 on"


def _inherent_grade(entry: Mapping[str, Any]) -> Iterator[Fault]:
    needed = {"needs_any", "rules", "otherwise"}
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    rules, codes = entry.get("rules") or [], set()
    for rule in [*rules, *([entry["otherwise"]] if "otherwise" in entry else [])]:
        said = {"code", "grade", "zh", "en", "reference"}
        conditions = set() if rule is entry.get("otherwise") else {"all", "any", "unchecked"}
        yield from wrong_words(rule, said | conditions, said)
        if rule.get("grade") not in GRADES:
            yield rule[LINE], f"grade is {rule.get('grade')!r}, not 1 to 5"
        if rule.get("code") in codes:
            yield rule[LINE], f"{rule['code']} stands twice"
        codes.add(rule.get("code"))
        if conditions and not (rule.get("all") or rule.get("any")):
            yield rule[LINE], "a rule needs conditions under all or any"
        for condition in conditions_of(rule):
            yield from condition_faults(condition)
    yield from _rising(rules)


def _rising(rules: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Where one fact alone decides, a higher grade may not begin at a lower threshold."""
    alone: dict[str, list[tuple[int, float, int]]] = {}
    for rule in rules:
        single = rule.get("any") or (rule.get("all") if len(rule.get("all") or ()) == 1 else ()) or ()
        for condition in single if not (rule.get("any") and rule.get("all")) else ():
            start = condition.get("at_least")
            if isinstance(start, (int, float)) and rule.get("grade") in GRADES:
                alone.setdefault(condition.get("fact"), []).append((rule["grade"], start, condition[LINE]))
    for fact, found in alone.items():
        for grade, start, line in found:
            if any(grade > other and start < other_start for other, other_start, _ in found):
                yield (
                    line,
                    f"thresholds out of order: {fact} reaches grade {grade} from {start}, below a lower one",
                )


def _risk_matrix(entry: Mapping[str, Any]) -> Iterator[Fault]:
    yield from wrong_words(entry, {"credit", "cells"} | DATED_WORDS, {"credit", "cells"})
    credit, cells = entry.get("credit") or {LINE: entry[LINE]}, entry.get("cells") or {}
    yield from wrong_words(credit, {"facts", "classes", "unknown"}, {"facts", "classes", "unknown"})
    classes = credit.get("classes") or []
    for one in classes:
        words = {"code", "rank", "at_least", "zh", "en"}
        yield from wrong_words(one, words, words)
    starts = [one.get("at_least") for one in classes]
    known = [start for start in starts if start is not None]
    if known != sorted(set(known), reverse=True) or starts[-1:] != [None] or None in starts[:-1]:
        yield credit[LINE], f"thresholds out of order: {starts} must fall and end with null"
    codes = [one.get("code") for one in classes]
    yield from _cells(cells, codes, str((credit.get("unknown") or {}).get("code")), entry[LINE])


def _cells(cells: Mapping[Any, Any], codes: list[Any], unknown: str, line: int) -> Iterator[Fault]:
    rows = {grade: row for grade, row in cells.items() if grade != LINE}
    if tuple(sorted(rows)) != GRADES:
        yield line, f"cells have the rows {sorted(rows)}, not 1 to 5"
        return
    before: list[int] = []
    for grade in GRADES:
        row = rows[grade]
        yield from wrong_words(row, {*codes, unknown}, {*codes, unknown})
        levels = [row.get(code) for code in codes]
        if any(level not in GRADES for level in [*levels, row.get(unknown)]):
            yield row[LINE], f"a level of row {grade} is not 1 to 5"
            return
        if levels != sorted(levels) or any(b > a for a, b in zip(levels, before, strict=False)):
            yield row[LINE], f"row {grade} falls where credit or the inherent grade gets worse"
        before = levels


def _input_requirements(entry: Mapping[str, Any]) -> Iterator[Fault]:
    yield from wrong_words(entry, {"tables"} | DATED_WORDS, {"tables"})
    seen = set()
    for one in entry.get("tables") or []:
        said = {"table", "zh", "en", "reference"}
        yield from wrong_words(one, said | {"required", "late_after_days"}, said)
        if one.get("table") not in contracts() or one.get("table") in seen:
            yield one[LINE], f"{one.get('table')} is no contract table, or stands twice"
        seen.add(one.get("table"))
        required = one.get("required")
        if required is not None:
            yield from wrong_words(required, {"all", "any"}, set())
            for condition in conditions_of(required):
                yield from condition_faults(condition)
