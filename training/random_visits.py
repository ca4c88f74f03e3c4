"""What the visits drawn at random say of all sites, beside what all visits seem to say.

Violations and hazards are seen only where somebody looked. Visits chosen for their risk measure the chooser:
their rate is that of the sites that looked bad. A visit drawn with a logged probability π stands for 1/π
sites of its time, whether or not it was bad, so that weights 1/π give the rate a visit to any site would
have met (Horvitz and Thompson, JASA 1952), and the same weights the AUC among all sites.

The probabilities must speak of draws over the same span: if a site stood in a monthly draw with 0.03 and later in a
yearly one with 0.4, the two are visits of different cities, a month long and a year long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from training.measures import RankedRows, ranking_measures
from training.project_draws import ProjectDraws, draw_projects, interval
from training.rate_interval import Rate, rate_interval

ESTIMATED = (
    "加权值以随机抽查（已记录抽取概率）按 1/概率 推断全部在建工地；未加权值只反映被检查的工地。 / "
    "Weighted: from visits drawn at random, each by 1/probability, for all sites. Naive: of the visits made alone."
)
NONE_DRAWN = (
    "没有记录抽取概率的随机抽查，无法推断全部在建工地。 / "
    "No visit was drawn at random with a logged probability: nothing can be said of all sites."
)


def drawn_at_random(selection_probability: np.ndarray) -> np.ndarray:
    """Which visits were drawn at random: those with a probability above 0 on file."""
    return np.nan_to_num(selection_probability, nan=0.0) > 0


def weighted_rate(happened: np.ndarray, selection_probability: np.ndarray, site: np.ndarray) -> Rate:
    """The rate that visits to all sites would meet, from the visits drawn at random; 95 % interval."""
    drawn = drawn_at_random(selection_probability)
    return rate_interval(happened[drawn], weight=1 / selection_probability[drawn], site=site[drawn])


def quarterly_rates(
    day: np.ndarray, happened: np.ndarray, selection_probability: np.ndarray, site: np.ndarray
) -> list[dict[str, Any]]:
    """Of each quarter with a visit, in order of time, the rate among all sites and that of the visits made.

    `happened` is 1 where the visit was serious. Per quarter: `quarter` ("2024Q1"), `weighted` and `naive`, each
    a Rate; the weighted one tells nothing (its rate is None) where no visit of the quarter was drawn at random.
    """
    quarter = pd.PeriodIndex(day, freq="Q")
    rates = []
    for each in quarter.unique().sort_values():
        mine = np.asarray(quarter == each)
        weighted = weighted_rate(happened[mine], selection_probability[mine], site[mine])
        naive = rate_interval(happened[mine], site=site[mine])
        rates.append({"quarter": str(each), "weighted": weighted, "naive": naive})
    return rates


def random_visits(
    happened: np.ndarray,
    score: np.ndarray,
    site: np.ndarray,
    selection_probability: np.ndarray,
    *,
    seed: int,
) -> dict[str, Any]:
    """Rate and AUC of all visits and, from those drawn at random, of all sites, with sample sizes.

    The AUC's intervals are from draws of whole sites. What the visits cannot tell is None, and `note`
    says what the figures are, in Chinese and English.
    """
    drawn = drawn_at_random(selection_probability)
    naive, weighted = (
        rate_interval(happened, site=site),
        weighted_rate(happened, selection_probability, site),
    )
    naive_auc = _auc(happened, score, site, np.ones(len(happened)), seed)
    weighted_auc = _auc(happened[drawn], score[drawn], site[drawn], 1 / selection_probability[drawn], seed)
    return {
        "visits": len(happened),
        "random_visits": int(drawn.sum()),
        "naive_rate": naive.rate,
        "naive_low": naive.low,
        "naive_high": naive.high,
        "weighted_rate": weighted.rate,
        "weighted_low": weighted.low,
        "weighted_high": weighted.high,
        "naive_auc": naive_auc["mean"],
        "naive_auc_low": naive_auc["low"],
        "naive_auc_high": naive_auc["high"],
        "weighted_auc": weighted_auc["mean"],
        "weighted_auc_low": weighted_auc["low"],
        "weighted_auc_high": weighted_auc["high"],
        "note": ESTIMATED if drawn.any() else NONE_DRAWN,
    }


def _auc(
    happened: np.ndarray, score: np.ndarray, site: np.ndarray, weight: np.ndarray, seed: int
) -> dict[str, float | None]:
    project = pd.factorize(site)[0]
    ranked = RankedRows(happened, score, project, weight=weight)
    whole, drawn = ProjectDraws.once(project), draw_projects(project, seed=seed)
    return interval(ranking_measures(ranked, whole)["auc"][0], ranking_measures(ranked, drawn)["auc"])
