"""What lists would have met: outcomes on sites listed in the thirty days before, by hand."""

import numpy as np
import pandas as pd
import pytest

from serving.backtest.history import Outcomes, SiteDays, judged, met, recalls

WEEKS = 10


def days(*site_day: tuple[int, int]) -> SiteDays:
    site, day = np.array(site_day, np.int64).reshape(-1, 2).T
    return SiteDays(site, day)


def outcomes(*site_day: tuple[int, int]) -> Outcomes:
    return Outcomes("accidents", days(*site_day))


def lists(*weeks_of_sites: list[int]) -> SiteDays:
    made = np.zeros((len(weeks_of_sites), WEEKS), bool)
    for site, weeks in enumerate(weeks_of_sites):
        made[site, weeks] = True
    return SiteDays.of_weeks(made)


@pytest.mark.parametrize(
    ("day", "is_met"),
    [(7, False), (8, True), (37, True), (38, False)],
    ids=["on the Monday itself", "the day after", "thirty days later", "thirty-one days later"],
)
def test_an_outcome_is_met_within_thirty_days_after_the_monday_of_the_list(day: int, is_met: bool) -> None:
    assert met(lists([1]), days((0, day)), 30).tolist() == [is_met]


def test_a_list_of_another_site_meets_nothing() -> None:
    assert met(lists([1], []), days((1, 8)), 30).tolist() == [False]


def test_a_visit_meets_what_happens_after_its_own_day_and_not_what_it_finds_itself() -> None:
    visited = days((0, 10), (1, 12))
    assert met(visited, days((0, 10), (0, 11), (0, 40), (0, 41), (1, 11)), 30).tolist() == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_only_outcomes_with_thirty_days_of_lists_before_them_are_judged() -> None:
    kept = judged(outcomes((0, 29), (0, 30), (0, 69), (0, 70)), weeks=10, within_days=30)
    assert kept.events.day.tolist() == [30, 69]


def test_recall_is_the_share_met_and_the_gain_is_beside_the_other_rule() -> None:
    two = {"ours": lists([4, 5, 6], []), "count": lists([], [0])}
    table = recalls(two, outcomes((0, 40), (0, 45), (1, 40), (0, 36)), 30, beside="count").set_index("rule")
    assert table.loc["ours", ["outcomes", "recall", "gain", "visits"]].tolist() == [4, 0.75, 0.75, 3]
    assert table.loc["count", ["recall", "gain"]].tolist() == [0.0, 0.0]
    assert table.loc["ours", "gain_low"] <= 0.75 <= table.loc["ours", "gain_high"]


def test_without_outcomes_nothing_is_said() -> None:
    table = recalls({"ours": lists([1])}, outcomes(), 30, beside="ours")
    assert np.isnan(table.loc[0, "recall"])
    assert table.loc[0, "outcomes"] == 0


def test_events_of_other_sites_are_left_out() -> None:
    rows = pd.DataFrame(
        {
            "project_id": ["P2", "P9", "P1"],
            "occurred_on": pd.to_datetime(["2024-01-03", "2024-01-02", "2024-02-01"]),
        }
    )
    found = SiteDays.of(rows, "occurred_on", np.array(["P1", "P2"]), pd.Timestamp("2024-01-01"))
    assert (found.site.tolist(), found.day.tolist()) == ([1, 0], [2, 31])
