"""TRN002: does a feature read the outcome?

Three questions. Was the outcome itself on file at `as_of`, as where a source stamps a visit's findings with
the midnight before it? Is a feature too good: does it alone, by its value or by its being missing, tell nearly all
outcomes apart? And is it known: are its values those that the records on file at `as_of` give? The last
is the proof, and costs an index of the records for each date asked about; the one before costs a sort, and
meets columns that somebody added to the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_contracts.records import Records
from training.check_list import LEAK
from training.heads import Head
from training.labels import met
from training.verdict import Verdict

if TYPE_CHECKING:
    from features.catalogue import Catalogue

# Ours, illustrative. The best single features of the synthetic city rank accidents, hazards and defects at 0.68, 0.66
# and 0.78; published models of rare accidents months ahead, with all features together, at 0.7 to 0.85.
HIGHEST_AUC, HIGHEST_OF_FEW = 0.95, 0.99
# A lower one is as suspect where nothing else comes near: a copy of the outcome with noise.
SUSPECT_AUC, FAR_AHEAD = 0.85, 0.15
# Or the feature names, nearly without a mistake, a share of the outcomes and leaves the others alone.
HIGHEST_PRECISION, SHARE_NAMED = 0.90, 0.2
MOST_COMMON_OUTCOME = 0.5
# A few records with a slip in their dates are no leak.
MOST_ON_FILE = 0.01
# Fewer projects with an outcome than these are told apart by chance; by the best of two hundred features so are up
# to thirty, where an honest 0.8 has a standard error of 0.06.
FEWEST_PROJECTS, MANY_PROJECTS = 10, 30
# Whole projects are drawn down to so many rows: a leak shows in them, and hundreds of features are sorted twice.
MOST_ROWS = 100_000
_TOLD = 5


def leak(
    features: pd.DataFrame,
    happened: np.ndarray,
    project_id: np.ndarray,
    *,
    as_known: pd.DataFrame | None = None,
    on_file: float = 0.0,
) -> Verdict:
    """Whether a feature reads the outcome on rows of which it is known (`happened`: 0 or 1).

    `as_known`, where given, are the features of some of the rows (same index) as `features_as_known` gives
    them, `on_file` is what `outcomes_on_file` says of the rows. With fewer than ten projects that had an
    outcome single features are not judged.
    """
    if on_file > MOST_ON_FILE:
        return LEAK.failed(
            f"{on_file:.1%} 的结果在 as_of 时已经入库（入库时间早于发生时间）。",
            f"{on_file:.1%} of the outcomes were on file at as_of: recorded before they happened.",
        )
    if as_known is not None and (changed := _knows_more(features, as_known)):
        return LEAK.failed(
            f"与只用当时已入库记录算出的不同：{'、'.join(changed)}。",
            f"Not what the records on file at as_of give: {', '.join(changed)}.",
        )
    projects = len(np.unique(project_id[happened > 0]))
    if projects >= FEWEST_PROJECTS and not happened.all():
        is_leak, zh, en = _too_good(features, happened, project_id)
    else:
        is_leak = False
        zh = f"有结果的工程只有 {projects} 个，无法检验单个特征。"
        en = f"Only {projects} projects had the outcome, too few to judge single features."
        if as_known is None:
            return LEAK.cannot_tell(zh, en)
    if is_leak:
        return LEAK.failed(zh, en)
    if as_known is not None:
        zh += f"{len(as_known)} 行与只用当时已入库记录算出的相同。"
        en += f" {len(as_known)} rows are what the records on file at as_of give."
    return LEAK.passed(zh, en)


def outcomes_on_file(head: Head, pairs: pd.DataFrame, happened: np.ndarray, records: Records) -> float:
    """The share of the rows with an outcome of which it was on file at `as_of`, before it happened.

    For a visit, which happens after the midnight that its row stands for: findings recorded by that midnight.
    """
    facts = records.table(head.outcome.table)
    facts = facts[met(head.outcome, head.outcome.table, facts) & facts["project_id"].notna().to_numpy(bool)]
    day, known = facts[head.outcome.date_column].dt.normalize(), facts["recorded_at"]
    if head.outcome.known_from is not None:
        known = known.where(~(facts[head.outcome.known_from] > known), facts[head.outcome.known_from])
    early = pd.DataFrame({"project_id": facts["project_id"], "day": day, "known": known})
    early = early[(early["known"] <= early["day"]).to_numpy(bool)]
    rows = pairs[["project_id", "as_of"]].assign(row=np.arange(len(pairs)))[happened > 0]
    met_early = rows.merge(early, on="project_id")
    within = met_early["known"] <= met_early["as_of"]
    if head.given_a_visit:
        within &= met_early["day"] == met_early["as_of"].dt.normalize()
    else:
        ahead = met_early["day"] - met_early["as_of"].dt.normalize()
        within &= (ahead > pd.Timedelta(0)) & (ahead <= pd.Timedelta(days=head.horizon_days or 0))
    return float(met_early.loc[within.to_numpy(bool), "row"].nunique() / max(len(rows), 1))


def features_as_known(pairs: pd.DataFrame, records: Records, catalogue: Catalogue) -> pd.DataFrame:
    """The features of the pairs, each date computed from what was on file then and nothing else; same index.

    An index is built for every date among the pairs, so give it rows of one or two.
    """
    from features.fact_index import FactIndex

    parts = []
    for as_of, rows in pairs.groupby("as_of"):
        moment = pd.Timestamp(str(as_of))
        index = FactIndex.build(records.known_until(moment), catalogue)
        parts.append(
            index.matrix(rows["project_id"].to_list(), rows["as_of"].to_numpy()).set_axis(rows.index)
        )
    return pd.concat(parts).reindex(pairs.index)


def sampled_dates(as_of: pd.Series, *, dates: int = 1, rows: int = 200, seed: int) -> np.ndarray:
    """Places of rows to ask `features_as_known` about, of the busiest dates in the middle third.

    Much was on file by then and much has come on file since, so that whatever reads ahead shows.
    """
    days, counts = np.unique(as_of.to_numpy(), return_counts=True)
    away = np.abs(np.arange(len(days)) - (len(days) - 1) / 2)
    middle = np.flatnonzero(away <= max(len(days) / 6, dates / 2))
    busiest = middle[np.lexsort((away[middle], -counts[middle]))[:dates]]
    chosen = np.flatnonzero(as_of.isin(days[busiest]).to_numpy())
    draw = np.random.default_rng(seed)
    return np.sort(draw.choice(chosen, min(rows, len(chosen)), replace=False))


@dataclass(frozen=True)
class _Told:
    """How well one feature alone tells the outcomes apart, in whichever direction is better."""

    name: str
    auc: float
    names_outcomes: bool


def _too_good(features: pd.DataFrame, happened: np.ndarray, project_id: np.ndarray) -> tuple[bool, str, str]:
    """Whether single features tell too much, and which, or the best of them."""
    project, names = pd.factorize(project_id)
    if len(project) > MOST_ROWS:
        share = MOST_ROWS / len(project)
        kept = (np.random.default_rng(len(project)).random(len(names)) < share)[project]
        features, happened, project = features[kept], happened[kept], project[kept]
    told = [_told(str(name), features[name].to_numpy("float64"), happened, project) for name in features]
    told.sort(key=lambda each: -each.auc)
    second = told[1].auc if len(told) > 1 else 0.5
    many = len(np.unique(project[happened > 0])) >= MANY_PROJECTS
    suspect = [
        each
        for place, each in enumerate(told)
        if each.names_outcomes
        or each.auc >= (HIGHEST_AUC if many else HIGHEST_OF_FEW)
        or (many and place == 0 and each.auc >= SUSPECT_AUC and each.auc - second >= FAR_AHEAD)
    ]
    if suspect:
        shown = [f"{each.name} (AUC {each.auc:.3f})" for each in suspect[:_TOLD]]
        return (
            True,
            f"单独几乎完全区分结果的特征：{'、'.join(shown)}。",
            f"Alone they tell nearly all outcomes apart: {', '.join(shown)}.",
        )
    best = told[0]
    return (
        False,
        f"单独最好的特征是 {best.name}，AUC {best.auc:.3f}。",
        f"The best single feature is {best.name}, AUC {best.auc:.3f}.",
    )


def _told(name: str, values: np.ndarray, happened: np.ndarray, project: np.ndarray) -> _Told:
    """Missing values are put once below all others and once above: either may be where the outcomes are."""
    missing = np.isnan(values)
    fills = (-np.inf, np.inf) if missing.any() and not missing.all() else (-np.inf,)
    ways = [_in_order(np.where(missing, fill, values), happened, project) for fill in fills]
    return _Told(name, max(auc for auc, _ in ways), any(names for _, names in ways))


def _in_order(score: np.ndarray, happened: np.ndarray, project: np.ndarray) -> tuple[float, bool]:
    """AUC in the better direction, and whether the rows above or below some value are nearly all outcomes."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    met, rows = np.cumsum(happened[order])[ends], ends + 1.0
    positive, row = np.diff(met, prepend=0.0), np.diff(rows, prepend=0.0)
    negative = row - positive
    pairs = positive.sum() * negative.sum()
    auc = float((positive * (np.cumsum(negative) - negative / 2)).sum() / pairs)
    below = _most_that_name(met, rows)
    above = _most_that_name(met[-1] - met[:-1][::-1], rows[-1] - rows[:-1][::-1], of=met[-1])
    named = any(
        _many_projects(rows_named, happened, project)
        for rows_named in (order[:below], order[len(order) - above :])
        if len(rows_named)
    )
    return max(auc, 1 - auc), named and happened.mean() <= MOST_COMMON_OUTCOME


def _most_that_name(met: np.ndarray, rows: np.ndarray, of: float | None = None) -> int:
    """How many rows from one end are nearly all outcomes, and a share of all; 0 where none are."""
    total = met[-1] if of is None else of
    fits = (met >= HIGHEST_PRECISION * rows) & (met >= SHARE_NAMED * total)
    return int(rows[fits].max(initial=0))


def _many_projects(rows: np.ndarray, happened: np.ndarray, project: np.ndarray) -> bool:
    return len(np.unique(project[rows][happened[rows] > 0])) >= FEWEST_PROJECTS


def _knows_more(features: pd.DataFrame, as_known: pd.DataFrame) -> list[str]:
    """The features that differ, with in how many rows; a feature that `as_known` lacks cannot be computed then."""
    same_rows = features.loc[as_known.index]
    told = []
    for name in features.columns:
        if name not in as_known:
            told.append(f"{name} (not in the catalogue)")
            continue
        now, then = same_rows[name].to_numpy("float64"), as_known[name].to_numpy("float64")
        differ = int((~((now == then) | (np.isnan(now) & np.isnan(then)))).sum())
        if differ:
            told.append(f"{name} ({differ}/{len(then)})")
    return told[:_TOLD]
