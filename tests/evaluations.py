"""A made-up evaluation of a good head, as the passport holds it, to be spoilt one figure at a time."""

from __future__ import annotations

from typing import Any


def figure(
    mean: float | None, low: float | None = None, high: float | None = None
) -> dict[str, float | None]:
    """A figure with its interval; of nothing but the mean, an interval of that alone."""
    return {"mean": mean, "low": mean if low is None else low, "high": mean if high is None else high}


def good_evaluation(judged: str = "trees") -> dict[str, Any]:
    """Trees that beat the rules and the scorecard, calibrated, on sixty outcomes."""
    return {
        "rows": 1200,
        "positives": 150,
        "outcomes": 60,
        "projects": 100,
        "judged": judged,
        "prior": 0.1,
        "first": "2025-01-01",
        "last": "2025-09-01",
        "contenders": {
            judged: {
                "auc": figure(0.75, 0.70, 0.80),
                "average_precision": figure(0.30, 0.25, 0.36),
                "lift_at_5pct": figure(4.0, 3.0, 5.0),
                "recall_at_10pct": figure(0.35, 0.25, 0.45),
                "log_loss_skill": figure(0.08, 0.04, 0.12),
                "observed_over_expected": figure(1.05, 0.90, 1.20),
                "calibration_slope": figure(0.95, 0.80, 1.10),
            }
        },
        "gains": {
            "past_violations": {"auc": figure(0.10, 0.05, 0.15)},
            "risk_matrix": {"auc": figure(0.08, 0.03, 0.13)},
            "scorecard": {"auc": figure(0.01, -0.005, 0.02)},
        },
        "stability": {"overlap_at_5pct": 0.7, "overlap_at_10pct": 0.75, "lists": 8},
    }
