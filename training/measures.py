"""Figures of one contender, for the rows as they are or for many draws of their projects. Never accuracy.

Every measure is an array with one number a draw, NaN where the draw cannot tell: no outcome among
its rows, nothing but outcomes, or no variation.
"""

from __future__ import annotations

import numpy as np

from training.capacity_lists import CAPACITIES, listed_order, percent
from training.measure_kernels import list_sums, logistic_slopes, rank_sums
from training.project_draws import ProjectDraws

TOP = 0.1  # the top decile
_LEAST = np.finfo(
    "float64"
).eps  # as scikit-learn's log_loss: a risk of 0 or 1 is as far from the other as can be

Measures = dict[str, np.ndarray]


class RankedRows:
    """The rows of one contender, sorted once so that many weightings of them are cheap.

    `score` is higher for what is visited first; a list is made of each `period` (default: one of all rows);
    `weight` is that of each row beside how often its project is drawn (default 1).
    """

    def __init__(
        self,
        happened: np.ndarray,
        score: np.ndarray,
        project: np.ndarray,
        *,
        period: np.ndarray | None = None,
        weight: np.ndarray | None = None,
    ) -> None:
        self.weight = np.ones(len(score)) if weight is None else np.asarray(weight, "float64")
        self.happened = np.asarray(happened, "float64")
        self.score = np.asarray(score, "float64")
        self._project = np.asarray(project, "int64")
        self._all = listed_order(self.score)
        self._lists = self._all if period is None else listed_order(self.score, period)

    def order_sums(self, draws: ProjectDraws) -> np.ndarray:
        """Per draw: AUC, average precision, outcomes and scores in the top decile of all rows."""
        order, _, lasts = self._all
        places = TOP * draws.total(self.weight)
        return rank_sums(draws.times, *self._sorted(order), self.score[order], lasts, places)

    def list_sums(self, draws: ProjectDraws, share: float, *, pooled: bool = False) -> np.ndarray:
        """Per draw: places and outcomes met by the lists of all periods, or by one list of all rows."""
        order, begins, lasts = self._all if pooled else self._lists
        return list_sums(draws.times, *self._sorted(order), lasts, begins, share)

    def _sorted(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._project[order], self.happened[order], self.weight[order]


def ranking_measures(ranked: RankedRows, draws: ProjectDraws, *, pooled: bool = False) -> Measures:
    """AUC, average precision, and precision, recall and lift over random at each capacity.

    The station makes a list every month, so the capacity is that of each period; with `pooled` it is taken
    from one list of all rows, as published figures do, and the names end in `_pooled`.
    """
    sums = ranked.order_sums(draws)
    measures = {} if pooled else {"auc": sums[:, 0], "average_precision": sums[:, 1]}
    rows = draws.total(ranked.weight)
    positives = np.where(np.isnan(sums[:, 0]), np.nan, draws.total(ranked.weight * ranked.happened))
    for share in CAPACITIES:
        places, met = ranked.list_sums(draws, share, pooled=pooled).T
        at = f"at_{percent(share)}" + ("_pooled" if pooled else "")
        with np.errstate(invalid="ignore", divide="ignore"):
            measures[f"precision_{at}"] = met / places + 0 * positives
            measures[f"recall_{at}"] = met / positives
            measures[f"lift_{at}"] = met / places / (positives / rows)
    return measures


def recall_at(ranked: RankedRows, draws: ProjectDraws, share: float) -> np.ndarray:
    """The share of outcomes that lists of this share of each period's rows would meet."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return ranked.list_sums(draws, share)[:, 1] / draws.total(ranked.weight * ranked.happened)


def probability_measures(ranked: RankedRows, draws: ProjectDraws, prior: float) -> Measures:
    """Of a score that is a probability: Brier score, log loss, the skill of both, and how it is calibrated.

    Skill is 1 - score / score of saying `prior` of every row: 0 is no better than the prior rate, 1 perfect.
    `observed_over_expected` is outcomes over the sum of risks: below 1 the risk is too high; `_top_decile`
    is that of the tenth of all rows with the highest risks. `calibration_slope` is the slope of a logistic
    regression of the outcome on logit(risk): below 1 the risks are too extreme (Cox, Biometrika 1958;
    Van Calster et al., BMC Medicine 2019); NaN for a risk that does not vary or separates the outcomes.
    """
    happened, risk, weight = ranked.happened, ranked.score, ranked.weight
    said = np.full(len(risk), prior)
    sums = {
        "rows": weight,
        "happened": weight * happened,
        "risk": weight * risk,
        "brier": weight * (risk - happened) ** 2,
        "prior_brier": weight * (said - happened) ** 2,
        "log_loss": weight * losses(happened, risk),
        "prior_loss": weight * losses(happened, said),
    }
    total = {name: draws.total(values) for name, values in sums.items()}
    _, _, met, expected = ranked.order_sums(draws).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "brier": total["brier"] / total["rows"],
            "brier_skill": 1 - total["brier"] / total["prior_brier"],
            "log_loss": total["log_loss"] / total["rows"],
            "log_loss_skill": 1 - total["log_loss"] / total["prior_loss"],
            "observed_over_expected": total["happened"] / total["risk"],
            "observed_over_expected_top_decile": met / expected,
            "calibration_slope": calibration_slopes(ranked, draws),
        }


def losses(happened: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Log loss of each row, in nats; a risk of 0 or 1 counts as the nearest that can be told from it."""
    risk = np.clip(risk, _LEAST, 1 - _LEAST)
    return -np.log(np.where(happened > 0, risk, 1 - risk))


def calibration_slopes(ranked: RankedRows, draws: ProjectDraws) -> np.ndarray:
    """The slope of a logistic regression of the outcome on logit(risk), with an intercept, in each draw."""
    untold = np.full(len(draws.times), np.nan)
    risk = np.clip(ranked.score, _LEAST, 1 - _LEAST)
    rate = np.average(ranked.happened, weights=ranked.weight) if len(risk) else 0.0
    if not 0 < rate < 1 or risk.min() == risk.max():
        return untold
    log_odds = np.log(risk / (1 - risk))
    rows = (draws.project.astype("int64"), ranked.happened, ranked.weight, log_odds - log_odds.mean())
    once = ProjectDraws.once(draws.project)
    start = logistic_slopes(once.times, *rows, (float(np.log(rate / (1 - rate))), 0.0))[0]
    if np.isnan(start).any():
        return untold
    return logistic_slopes(draws.times, *rows, (float(start[0]), float(start[1])))[:, 1]
