"""Plots of a training for MLflow, as PNG. Words are English: matplotlib drops Chinese without a font.

Nothing here touches pyplot, so no state is shared and no window system is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.report_parts import contender

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FEATURES = 20
# A beeswarm of more rows than this shows nothing more.
MOST_ROWS = 500
EXPECTED = "expected"  # the column of contributions that is no feature: what a row starts from


def run_plots(
    evaluation: Mapping[str, Any],
    *,
    happened: np.ndarray,
    risk: np.ndarray,
    importance: Mapping[str, float],
    features: pd.DataFrame,
    contributions: pd.DataFrame,
) -> dict[str, bytes]:
    """Every plot of a run that its figures can give, by file name."""
    plots = {
        "precision_recall.png": precision_recall(happened, risk),
        "reliability.png": reliability(evaluation.get("reliability") or []),
        "lift.png": lift(evaluation.get("lift_curve") or []),
        "importance.png": importance_plot(importance),
        "shap_summary.png": contribution_summary(features, contributions),
        "risk_over_time.png": risk_over_time(evaluation.get("risk_over_time") or []),
    }
    return {name: plot for name, plot in plots.items() if plot is not None}


def precision_recall(happened: np.ndarray, risk: np.ndarray) -> bytes | None:
    """Precision against recall; None where all rows or none had the outcome."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if not 0 < happened.sum() < len(happened):
        return None
    precision, recall, _ = precision_recall_curve(happened, risk)
    figure, axes = _axes("Recall", "Precision", "Precision and recall")
    axes.step(recall, precision, where="post", label=f"AP {average_precision_score(happened, risk):.4f}")
    axes.axhline(happened.mean(), color="grey", linestyle="--", label=f"rate {happened.mean():.4f}")
    axes.legend()
    return _png(figure)


def reliability(bins: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Observed share against mean risk in bins of equal rows, with intervals; None without bins."""
    told = [each for each in bins if each.get("mean_risk") is not None and each.get("observed") is not None]
    if not told:
        return None
    figure, axes = _axes("Mean risk", "Observed share", "Reliability")
    most = max(max(each["mean_risk"], each["observed"]) for each in told)
    axes.plot([0, most], [0, most], color="grey", linestyle="--")
    for each in told:
        if each.get("low") is not None and each.get("high") is not None:
            axes.vlines(each["mean_risk"], each["low"], each["high"], color="tab:blue")
    axes.plot(
        [each["mean_risk"] for each in told], [each["observed"] for each in told], "o", color="tab:blue"
    )
    return _png(figure)


def lift(curve: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Outcomes met against sites visited, every contender of the curve; None without one."""
    if not curve:
        return None
    figure, axes = _axes("Share of sites visited", "Share of outcomes met", "Outcomes met at capacity")
    for name in curve[0]["recall"]:
        axes.plot(
            [p["share"] for p in curve], [p["recall"].get(name) for p in curve], label=contender(name).en
        )
    axes.legend()
    return _png(figure)


def importance_plot(importance: Mapping[str, float]) -> bytes | None:
    """The features that brought most, the largest on top; None where nothing is known."""
    most = sorted(importance.items(), key=lambda item: item[1])[-MOST_FEATURES:]
    if not most:
        return None
    figure, axes = _axes("Share of the gain", "", "Importance", height=1 + 0.28 * len(most))
    axes.barh([name for name, _ in most], [share for _, share in most])
    return _png(figure)


def contribution_summary(features: pd.DataFrame, contributions: pd.DataFrame) -> bytes | None:
    """A beeswarm: one dot a row and feature, placed by its contribution and coloured by the feature's rank.

    Missing values are grey. None without rows.
    """
    own = contributions.drop(columns=EXPECTED, errors="ignore").iloc[:MOST_ROWS]
    if own.empty:
        return None
    most = own.abs().mean().sort_values().index[-MOST_FEATURES:]
    figure, axes = _axes(
        "Contribution to the log-odds", "", "Contributions (SHAP)", height=1 + 0.32 * len(most)
    )
    for row, name in enumerate(most):
        values, ranks = (
            own[name].to_numpy(float),
            features[name].iloc[: len(own)].rank(pct=True).to_numpy(float),
        )
        heights = row + _swarm(values)
        missing = np.isnan(ranks)
        axes.scatter(values[missing], heights[missing], s=6, color="0.7", linewidths=0)
        axes.scatter(
            values[~missing], heights[~missing], s=6, c=ranks[~missing], cmap="coolwarm", linewidths=0
        )
    axes.set_yticks(range(len(most)), list(most))
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.text(
        1, 1.01, "blue: low value, red: high, grey: missing", transform=axes.transAxes, ha="right", fontsize=8
    )
    return _png(figure)


def risk_over_time(months: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Mean risk and observed share of each month of the test; None without months."""
    if not months:
        return None
    figure, axes = _axes("", "Share of sites", "Risk over time")
    for name, words in (("mean_risk", "expected"), ("observed", "observed")):
        shares = [np.nan if month.get(name) is None else month[name] for month in months]
        axes.plot([month["month"] for month in months], shares, marker="o", label=words)
    axes.tick_params(axis="x", rotation=60)
    axes.set_ylim(bottom=0)
    axes.legend()
    return _png(figure)


def _swarm(values: np.ndarray) -> np.ndarray:
    """How far each dot steps aside, so that dots of like value do not cover one another; at most 0.4."""
    if len(values) < 2 or np.ptp(values) == 0:
        bins = np.zeros(len(values), dtype=int)
    else:
        bins = np.floor((values - values.min()) / np.ptp(values) * 60).astype(int)
    place = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    crowd = max(np.bincount(bins).max(), 2)
    return ((place + 1) // 2) * np.where(place % 2, 1, -1) * (0.8 / crowd)


def _axes(x: str, y: str, title: str, *, height: float = 4.5) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, loc="left")
    return figure, axes


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()
