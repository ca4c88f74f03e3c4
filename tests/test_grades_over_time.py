"""No grade flaps: what holds of every site over any days, with what persons decide and with runs made again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.grading.capacity import told_capacity
from serving.grading.colours import RANK, Ranks, colour_ranks
from serving.grading.decisions import DECISIONS, Decision, waiting_at, with_decisions
from serving.grading.grading_run import grade_city
from tests.grading_cities import POLICIES, city_today

SITES = 24
WIDE = told_capacity(100_000)  # one red, five orange, fifteen yellow
FACTS = {
    "STOP_ORDER": "stop_orders_in_force",
    "MAJOR_HAZARD_OVERDUE": "major_hazards_overdue",
    "ALARM": "alarms_open",
}
CONTENT = POLICIES.grade.policies[0].content
RULES = {rule["code"]: rule for rule in CONTENT["overrides"]}
BETWEEN_STEPS = pd.Timedelta(days=CONTENT["lowering"]["days_between_steps"])
NEVER = pd.Timestamp("1970-01-01")


@dataclass(frozen=True)
class Followed:
    """What the days so far mean for each site, kept beside the product: the colour and since when, the one settled last,
    the one refused last and when, and when each fact was last seen by a run."""

    ranks: Ranks
    settled: Ranks
    changed_on: pd.Series
    refused: Ranks
    refused_on: pd.Series
    seen: dict[str, pd.Series]

    @classmethod
    def nothing(cls) -> Followed:
        none, never = np.zeros(SITES, np.int64), pd.Series([NEVER] * SITES)
        return cls(none, none, never, none, never, dict.fromkeys(FACTS, never))

    def asked_for(self, day: pd.Timestamp) -> Ranks:
        """The worst colour of a rule that a run has seen within its days of cooling."""
        cools = [
            RANK[RULES[code]["colour"]] * (day - seen <= pd.Timedelta(days=RULES[code]["cooling_days"]))
            for code, seen in self.seen.items()
        ]
        return np.max(cools, axis=0)


def one_day(day: pd.Timestamp, chance: np.random.Generator, before: pd.DataFrame | None) -> pd.DataFrame:
    """A run of risks and facts that nobody could foresee."""
    facts = {fact: chance.random(SITES) < 0.08 for fact in FACTS.values()}
    city = city_today(chance.random(SITES), facts=facts, day=f"{day:%Y-%m-%d}")
    grades = grade_city(city, POLICIES, WIDE, before).grades
    return grades.assign(**{fact: values for fact, values in facts.items()})


def words(grades: pd.DataFrame, day: pd.Timestamp, chance: np.random.Generator) -> list[Decision]:
    """What persons say of some of the sites that wait."""
    waits = grades[grades["confirmation"] == "PENDING"]
    return [
        Decision(
            site["project_id"], str(chance.choice(DECISIONS)), "officer 7", "seen", day, waiting_at(site)
        )
        for _, site in waits.iterrows()
        if chance.random() < 0.6
    ]


def check_run(run: pd.DataFrame, day: pd.Timestamp, known: Followed) -> None:
    """A run lowers nothing, keeps what cools, and raises no site again that a person has just put down."""
    ranks, asked = colour_ranks(run["colour"].tolist()), known.asked_for(day)
    indicated = colour_ranks(run["indicated_colour"].tolist())
    assert (ranks >= known.ranks).all() and (ranks >= asked).all()
    quiet = (day - known.refused_on < BETWEEN_STEPS) & (known.refused > known.ranks)
    assert not (quiet & (ranks > known.ranks) & (ranks > asked) & (indicated <= known.refused)).any()


def check_decided(
    run: pd.DataFrame, after: pd.DataFrame, said: list[Decision], day: pd.Timestamp, known: Followed
) -> None:
    """A colour falls by a person's word alone: one step where a lowering waited, else back to what was settled."""
    was, now = colour_ranks(run["colour"].tolist()), colour_ranks(after["colour"].tolist())
    asked, fell = known.asked_for(day), now < was
    assert (now <= was).all() and (now >= asked).all()
    waited = {site["project_id"]: waiting_at(site) for _, site in run.iterrows()}
    assert set(after["project_id"][fell]) <= {
        one.project_id for one in said if one.about == waited[one.project_id]
    }
    stepped = fell & run["proposed_colour"].notna().to_numpy()
    assert (now == was - 1)[stepped].all() and (asked == 0)[stepped].all()
    latest = np.maximum(known.changed_on, known.refused_on)
    assert (day - latest >= BETWEEN_STEPS)[stepped].all()
    back = np.maximum.reduce([known.settled, asked, np.full(SITES, RANK["YELLOW"])])
    refused = ((after["refused_on"] == day) & (after["refused_colour"] == run["colour"])).to_numpy()
    assert (refused == (fell & ~stepped)).all() and (now == back)[refused].all()


def followed(run: pd.DataFrame, after: pd.DataFrame, day: pd.Timestamp, known: Followed) -> Followed:
    was, now = colour_ranks(run["colour"].tolist()), colour_ranks(after["colour"].tolist())
    moved = (was != known.ranks) | (now != was)
    waits = (after["colour_confirmation"] == "PENDING").to_numpy()
    return replace(
        known,
        ranks=now,
        settled=np.where(waits, known.settled, now),
        changed_on=known.changed_on.mask(moved, day),
        refused=colour_ranks(after["refused_colour"].tolist()),
        refused_on=after["refused_on"].fillna(NEVER),
    )


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    days=st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=2, max_size=6),
)
def test_a_colour_falls_by_a_persons_word_one_step_at_a_time_and_never_while_a_fact_cools(seed, days):
    chance, day, before, known = (
        np.random.default_rng(seed),
        pd.Timestamp("2026-03-02"),
        None,
        Followed.nothing(),
    )
    for gap, made_again in days:
        day += pd.Timedelta(days=gap)
        run = one_day(day, chance, before)
        said = words(run, day, chance)
        if made_again:  # what was said of the first run stands, and more is said of the second
            run = one_day(day, chance, before)
            said += words(with_decisions(run, said), day, chance)
        after = with_decisions(run, said)
        seen = {code: known.seen[code].mask(run[fact].astype(bool), day) for code, fact in FACTS.items()}
        known = replace(known, seen=seen)
        check_run(run, day, known)
        check_decided(run, after, said, day, known)
        known, before = followed(run, after, day, known), after
