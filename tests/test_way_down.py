"""How far a site is from other colours, and which lawful changes would bring it down: distances and sets worked out by hand."""

from __future__ import annotations

from itertools import chain, combinations
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_contracts.moments import now
from features.catalogue import load_catalogue
from features.fact_index import FactIndex
from serving.grading.colour_distance import ColourDistance, lowering_limits
from serving.pages.way_down import in_words
from serving.reasons.points import in_points
from serving.scorer import Scorer
from serving.what_if.changeable_facts import ChangeableFacts
from serving.what_if.drafted_rows import Wanted, drafted_rows
from serving.what_if.possible_changes import NeededChanges, PossibleChanges, needed_changes
from tests.small_city import SmallCity
from training.risk_model import load_champion

FACTS = ChangeableFacts.on(pd.Timestamp("2026-07-01").date()).changes
CUTOFFS = {"RED": 0.04, "ORANGE": 0.02, "YELLOW": 0.01}
TITLES: Any = SimpleNamespace(
    passport={"heads": {"accident": {"definition": {"title_zh": "事故", "title_en": "Accident"}}}}
)


@pytest.mark.parametrize(
    ("risk", "colour", "zh"),
    [
        (0.041, "RED", "高于红色界限（4.00%）0.10个百分点"),
        (0.04, "RED", "高于红色界限（4.00%）0.000个百分点"),
        (0.032, "ORANGE", "高于橙色界限（2.00%）1.20个百分点；距红色（4.00%）还差0.80个百分点"),
        (0.0095, "BLUE", "低于各颜色界限；距黄色（1.00%）还差0.050个百分点"),
    ],
)
def test_a_distance_is_told_in_points_to_both_sides(risk: float, colour: str, zh: str) -> None:
    found = ColourDistance.of(risk, CUTOFFS)
    assert (found.colour, found.words.zh) == (colour, zh)
    assert "%" in found.words.en and found.words.en.isascii()


def test_a_colour_whose_share_holds_no_site_is_no_boundary() -> None:
    found = ColourDistance.of(0.03, {"RED": None, "ORANGE": 0.02, "YELLOW": 0.01})
    assert found.words.zh == "高于橙色界限（2.00%）1.00个百分点"
    assert ColourDistance.of(0.03, {"RED": 0.02, "ORANGE": 0.02, "YELLOW": 0.02}).colour == "RED"


@given(st.floats(0, 1), st.lists(st.floats(1e-6, 1), min_size=3, max_size=3))
def test_a_risk_lies_from_its_own_cutoff_up_to_the_next(risk: float, limits: list[float]) -> None:
    found = ColourDistance.of(
        risk, dict(zip(("RED", "ORANGE", "YELLOW"), sorted(limits, reverse=True), strict=True))
    )
    assert found.cutoff is None or found.cutoff <= risk
    assert found.worse_cutoff is None or risk < found.worse_cutoff
    assert (found.colour == "RED") == (found.worse is None)


def test_the_limit_of_a_step_down_is_the_margin_of_the_colours_cutoff_in_every_head() -> None:
    cutoffs = {"accident": CUTOFFS, "defect": {"RED": None, "ORANGE": 0.5, "YELLOW": 0.4}}
    assert lowering_limits("ORANGE", cutoffs, 0.8) == pytest.approx({"accident": 0.016, "defect": 0.4})
    assert lowering_limits("RED", cutoffs, 0.8) == pytest.approx({"accident": 0.032})
    assert lowering_limits("BLUE", cutoffs, 0.8) == lowering_limits("NA", cutoffs, 0.8) == {}


class MadeUp:
    """Changes whose effects on one risk are given: the share that each takes away, and which has to wait for which."""

    def __init__(self, effects: dict[str, float], waits: dict[str, str] | None = None) -> None:
        self.effects, self.waits = effects, waits or {}
        self.changes = {code: (FACTS[code], 1) for code in effects}

    def with_those_before(self, code: str) -> frozenset[str]:
        return frozenset({code, self.waits.get(code, code)})

    def risks(self, scorer: object, codes: frozenset[str]) -> dict[str, float]:
        left = 0.04
        for code in sorted(codes):
            left *= 1 - self.effects[code]
        return {"accident": left}


def needed(effects: dict[str, float], limit: float, waits: dict[str, str] | None = None) -> NeededChanges:
    made_up: Any = MadeUp(effects, waits)
    nobody: Any = None
    return needed_changes(nobody, made_up, {"accident": limit})


def codes(found: NeededChanges) -> list[str]:
    return [fact.code for fact, _ in found.changes]


def test_the_strongest_change_alone_is_told_where_it_suffices() -> None:
    effects = {"RECTIFY_HAZARDS": 0.1, "CLEAR_ALARMS": 0.5, "ATTENDANCE": 0.2}
    assert codes(needed(effects, 0.03)) == ["CLEAR_ALARMS"]
    assert codes(needed(effects, 0.017)) == ["CLEAR_ALARMS", "ATTENDANCE"]
    assert needed(effects, 0.017).after["accident"] == pytest.approx(0.016)


def test_where_all_lawful_changes_do_not_suffice_it_is_said_how_far_they_reach() -> None:
    found = needed({"RECTIFY_HAZARDS": 0.1, "CLEAR_ALARMS": -0.5}, 0.03)
    assert not found.is_enough and codes(found) == ["RECTIFY_HAZARDS"]
    assert found.after["accident"] == pytest.approx(0.036)
    said = in_words(found, TITLES, "ORANGE", 0.8, any_possible=True)
    assert said.zh == (
        "依法可作的变更不足以降到下调界限（橙色界限的80%）以下：落实“完成隐患整改”（1条记录）后，"
        "事故风险由4.00%降至3.60%，仍高出0.60个百分点"
    )


def test_nothing_is_needed_of_a_site_that_is_below_already() -> None:
    found = needed({"RECTIFY_HAZARDS": 0.1}, 0.05)
    assert found.is_enough and not found.changes
    assert "均低于下调界限" in in_words(found, TITLES, "RED", 0.8, any_possible=True).zh


def test_what_cannot_help_is_said_to() -> None:
    found = needed({"RECTIFY_HAZARDS": -0.1}, 0.03)
    assert (
        "均不能降低风险；下调界限为红色界限的80%：事故风险为4.00%，仍高出1.00个百分点"
        in in_words(found, TITLES, "RED", 0.8, any_possible=True).zh
    )
    assert "没有可作的变更" in in_words(needed({}, 0.03), TITLES, "RED", 0.8, any_possible=False).zh


def test_an_order_is_lifted_together_with_the_hazards_it_waits_for() -> None:
    found = needed({"RECTIFY_HAZARDS": 0.0, "LIFT_ORDERS": 0.5}, 0.03, {"LIFT_ORDERS": "RECTIFY_HAZARDS"})
    assert found.is_enough and set(codes(found)) == {"RECTIFY_HAZARDS", "LIFT_ORDERS"}


@example({"ATTENDANCE": 1e-8}, 0.04)  # the risk is its limit
@example({"ATTENDANCE": 5e-13}, 0.04)
@example({"ATTENDANCE": 4e-7, "CLEAR_ALARMS": 4e-7}, 0.04 * (1 - 5e-7))
@given(
    st.dictionaries(st.sampled_from(sorted(FACTS)), st.floats(-0.3, 0.7), max_size=5), st.floats(0.005, 0.05)
)
def test_a_set_is_found_where_there_is_one_and_no_part_of_it_suffices(
    effects: dict[str, float], limit: float
) -> None:
    found, made_up = needed(effects, limit), MadeUp(effects)
    sets = chain.from_iterable(combinations(effects, size) for size in range(len(effects) + 1))
    suffice = {
        frozenset(one) for one in sets if made_up.risks(None, frozenset(one))["accident"] < limit * (1 - 1e-9)
    }
    taken = frozenset(codes(found))
    if suffice:
        assert found.is_enough
        assert all(found.after[head] < limit for head in found.limits)
        assert not any(one < taken for one in suffice)
    assert all(effects[code] > 0 for code in taken)
    assert found.is_enough == (found.after["accident"] < limit)


def test_changes_supposed_together_are_those_of_a_what_if(running_city: SmallCity) -> None:
    """On records: what is told to suffice is what /v1/what-if computes of the same changes."""
    from data_contracts.record_store import RecordStore

    with RecordStore.open(running_city.store_url) as store:
        index = FactIndex.build(store.records(), load_catalogue())
    scorer, moment, tried = Scorer(index, load_champion(running_city.home)), now(), 0
    for project_id in index.sites(moment).tolist()[:60]:
        possible = PossibleChanges.of(index, project_id, moment)
        if len(possible.changes) < 2:
            continue
        tried += 1
        head = scorer.model.heads[0]
        found = needed_changes(scorer, possible, {head: 1e-9})
        assert not found.is_enough
        if not found.changes:
            continue
        wanted = [
            Wanted(fact.code, {"percent": 100.0} if fact.percent else {})
            for fact in FACTS.values()
            if fact.code in codes(found)
        ]
        after = index.supposing(drafted_rows(index, project_id, moment, wanted))
        matrix = after.matrix([project_id], [moment.to_datetime64()])
        assert found.after[head] == scorer.model.risks_by_head(matrix)[head][0]
        assert found.after[head] < found.before[head]
    assert tried


def test_points_are_told_with_a_digit_more_where_they_are_few() -> None:
    assert in_points(0.0123).zh == "1.23个百分点" and in_points(0.00051).en == "0.051 points"
