"""The daily grading run: every active site's colour, what decided it, how often it is visited and when next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import ModelInvalid
from data_contracts.policy import Policy
from features.rule_sets import rules_of
from serving.grading.capacity import Capacity, fitted_scale
from serving.grading.city_today import CityToday
from serving.grading.colours import RANK, Floats, colour_names, colour_ranks, cutoffs, shares_at_or_above
from serving.grading.frequency import (
    REACHED,
    base_visits,
    expected_days,
    visit_frequency,
    visits_by_colour,
)
from serving.grading.overrides import ONE_DAY, Days, as_text, overrides
from serving.grading.policies import GradingPolicies
from serving.grading.reasons import Deciding, reasons
from serving.grading.site_grades import (
    NOT_NEEDED,
    PENDING,
    grades_before,
    or_missing,
    overrides_seen,
    typed_grades,
    values_before,
    yesterday_of,
)
from serving.grading.steps import Indicated, Stepped, stepped
from serving.scorer import CityRisks


@dataclass(frozen=True)
class GradingRun:
    """The grades of one day (see `site_grades`) and the run's passport: from what they were made."""

    grades: pd.DataFrame
    passport: dict[str, Any]


def grade_city(
    city: CityToday, policies: GradingPolicies, capacity: Capacity, yesterday: pd.DataFrame | None = None
) -> GradingRun:
    """The grades of one day; `yesterday` is the frame of the run before, with what persons have decided since.

    Raises PolicyUndefined where no policy was in force on the day, ModelInvalid for a model with none of the heads
    that the policy names. Heads that only the model or only the policy has are left aside, the latter named in
    the passport.
    """
    policy, frequency = policies.on(city.day.date())
    content, day, sites = policy.content, np.datetime64(city.day, "D"), len(city.project_ids)
    heads = _heads(policy, city.risks)
    risks = _known_risks(city, policy, heads)
    before = grades_before(yesterday, city.project_ids)
    held = rules_of(policy, "overrides").held(city.facts.__getitem__, sites)
    asked = overrides(content["overrides"], held, day, overrides_seen(before))
    basis = _basis(city, frequency.content, day)
    base = base_visits(
        basis["inherent_grade"].to_numpy(), basis["expected_days"].to_numpy(), frequency.content
    )
    shares = shares_at_or_above(content["colours"])
    fits = fitted_scale(
        shares,
        len(heads),
        visits_by_colour(base, asked.ranks, frequency.content),
        capacity.visits_per_year,
        content["scale"],
    )
    scale = capacity.scale or fits
    indicated = Indicated.of(risks, {head: cutoffs(risks[head], shares * scale) for head in heads})
    now = stepped(indicated, asked, yesterday_of(before), content["lowering"], day)
    said = reasons(Deciding(policy, now, asked, indicated, city.facts.__getitem__))
    columns = {
        **basis,
        **said,
        **_state(now, content, before),
        "indicated_colour": colour_names(indicated.ranks),
        "override_colour": or_missing(asked.ranks > 0, colour_names(asked.ranks)),
        "overrides_last_seen": as_text(asked.last_seen, sites),
        "base_visits_per_year": base,
        **_risks(city),
    }
    frame = pd.DataFrame(columns)
    visits = visit_frequency(
        frame, frequency.content, city.working_days, _stages_entered(city, frequency, day)
    )
    grades = typed_grades(pd.concat([frame, visits], axis=1), list(city.risks))
    passport = _passport(policies, capacity, grades, scale=scale, cutoffs=indicated.cutoffs, policy=policy)
    return GradingRun(grades, passport)


def _heads(policy: Policy, risks: Mapping[str, Floats]) -> list[str]:
    named = [one["head"] for one in policy.content["heads"]]
    if not set(named) & set(risks):
        raise ModelInvalid(
            zh=f"模型没有动态风险政策所用的目标（{'、'.join(named)}），只有 {'、'.join(risks)}。请用含这些目标的模型。",
            en=f"The model has none of the heads that the policy of dynamic grades names ({', '.join(named)}); it "
            f"has {', '.join(risks)}. Use a model with them.",
            field="model",
        )
    return [head for head in named if head in risks]


def _known_risks(city: CityToday, policy: Policy, heads: list[str]) -> dict[str, Floats]:
    """The risks of the heads, missing where the minimum of inputs is not there."""
    (enough,) = rules_of(policy, "minimum").held(city.facts.__getitem__, len(city.project_ids))
    return {head: np.where(enough, city.risks[head], np.nan) for head in heads}


def _basis(city: CityToday, frequency: Mapping[str, Any], day: np.datetime64) -> pd.DataFrame:
    """What the frequency rests on beside the colour."""
    since_visit = np.fmin.reduce([city.facts[name] for name in frequency["last_visit"]])
    return pd.DataFrame(
        {
            "project_id": city.project_ids,
            "status": "ACTIVE",
            **city.inherent[["inherent_grade", "inherent_rule", "inherent_zh", "inherent_en"]],
            "last_visit_on": _days_before(day, since_visit),
            "started_on": _days_before(day, city.facts["days_since_start"]),
            "expected_days": expected_days(city.facts, frequency["expected_duration"]),
            "stage_order": city.facts["stage_order"],
            "stage_entered_on": _days_before(day, city.facts["days_in_stage"]),
        }
    )


def _stages_entered(city: CityToday, frequency: Policy, day: np.datetime64) -> dict[str, Days]:
    """When each site entered the stages of the policy's nodes, by the features that they name."""
    names = [node["entered"] for node in frequency.content["nodes"] or ()]
    return {name: _days_before(day, city.facts[name]).astype("datetime64[D]") for name in names}


def _days_before(day: np.datetime64, days: Floats) -> np.ndarray:
    known = ~np.isnan(days)
    whole = np.where(known, days, 0).astype(np.int64) * ONE_DAY
    return np.where(known, day - whole, np.datetime64("NaT", "D")).astype("datetime64[us]")


def _state(now: Stepped, content: Mapping[str, Any], yesterday: pd.DataFrame) -> dict[str, Any]:
    """Colours, since when, and what a person has said or must say."""
    needs = np.array([False, *(one["needs_confirmation"] for one in reversed(content["colours"]))])[now.ranks]
    said = ("colour_confirmation", "decided_by", "decided_on", "refused_colour", "refused_on")
    before = {name: values_before(yesterday, name) for name in said}
    of_colour = np.where(needs, PENDING, NOT_NEEDED).astype(object)
    kept = ~now.changed & pd.notna(before["colour_confirmation"])
    of_colour[kept] = before["colour_confirmation"][kept]
    waits = now.proposed > 0
    return {
        "colour": colour_names(now.ranks),
        "colour_since": now.since.astype("datetime64[us]"),
        "confirmation": np.where(waits, PENDING, of_colour),
        "colour_confirmation": of_colour,
        "proposed_colour": or_missing(waits, colour_names(now.proposed)),
        "decided_by": or_missing(~now.changed, before["decided_by"]),
        "decided_on": or_missing(~now.changed, before["decided_on"]),
        "refused_colour": before["refused_colour"],
        "refused_on": before["refused_on"],
        "back_to_colour": or_missing(now.ranks > 0, _back_to(now, content, yesterday)),
        **_reached(now),
    }


def _back_to(now: Stepped, content: Mapping[str, Any], yesterday: pd.DataFrame) -> np.ndarray:
    """What a person who refuses the colour goes back to: the last one settled, or the worst that needs no person."""
    free = max(RANK[one["code"]] for one in content["colours"] if not one["needs_confirmation"])
    settled = colour_ranks(yesterday["colour"].tolist())
    waited = (yesterday["colour_confirmation"] == PENDING).to_numpy()
    kept = colour_ranks(yesterday["back_to_colour"].tolist())
    before = np.where(waited | ~now.changed, kept, settled)
    return colour_names(np.maximum(before, free))


def _reached(now: Stepped) -> dict[str, np.ndarray]:
    worst_first = sorted(now.reached, reverse=True)
    return {
        column: now.reached[rank].astype("datetime64[us]")
        for column, rank in zip(REACHED.values(), worst_first, strict=True)
    }


def _risks(city: CityToday) -> dict[str, Floats]:
    """The model's risks, and the share of the run's sites whose risk is not higher."""
    against = CityRisks({head: np.sort(values[~np.isnan(values)]) for head, values in city.risks.items()})
    return {f"risk_{head}": values for head, values in city.risks.items()} | {
        f"percentile_{head}": against.percentile(head, values) for head, values in city.risks.items()
    }


def _passport(
    policies: GradingPolicies,
    capacity: Capacity,
    grades: pd.DataFrame,
    *,
    scale: float,
    cutoffs: Mapping[str, Floats],
    policy: Policy,
) -> dict[str, Any]:
    codes = [one["code"] for one in policy.content["colours"]]
    return {
        "policies": policies.digests(),
        "capacity": {
            "visits_per_year": capacity.visits_per_year,
            "source": capacity.source,
            "inspector_days": capacity.inspector_days,
            "working_days_seen": capacity.working_days_seen,
        },
        "scale": scale,
        "cutoffs": {
            head: {
                code: float(limit) if np.isfinite(limit) else None
                for code, limit in zip(codes, limits, strict=False)
            }
            for head, limits in cutoffs.items()
        },
        "heads_missing": [one["head"] for one in policy.content["heads"] if one["head"] not in cutoffs],
        "sites": len(grades),
        "visits_per_year": float(grades["visits_per_year"].sum()),
        "base_visits_per_year": float(grades["base_visits_per_year"].sum()),
        "colours": {str(colour): int(count) for colour, count in grades["colour"].value_counts().items()},
        "waiting": int((grades["confirmation"] == PENDING).sum()),
    }
