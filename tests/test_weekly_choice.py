"""Which sites an agency visits in a week: the order of claims, the draw, and the sorting beside the integer programme."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.choice_programme import best_by_programme, worth_beside_programme
from serving.plan.agency_choice import AgencyWeek, choose, team_days

QUICK = settings(max_examples=40)


def week_of(
    late: list[float],
    value: list[float],
    area: list[int],
    rounds: int,
    *,
    a_day: int = 1,
    share: float = 0.0,
    claim: list[int] | None = None,
) -> AgencyWeek:
    lots = np.random.default_rng(7).random(len(late) + 1)
    claims = np.zeros(len(late), np.int64) if claim is None else np.array(claim)
    return AgencyWeek(
        np.array(late, float), claims, np.array(value, float), lots[:-1], np.array(area), float(lots[-1]), rounds, a_day, share
    )  # fmt: skip


@st.composite
def weeks(draw: st.DrawFn) -> AgencyWeek:
    sites = draw(st.integers(1, 14))
    return week_of(
        draw(st.lists(st.sampled_from([-8.0, -1.0, 0.0, 3.0, 40.0]), min_size=sites, max_size=sites)),
        [number / 8 for number in draw(st.lists(st.integers(0, 40), min_size=sites, max_size=sites))],
        draw(st.lists(st.integers(0, 3), min_size=sites, max_size=sites)),
        draw(st.integers(0, 8)),
        a_day=draw(st.integers(1, 3)),
        share=draw(st.sampled_from([0.0, 0.1, 0.5])),
        claim=draw(st.lists(st.integers(0, 2), min_size=sites, max_size=sites)),
    )


def test_due_visits_come_before_the_draw_and_the_draw_before_the_largest_reduction() -> None:
    week = week_of([2, -1, -1, -1], [0, 9, 5, 1], [0, 1, 2, 3], 3, share=1 / 3)
    chosen = choose(week)
    assert chosen.why[0] == "MANDATORY"
    assert chosen.probability == pytest.approx(0.25)  # one of four sites
    assert chosen.drawn.sum() == 1
    free = [site for site in (1, 2, 3) if not chosen.drawn[site]]
    listed = 2 if chosen.drawn[0] else 1  # a drawn site that is due anyway is one visit
    assert [chosen.why[site] for site in free[:listed]] == ["RISK"] * listed


def test_with_fewer_team_days_than_due_visits_the_most_urgent_are_served_and_the_others_named() -> None:
    chosen = choose(week_of([0, 30, 10, -3], [9, 9, 9, 9], [0, 1, 2, 3], 2, share=0.5))
    assert chosen.why.tolist() == ["", "MANDATORY", "MANDATORY", ""]
    assert chosen.left_out.tolist() == [True, False, False, False]
    assert chosen.probability == 0.0


def test_a_visit_of_the_first_claim_outweighs_every_delay_of_the_next() -> None:
    chosen = choose(week_of([3, 60, 60, 60], [0] * 4, [0, 1, 2, 3], 2, claim=[0, 3, 3, 3]))
    assert chosen.why[0] == "MANDATORY"
    assert chosen.left_out.sum() == 2


def test_one_due_visit_more_outweighs_any_delay() -> None:
    # One team-day: two sites just due in one area, or a single one a thousand days late in another.
    chosen = choose(week_of([0, 0, 1000], [0, 0, 0], [0, 0, 1], 1, a_day=2))
    assert chosen.why.tolist() == ["MANDATORY", "MANDATORY", ""]


@QUICK
@given(weeks())
def test_sorting_finds_what_the_integer_programme_finds(week: AgencyWeek) -> None:
    programme, sorted_out = choose(week, best_by_programme), choose(week)
    assert (
        programme.left_out == sorted_out.left_out
    ).all()  # lots decide between equals, so the best are these alone
    assert (programme.drawn == sorted_out.drawn).all()
    assert worth_beside_programme(sorted_out, programme, week) == pytest.approx(1.0, abs=1e-5)


@QUICK
@given(weeks())
def test_a_plan_never_exceeds_its_team_days(week: AgencyWeek) -> None:
    chosen = choose(week)
    assert team_days(week, chosen.why != "") <= week.team_days
    assert (chosen.why != "").sum() <= week.team_days * week.visits_a_team_day


@QUICK
@given(weeks())
def test_no_due_visit_is_dropped_while_a_team_day_is_free_or_spent_on_anything_else(
    week: AgencyWeek,
) -> None:
    chosen = choose(week)
    if chosen.left_out.any():
        assert team_days(week, chosen.why == "MANDATORY") == week.team_days
        assert not chosen.drawn.any()


@QUICK
@given(weeks())
def test_the_same_week_gives_the_same_choice(week: AgencyWeek) -> None:
    assert choose(week).why.tolist() == choose(week).why.tolist()


@QUICK
@given(weeks(), st.integers(0, 13), st.integers(1, 40))
def test_a_site_whose_risk_rises_is_not_listed_less(week: AgencyWeek, site: int, more: int) -> None:
    site %= len(week.value)
    if week.value[site] == 0:  # not to be made without a duty, whatever the risk
        return
    value = week.value.copy()
    value[site] += more / 8
    before, after = choose(week), choose(dataclasses.replace(week, value=value))
    assert not (before.why[site] and not after.why[site])


def test_every_site_is_drawn_as_often_as_its_logged_probability_says() -> None:
    # 10 sites, 6 team-days, 35 % drawn: 2.1 draws a week, 0.21 for each. 2,000 weeks: a deviation of 0.0091, five of them.
    chance, counts = np.random.default_rng(11), np.zeros(10)
    week = week_of([3.0] + [-1.0] * 9, [5.0] * 10, list(range(10)), 6, share=0.35)
    for _ in range(2000):
        once = dataclasses.replace(week, lot=chance.random(10), start=float(chance.random()))
        chosen = choose(once)
        assert chosen.probability == pytest.approx(0.21)
        counts += chosen.drawn
    assert counts / 2000 == pytest.approx(np.full(10, 0.21), abs=0.046)


def test_an_agency_without_sites_or_without_team_days_has_an_empty_plan() -> None:
    assert choose(week_of([], [], [], 3, share=0.5)).why.tolist() == []
    nobody = choose(week_of([1, -1], [1, 1], [0, 1], 0, share=0.5))
    assert nobody.why.tolist() == ["", ""]
    assert nobody.left_out.tolist() == [True, False]
