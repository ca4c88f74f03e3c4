"""What persons decide about grades: a red, orange or lowering confirmed or refused, a colour set by an inspector."""

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

CONFIRM, REFUSE, OVERRIDE = "CONFIRM", "REFUSE", "OVERRIDE"
DECISIONS = (CONFIRM, REFUSE)
"""About what waits; an inspector's override may be made at any time."""

LOWERED, REFUSED_RAISE, OVERRIDDEN = "LOWERING_CONFIRMED", "RAISE_REFUSED", "INSPECTOR_OVERRIDE"
WORDS = {
    LOWERED: ("下调经人工确认", "A person confirmed the step down"),
    REFUSED_RAISE: ("上调经人工否定", "A person refused the raise"),
    OVERRIDDEN: ("监督人员调整等级", "An inspector set the colour"),
}


@dataclass(frozen=True)
class Decision:
    """One person's word on one site, in force from `decided_on`.

    `about` is what the person saw: the colour, and the better one proposed (None: the colour itself waits, if anything
    does). `to_colour` is the colour that an inspector sets; None for other decisions.
    `recorded_at` is when it came on file; None where it has not yet.
    """

    project_id: str
    decision: str
    person: str
    reason: str
    decided_on: pd.Timestamp
    about: tuple[str, str | None]
    recorded_at: pd.Timestamp | None = None
    to_colour: str | None = None

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
    further for as long. A colour that an override asks for cannot be refused. A colour that an inspector sets holds at
    once and is confirmed; a lower one is kept from the risks alone as after a refusal (see `hindrance` for its limits).
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
        if hindrance(decided, one) is None:
            decided |= _after(decided, one)
    return decided


def hindrance(site: Site, one: Decision) -> tuple[str, str] | None:
    """Why the decision changes nothing of the site as it is now, in Chinese and English; None where it does."""
    if waiting_at(site) != one.about:
        return "等级已与所见不同", "the grade is no longer the one that was seen"
    if one.decision == OVERRIDE:
        return _override_hindrance(site, str(one.to_colour))
    if site["confirmation"] != PENDING:
        return "没有待确认事项", "nothing waits for a person"
    if one.decision == REFUSE and cannot_be_refused(site):
        return (
            f"等级由事实决定（{site['rule_zh']}），请更正记录而非否定等级",
            f"the colour follows from a fact ({site['rule_en']}): correct the record instead",
        )
    if one.decision == REFUSE and pd.isna(site["proposed_colour"]) and pd.isna(site["back_to_colour"]):
        return "该次评级未记下上调前的颜色", "the run does not say which colour it was before"
    return None


def _override_hindrance(site: Site, to_colour: str) -> tuple[str, str] | None:
    """A step up may be any, a step down is one, and not below what a fact asks for."""
    now, then, asked = colour_ranks([site["colour"], to_colour, site["override_colour"]]).tolist()
    if then == now:
        return "已是该颜色", "the site has that colour already"
    if then < asked:
        return (
            f"有事实要求 {site['override_colour']}，请更正记录",
            f"a fact asks for {site['override_colour']}: correct the record instead",
        )
    if then < now - 1:
        return "每次只能下调一级", "a colour is lowered one step at a time"
    return None


def _after(site: Site, one: Decision) -> dict[str, Any]:
    """What the decision changes of the site."""
    by = {"decided_by": one.person, "decided_on": one.decided_on}
    if one.decision == OVERRIDE:
        return by | {"proposed_colour": None} | _overridden(site, one)
    if pd.notna(site["proposed_colour"]):
        settled = by | {"proposed_colour": None}
        if one.decision == CONFIRM:
            return settled | _moved(site["proposed_colour"], site, one.decided_on, LOWERED, CONFIRMED)
        keeps = NOT_NEEDED if site["colour_confirmation"] == NOT_NEEDED else CONFIRMED
        refused = {"refused_colour": site["proposed_colour"], "refused_on": one.decided_on}
        return settled | refused | {"confirmation": keeps, "colour_confirmation": keeps}
    if one.decision == CONFIRM:
        return by | {"confirmation": CONFIRMED, "colour_confirmation": CONFIRMED}
    refused = {"refused_colour": site["colour"], "refused_on": one.decided_on}
    back, asked = colour_ranks([site["back_to_colour"], site["override_colour"]]).tolist()
    said = PENDING if asked > back else REFUSED
    return by | refused | _moved(NAMES[max(back, asked)], site, one.decided_on, REFUSED_RAISE, said)


def _overridden(site: Site, one: Decision) -> dict[str, Any]:
    """The site in the colour that an inspector set: confirmed, and kept from what the risks alone would undo."""
    colour, day = str(one.to_colour), one.decided_on
    if RANK[colour] < RANK[site["colour"]]:
        refused = {"refused_colour": site["colour"], "refused_on": day}
        return refused | _moved(colour, site, day, OVERRIDDEN, CONFIRMED)
    reached = {
        column: day
        for code, column in REACHED.items()
        if RANK[code] <= RANK[colour] and pd.isna(site[column])
    }
    return reached | _moved(colour, site, day, OVERRIDDEN, CONFIRMED)


def cannot_be_refused(site: Site) -> bool:
    """Whether an override asks for the colour: then the record is to be corrected, not the grade."""
    asked = site["override_colour"]
    return bool(pd.isna(site["proposed_colour"]) and pd.notna(asked) and asked == site["colour"])


def _moved(colour: str, site: Site, day: pd.Timestamp, rule: str, confirmation: str) -> dict[str, object]:
    """The site in another colour from that day on."""
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
