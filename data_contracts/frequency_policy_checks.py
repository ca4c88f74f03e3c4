"""What a policy of visit frequencies may not say: a grade without a base, a worse colour visited less, nodes of strange grades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from data_contracts.grade_policy_checks import COLOURS, SAID
from data_contracts.policy import DATED_WORDS, LINE, Fault, wrong_words
from data_contracts.policy_conditions import number_faults, whole_days_faults

GRADES = (1, 2, 3, 4, 5)
UNKNOWN_GRADE = "unknown"
PER_YEAR, PER_PROJECT = "visits_per_year", "visits_per_project"
WITHIN_DAYS, WITHIN_WORKING_DAYS = "first_within_days", "first_within_working_days"
EVERY = "then_every_days"


def visit_frequency_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one dated entry, each with its line."""
    needed = {"last_visit", "expected_duration", "base", "additions", "nodes"}
    yield from wrong_words(entry, needed | DATED_WORDS, needed)
    if needed - set(entry):
        return
    if not entry["last_visit"]:
        yield entry[LINE], "last_visit names no feature"
    yield from _duration(entry["expected_duration"])
    yield from _base(entry["base"])
    yield from _additions(entry["additions"])
    yield from _nodes(entry["nodes"] or [])


def _duration(duration: Mapping[str, Any]) -> Iterator[Fault]:
    words = {"facts", "otherwise_days", "at_least_days"}
    yield from wrong_words(duration, words, words)
    for word in ("otherwise_days", "at_least_days"):
        yield from number_faults(duration, word, above=0)


def _base(base: Mapping[Any, Any]) -> Iterator[Fault]:
    rows = {grade: row for grade, row in base.items() if grade != LINE}
    absent = [str(grade) for grade in (*GRADES, UNKNOWN_GRADE) if grade not in rows]
    strange = [str(grade) for grade in rows if grade not in (*GRADES, UNKNOWN_GRADE)]
    if absent or strange:
        yield base[LINE], f"base lacks the grades {absent} and has the strange ones {strange}"
    for row in rows.values():
        yield from wrong_words(row, SAID | {PER_YEAR, PER_PROJECT}, SAID)
        if (PER_YEAR in row) == (PER_PROJECT in row):
            yield row[LINE], f"a base says {PER_YEAR} or {PER_PROJECT}, one of the two"
        for word in (PER_YEAR, PER_PROJECT):
            yield from number_faults(row, word, above=0)
    for word in (PER_YEAR, PER_PROJECT):
        said = [(rows[grade][word], rows[grade][LINE]) for grade in GRADES if word in rows.get(grade, {})]
        for (lower, _), (higher, line) in pairwise(said):
            if isinstance(lower, int | float) and isinstance(higher, int | float) and higher < lower:
                yield line, f"thresholds out of order: {word} falls from {lower} to {higher}"


def _additions(additions: Mapping[Any, Any]) -> Iterator[Fault]:
    colours = {code: row for code, row in additions.items() if code != LINE}
    added = COLOURS[:-1]  # blue is the base alone
    strange = sorted(set(map(str, colours)) - set(added))
    if strange:
        yield additions[LINE], f"additions are for {', '.join(added)}, not for {', '.join(strange)}"
    if absent := [code for code in added if code not in colours]:
        yield additions[LINE], f"additions lack {', '.join(absent)}"
    for row in colours.values():
        yield from wrong_words(row, SAID | {WITHIN_DAYS, WITHIN_WORKING_DAYS, EVERY}, SAID | {EVERY})
        if (WITHIN_DAYS in row) == (WITHIN_WORKING_DAYS in row):
            yield row[LINE], f"an addition says {WITHIN_DAYS} or {WITHIN_WORKING_DAYS}, one of the two"
        yield from whole_days_faults(row, WITHIN_DAYS, WITHIN_WORKING_DAYS)
        yield from number_faults(row, EVERY, above=0)
    for word in (EVERY, WITHIN_DAYS):
        said = [
            (colours[code][word], colours[code][LINE]) for code in COLOURS if word in colours.get(code, {})
        ]
        for (worse, line), (better, _) in pairwise(said):
            if isinstance(worse, int | float) and isinstance(better, int | float) and worse > better:
                yield line, f"thresholds out of order: {word} is {worse}, and {better} for a better colour"
    firsts = [(_least_days(colours[code]), colours[code][LINE]) for code in added if code in colours]
    for (worse, line), (better, _) in pairwise(firsts):
        if worse is not None and better is not None and worse > better:
            yield (
                line,
                f"thresholds out of order: the first visit is due later than for a better colour ({worse} days or more)",
            )


def _least_days(addition: Mapping[str, Any]) -> float | None:
    """The fewest days within which the first visit may be due; None where that cannot be read."""
    days = addition.get(WITHIN_DAYS, addition.get(WITHIN_WORKING_DAYS))
    return days if isinstance(days, int | float) else None


def _nodes(nodes: list[Mapping[str, Any]]) -> Iterator[Fault]:
    words, seen = SAID | {"code", "entered", "within_days", "grades"}, set()
    for one in nodes:
        yield from wrong_words(one, words, words)
        yield from whole_days_faults(one, "within_days")
        if set(one.get("grades") or ()) - {*GRADES, UNKNOWN_GRADE}:
            yield one[LINE], f"grades are {one['grades']}, not among 1 to 5 and {UNKNOWN_GRADE}"
        if one.get("code") in seen:
            yield one[LINE], f"{one['code']} stands twice"
        seen.add(one.get("code"))
