"""What persons decide about grades: a red or orange confirmed or refused, a lowering confirmed or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from serving.grading.colours import NAMES, RANK, colour_ranks
from serving.grading.frequency import REACHED
from serving.grading.site_grades import CONFIRMED, NOT_NEEDED, PENDING, REFUSED

Site = Mapping[str, Any] | pd.Series
"""What a run says of a site, by the names of its columns."""

CONFIRM, REFUSE = "CONFIRM", "REFUSE"
DECISIONS = (CONFIRM, REFUSE)
LOWERED, REFUSED_RAISE = "LOWERING_CONFIRMED", "RAISE_REFUSED"
WORDS = {
    LOWERED: ("下调经人工确认", "A person confirmed the step down"),
    REFUSED_RAISE: ("上调经人工否定", "A person refused the raise"),
}


@dataclass(frozen=True)
class Decision:
    """One person's word on one site, in force from `decided_on`.

    `about` is what the person saw waiting: the colour, and the better one proposed (None: the colour itself waits).
    `recorded_at` is when it came on file; None where it has not yet.
    """

    project_id: str
    decision: str
    person: str
    reason: str
    decided_on: pd.Timestamp
    about: tuple[str, str | None]
    recorded_at: pd.Timestamp | None = None

    def is_known_at(self, moment: pd.Timestamp) -> bool:
        """Whether it was on file, and in force, at a moment."""
        on_file = self.recorded_at is not None and self.recorded_at <= moment
        return on_file and self.decided_on <= moment


def waiting_at(site: Site) -> tuple[str, str | None]:
    """What a decision about the site, as it is now, is about."""
    proposed = site["proposed_colour"]
    return str(site["colour"]), None if pd.isna(proposed) else str(proposed)


def with_decisions(grades: pd.DataFrame, decisions: Iterable[Decision]) -> pd.DataFrame:
    """The grades after the decisions, in their order.

    One about a site that waits for nothing changes nothing, nor does one that was made when something else waited: a run
    made again for the same day may propose another colour.

    A lowering confirmed holds from its day; refused, it is not proposed again before the days between steps have
    passed. A red or orange confirmed stays; refused, the site goes back to the colour that was settled before it was
    raised (`back_to_colour`), and never below what an override asks for, which then waits; the risks alone raise it no
    further for as long. A colour that an override asks for cannot be refused.
    """
    decided = grades.copy()
    rows = {project: row for row, project in enumerate(decided["project_id"].tolist())}
    by_site: dict[str, list[Decision]] = {}
    for one in decisions:
        by_site.setdefault(one.project_id, []).append(one)
    for project_id in by_site.keys() & rows.keys():
        row = rows[project_id]
        before = {str(name): value for name, value in decided.iloc[row].items()}
        after = after_decisions(before, by_site[project_id])
        for column, value in after.items():
            if value is not before[column]:
                decided.loc[row, column] = value
    return decided


def after_decisions(site: Mapping[str, Any], decisions: Iterable[Decision]) -> dict[str, Any]:
    """One site after the decisions about it, in their order (see `with_decisions`)."""
    decided = dict(site)
    for one in decisions:
        if decided["confirmation"] == PENDING and waiting_at(decided) == one.about:
            decided |= _after(decided, one)
    return decided


def _after(site: Site, one: Decision) -> dict[str, Any]:
    """What the decision changes of the site."""
    by = {"decided_by": one.person, "decided_on": one.decided_on}
    if pd.notna(site["proposed_colour"]):
        settled = by | {"proposed_colour": None}
        if one.decision == CONFIRM:
            return settled | _moved(site["proposed_colour"], site, one.decided_on, LOWERED, CONFIRMED)
        keeps = NOT_NEEDED if site["colour_confirmation"] == NOT_NEEDED else CONFIRMED
        refused = {"refused_colour": site["proposed_colour"], "refused_on": one.decided_on}
        return settled | refused | {"confirmation": keeps, "colour_confirmation": keeps}
    if one.decision == CONFIRM:
        return by | {"confirmation": CONFIRMED, "colour_confirmation": CONFIRMED}
    kept_before_runs_said_so = pd.isna(site["back_to_colour"])
    if cannot_be_refused(site) or kept_before_runs_said_so:
        return {}
    refused = {"refused_colour": site["colour"], "refused_on": one.decided_on}
    back, asked = colour_ranks([site["back_to_colour"], site["override_colour"]]).tolist()
    said = PENDING if asked > back else REFUSED
    return by | refused | _moved(NAMES[max(back, asked)], site, one.decided_on, REFUSED_RAISE, said)


def cannot_be_refused(site: Site) -> bool:
    """Whether an override asks for the colour: then the record is to be corrected, not the grade."""
    asked = site["override_colour"]
    return bool(pd.isna(site["proposed_colour"]) and pd.notna(asked) and asked == site["colour"])


def _moved(colour: str, site: Site, day: pd.Timestamp, rule: str, confirmation: str) -> dict[str, object]:
    """The site in another, better colour from that day on."""
    zh, en = WORDS[rule]
    left = {column: pd.NaT for code, column in REACHED.items() if RANK[code] > RANK[colour]}
    return left | {
        "colour": colour,
        "colour_since": day,
        "confirmation": confirmation,
        "colour_confirmation": confirmation,
        "rule": rule,
        "rule_zh": f"{zh}（{site['rule_zh']}）",
        "rule_en": f"{en} ({site['rule_en']})",
    }
