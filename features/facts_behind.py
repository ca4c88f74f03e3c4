"""Which facts make a value, for explanations and for objections: the records themselves, with what each adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_contracts.moments import as_of_moment
from features import lookup_kernels as kernel
from features.fact_shelf import FactShelf
from features.feature import GROUPS, RATIO, Feature
from features.plans import Step
from features.sorting import DAY, MISSING, Floats, Ints
from features.step_functions import Spans
from features.step_keys import pair
from features.step_requests import Carried, Summed

if TYPE_CHECKING:
    from features.fact_index import FactIndex

PSEUDONYMS = ("person_ref", "inspector_refs", "inspector_ref")  # persons are no reason


@dataclass(frozen=True)
class Fact:
    """A record that a value rests on.

    `amount` is what it adds to the value of the feature `of`, in the feature's unit; the amounts of a count, sum,
    trend or exposure add up to its value. Of things counted once each, further records of the same thing add 0.
    For a latest or highest value it is the number carried, for a change the later one less the earlier, for days
    since or until the moment from which they are counted is `happened`. `row` holds the columns that are not missing, without
    references to persons.
    """

    of: str
    table: str
    key: dict[str, Any]
    recorded_at: pd.Timestamp
    happened: pd.Timestamp | None
    amount: float
    row: dict[str, Any]


def facts_behind(index: FactIndex, name: str, project_id: str, as_of: Any) -> list[Fact]:
    """The records on file at `as_of` that make the value of the feature `name` for a project, newest first.

    For a ratio those of its numerator and denominator, for a feature by policy those of the facts its rules
    ask for; the rate of a group that a ratio is drawn toward rests on the whole group and is not listed. Empty
    where the value is missing, 0 or of the calendar alone. Raises NotFound for a name that is no feature.
    """
    moment = int(np.datetime64(as_of_moment(as_of), "us").astype(np.int64))
    found: dict[str, list[Fact]] = {}
    for one in _looked_up(index, name):
        if one.name not in found:
            found[one.name] = _of_feature(index, one, project_id, moment)
    facts = [fact for facts in found.values() for fact in facts]
    return sorted(facts, key=lambda fact: (fact.of, fact.happened or fact.recorded_at), reverse=True)


def _looked_up(index: FactIndex, name: str) -> list[Feature]:
    """The features with facts of their own that a feature is made of."""
    feature = index.catalogue.feature(name)
    if feature.measure == RATIO:
        return [
            one for part in (feature.numerator, feature.denominator) for one in _looked_up(index, str(part))
        ]
    rule = index.policies.rules.get(name)
    if rule is not None:
        known = {one.name for one in index.catalogue.features}
        return [one for need in rule.needs if need in known for one in _looked_up(index, need)]
    return [feature]


def _of_feature(index: FactIndex, feature: Feature, project_id: str, moment: int) -> list[Fact]:
    step = index.steps[feature.name]
    asked = _asked(index, feature, project_id, moment)
    if asked is None or not step.requests:
        return []
    rows, amounts = _WAYS[step.kind](step, asked, moment)
    happened = asked.shelf.since(feature)[rows]
    if step.kind == kernel.DAYS:  # the moment that the days are counted from
        happened = step.requests[0].values(asked.shelf)[rows].astype(np.int64)  # type: ignore[attr-defined]
    return _as_facts(feature, asked.shelf, (rows, happened, amounts))


@dataclass(frozen=True)
class _Asked:
    """The facts of everyone who could matter, and who is asked about, by the shelf's numbers."""

    feature: Feature
    shelf: FactShelf
    site: int
    subject: int


def _asked(index: FactIndex, feature: Feature, project_id: str, moment: int) -> _Asked | None:
    """None where the project or the feature's subject is not on file."""
    city, site = index.city, index.city.keeper(project_id)
    subject = index.subject(feature, project_id, moment)
    if (
        site is None
        or subject < 0
        or np.isnan(index.cells([feature.name], [project_id], [np.datetime64(moment, "us")])[0, 0])
    ):
        return None
    if feature.group:
        keepers = city.all_keepers(str(feature.table)) | city.connected({site})
        if GROUPS[feature.group][1]:
            keepers |= city.all_keepers(str(GROUPS[feature.group][1]))
    elif feature.role:
        firms = {keeper // 2 for keeper in city.connected({2 * subject + 1}) if keeper % 2 == 1}
        keepers = city.keepers_concerning(firms, str(feature.table)) | city.connected({site})
    else:
        keepers = city.connected({site})
    shelf = city.part(keepers)
    local = subject
    if not feature.group:
        registers = (
            (city.projects, shelf.projects) if feature.role is None else (city.enterprises, shelf.enterprises)
        )
        local = int(registers[1].numbers_of([registers[0].ids[subject]])[0])
    return _Asked(feature, shelf, int(shelf.projects.numbers_of([project_id])[0]), local)


def _total(step: Step, asked: _Asked, moment: int) -> tuple[Ints, Floats]:
    (request,) = step.requests
    assert isinstance(request, Summed)
    spans = asked.shelf.spans(request.feature)
    places = _counted(request, spans, asked, moment)
    weights = asked.shelf.weights(request.feature)[spans.rows[places]] / step.numbers[0]
    if request.feature.distinct:
        things = asked.shelf.same_things(request.feature, spans)[places]
        weights = np.where(
            np.isin(np.arange(len(places)), np.unique(things, return_index=True)[1]), weights, 0.0
        )
    return spans.rows[places], weights


def _trend(step: Step, asked: _Asked, moment: int) -> tuple[Ints, Floats]:
    window, both = (Step(kernel.TOTAL, (request,), numbers=step.numbers) for request in step.requests)
    rows, amounts = _total(both, asked, moment)
    recent = np.isin(rows, _total(window, asked, moment)[0])
    return rows, np.where(recent, amounts, -amounts)


def _exposure(step: Step, asked: _Asked, moment: int) -> tuple[Ints, Floats]:
    days: dict[int, float] = {}
    for request, times in zip(step.requests, (moment // DAY, 1), strict=True):
        assert isinstance(request, Summed)
        spans, weights = request.spans(asked.shelf)
        places = _counted(request, spans, asked, moment)
        for row, weight in zip(spans.rows[places].tolist(), weights[places].tolist(), strict=True):
            days[row] = days.get(row, 0.0) + weight * times
    return np.array(list(days), np.int64), np.array(list(days.values()))


def _carried(step: Step, asked: _Asked, moment: int) -> tuple[Ints, Floats]:
    rows: list[int] = []
    amounts: list[float] = []
    for request, shift, sign in zip(step.requests, step.shifts, (1, -1), strict=False):
        assert isinstance(request, Carried)
        spans, ranks = request.leading.spans(asked.shelf)
        places = _in_force(spans, asked.subject, moment - shift)
        if len(places):
            row = int(spans.rows[places[np.argmax(ranks[places])]])
            rows.append(row)
            amounts.append(sign * float(request.values(asked.shelf)[row]))
    return np.array(rows, np.int64), np.array(amounts)


def _days(step: Step, asked: _Asked, moment: int) -> tuple[Ints, Floats]:
    rows, days = _carried(step, asked, moment)
    return rows, (step.numbers[0] * (moment - days)) // DAY


_WAYS = {
    kernel.TOTAL: _total,
    kernel.TREND: _trend,
    kernel.EXPOSURE: _exposure,
    kernel.CARRIED: _carried,
    kernel.CHANGE: _carried,
    kernel.DAYS: _days,
}


def _in_force(spans: Spans, subject: int, moment: int) -> Ints:
    return np.flatnonzero((spans.entities == subject) & (spans.starts <= moment) & (moment < spans.ends))


def _counted(request: Summed, spans: Spans, asked: _Asked, moment: int) -> Ints:
    """The spans in force for the subject, without those of the site itself where it looks elsewhere."""
    places = _in_force(spans, asked.subject, moment)
    if request.elsewhere:
        own = asked.shelf.own(str(request.feature.table), spans)
        both = int(pair(np.array([asked.site]), np.array([asked.subject]))[0])
        places = np.setdiff1d(places, own.rows[_in_force(own, both, moment)])
    return places


def _as_facts(feature: Feature, shelf: FactShelf, found: tuple[Ints, Ints, Floats]) -> list[Fact]:
    table, (rows, happened, amounts) = shelf.table(feature), found
    said = table.rows.frame(rows).to_dict("records")
    return [
        Fact(
            feature.name,
            str(feature.table),
            {column: row[column] for column in table.contract.key},
            row["recorded_at"],
            None if day == MISSING else pd.Timestamp(day, unit="us"),
            amount,
            _shown(row, table.contract.column_names),
        )
        for row, day, amount in zip(said, happened.tolist(), amounts.tolist(), strict=True)
    ]


def _shown(row: Mapping[Any, Any], columns: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in columns if name not in PSEUDONYMS and not pd.isna(row[name])}
