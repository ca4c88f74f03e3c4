"""A passport made by hand, as a training writes it: three heads whose figures are simple numbers.

`accident` beats the simple rules, `defect` does not beat the risk matrix, and of `hazard` the rows cannot tell.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

RULES = ("prior_rate", "random_order", "longest_unvisited", "past_violations", "risk_matrix")
MODELS = ("trees", "scorecard")


def made_up_passport(**changes: Any) -> dict[str, Any]:
    """A whole passport; `changes` replace its top-level entries."""
    passport = {
        "name": "autumn",
        "created_at": "2026-01-05T09:30:00",
        "until": "2025-12-31T23:59:59.999999",
        "features": ["floor_area_m2", "violations_90d", "pit_depth_m"],
        "catalogue_sha256": "c" * 64,
        "computations": {},
        "contract_version": "1.4.0",
        "snapshot_sha256": "5" * 64,
        "store_version": 12,
        "git_revision": "0" * 40,
        "libraries": {"siterisk": "0.1.0", "lightgbm": "4.7.0"},
        "seed": 1,
        "scheme": "Split by time alone.",
        "heads": {
            "accident": made_up_head("accident", gains=((0.084, 0.051, 0.117), (0.102, 0.066, 0.14))),
            "defect": made_up_head("defect", gains=((0.06, 0.02, 0.1), (0.01, -0.02, 0.04))),
            "hazard": made_up_head("hazard", gains=((None, None, None), (None, None, None))),
        },
        "heads_left_out": {},
        "warnings": {},
    }
    return passport | changes


def made_up_head(
    name: str, gains: tuple[tuple[float | None, ...], tuple[float | None, ...]]
) -> dict[str, Any]:
    """A head whose gains in AUC over past violations and the risk matrix are given."""
    titles = {
        "accident": ("事故", "Accident"),
        "defect": ("质量缺陷", "Quality defect"),
        "hazard": ("重大隐患", "Hazard"),
    }
    tables = {"accident": "accidents", "defect": "defects", "hazard": "inspections"}
    dates = split_dates(2024)
    metrics = made_up_metrics(gains)
    if name == "hazard":
        metrics["random_visits"] = made_up_random_visits()
    return {
        "definition": {
            "name": name,
            "title_zh": titles[name][0],
            "title_en": titles[name][1],
            "description": f"A {titles[name][1].lower()} on the site.",
            "outcome": {"table": tables[name], "date_column": "occurred_on"},
            "horizon_days": None if name == "hazard" else 90,
            "given_a_visit": name == "hazard",
            "reporting_lag_days": 30,
        },
        "parameters": {"num_leaves": 7, "learning_rate": 0.03},
        "chosen": "trees",
        "candidates": {
            "trees": {"log_loss": 0.031, "auc": 0.72},
            "scorecard": {"log_loss": 0.032, "auc": 0.7},
        },
        "origins": [
            {"dates": split_dates(year), "counts": made_up_counts(), "figures": without_slices(metrics)}
            for year in (2022, 2023)
        ],
        "metrics": metrics,
        "tested": {
            "dates": dates,
            "counts": made_up_counts(),
            "calibration": {"slope": 0.97, "intercept": -0.05},
            "prior": 0.0021,
        },
        "kept": {"dates": kept_dates(), "counts": made_up_counts(), "prior": 0.0021},
        "checks": made_up_checks(gains),
        "importance": {"floor_area_m2": 0.41, "violations_90d": 0.35, "pit_depth_m": 0.24},
        "held_at": {"team_strictness": 1.0},
        "calibration": {"slope": 0.98, "intercept": -0.04},
        "reference_profile": {"rows": 9000, "at": [], "features": {}},
    }


def interval(mean: float | None, spread: float = 0.03) -> dict[str, float | None]:
    """A figure with an interval of equal arms; three times None where it cannot be told."""
    if mean is None:
        return {"mean": None, "low": None, "high": None}
    return {"mean": mean, "low": round(mean - spread, 6), "high": round(mean + spread, 6)}


def made_up_metrics(gains: tuple[tuple[float | None, ...], tuple[float | None, ...]]) -> dict[str, Any]:
    """The evaluation dict: every contender, gains, reliability, lift, months, slices, stability."""
    strength = {"trees": 0.42, "scorecard": 0.38, "risk_matrix": 0.22, "past_violations": 0.27}
    gained = [dict(zip(("mean", "low", "high"), gain, strict=True)) for gain in gains]
    return {
        "rows": 52000,
        "positives": 120,
        "projects": 4600,
        "outcomes": 41,
        "judged": "trees",
        "prior": 0.0021,
        "first": "2024-10-01",
        "last": "2025-09-01",
        "contenders": {name: made_up_contender(name, strength.get(name, 0.1)) for name in (*MODELS, *RULES)},
        "gains": {
            "past_violations": {"auc": gained[0], "recall_at_10pct": interval(0.15)},
            "risk_matrix": {"auc": gained[1], "recall_at_10pct": interval(0.2)},
            "scorecard": {"auc": interval(0.01, 0.015)},
        },
        "reliability": [
            {"mean_risk": 0.0005 * (n + 1), "observed": 0.00048 * (n + 1), "rows": 5200, "positives": 2 + n}
            | {"low": 0.0003 * (n + 1), "high": 0.0008 * (n + 1)}
            for n in range(10)
        ],
        "lift_curve": [
            {
                "share": n / 40,
                "recall": {k: (n / 40) ** (1 - v) for k, v in strength.items()} | {"random_order": n / 40},
            }
            for n in range(1, 41)
        ],
        "risk_over_time": [
            {
                "month": f"2025-{n:02d}",
                "rows": 5000,
                "mean_risk": 0.002 + n / 9000,
                "observed": 0.0021 + (n % 3) / 3000,
            }
            for n in range(1, 10)
        ],
        "slices": made_up_slices(),
        "stability": {"overlap_at_5pct": 0.61, "overlap_at_10pct": 0.7, "lists": 12},
        "random_visits": None,
        "capacities": [0.05, 0.1],
        "shown_apart": {"fatal": 9},
    }


def made_up_contender(name: str, recall: float) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "auc": interval(0.5 + recall / 2),
        "average_precision": interval(0.02, 0.01),
        "recall_at_5pct": interval(round(recall * 0.7, 3)),
        "recall_at_10pct": interval(recall, 0.06),
        "precision_at_5pct": interval(0.02, 0.005),
        "precision_at_10pct": interval(0.011, 0.004),
        "lift_at_5pct": interval(round(recall * 14, 1), 0.8),
        "lift_at_10pct": interval(round(recall * 10, 1), 0.6),
        "precision_at_5pct_pooled": 0.021,
    }
    if name in MODELS or name == "prior_rate":
        figures |= {
            "brier": interval(0.0021, 0.0002),
            "brier_skill": interval(0.01, 0.004),
            "log_loss": interval(0.0158, 0.001),
            "log_loss_skill": interval(0.05 if name in MODELS else 0.0, 0.02),
            "observed_over_expected": interval(0.96, 0.12),
            "observed_over_expected_top_decile": interval(1.04, 0.2),
            "calibration_slope": interval(0.95, 0.15),
            "ece": 0.0004,
        }
    return figures


def made_up_slices() -> dict[str, list[dict[str, Any]]]:
    """Two districts, one of them told too low, one too small; both audit columns."""
    return {
        "district": [
            made_up_slice("310115", 20000, 70, 0.0021),
            made_up_slice("310104", 9000, 48, 0.0022),
            made_up_slice("310107", 800, 2, 0.002),
        ],
        "category": [made_up_slice("BLD_RES", 30000, 66, 0.0021), made_up_slice(None, 400, 0, 0.001)],
        "registered_region": [
            made_up_slice("上海", 31000, 66, 0.0021),
            made_up_slice("外省市", 21000, 54, 0.0024),
        ],
        "ownership": [made_up_slice("民营", 26000, 60, 0.0022), made_up_slice("(other)", 26000, 60, 0.0022)],
    }


def made_up_slice(value: str | None, rows: int, positives: int, mean_risk: float) -> dict[str, Any]:
    return {
        "value": value,
        "rows": rows,
        "positives": positives,
        "projects": rows // 11,
        "mean_risk": mean_risk,
        "observed": positives / rows,
        "observed_over_expected": positives / (rows * mean_risk),
        "auc": 0.7 if positives else None,
        "selection_rate_at_10pct": 0.11,
        "recall_at_10pct": 0.4 if positives else None,
    }


def made_up_random_visits() -> dict[str, Any]:
    return {
        "visits": 9000,
        "random_visits": 800,
        "naive_rate": 0.062,
        "naive_low": 0.057,
        "naive_high": 0.067,
        "weighted_rate": 0.041,
        "weighted_low": 0.028,
        "weighted_high": 0.054,
        "naive_auc": 0.66,
        "weighted_auc": 0.63,
        "note": "",
    }


def made_up_search(*, is_taken: bool = True) -> dict[str, Any]:
    """A head's entry about a search of its parameters that found a smaller log loss."""
    found = 0.0301 if is_taken else 0.03098
    return {
        "minutes": 5.0,
        "kind": "trees",
        "known_at": "2024-10-01T00:00:00",
        "origins": ["2022-10-01T00:00:00", "2023-10-01T00:00:00"],
        "rows": 90000,
        "trials": 12,
        "pruned": 3,
        "declared": {"log_loss": 0.031, "parameters": {"num_leaves": 7, "learning_rate": 0.03}},
        "found": {"log_loss": found, "parameters": {"num_leaves": 5, "learning_rate": 0.0241}},
        "is_taken": is_taken,
        "trees": {"num_leaves": 5, "learning_rate": 0.0241},
        "optuna": "5.0.0",
    }


def made_up_checks(gains: tuple[tuple[float | None, ...], tuple[float | None, ...]]) -> list[dict[str, Any]]:
    lows = [gain[1] for gain in gains]
    state = (
        "not_applicable"
        if None in lows
        else "passed"
        if all(low > 0 for low in lows if low is not None)
        else "failed"
    )
    return [
        verdict(
            "TRN003",
            "各期重叠",
            "Windows overlap",
            "passed",
            "各期之间空出预测期。",
            "The horizon lies between.",
        ),
        verdict(
            "TRN007",
            "不优于简单规则",
            "Worse than a simple rule",
            state,
            "区间含零。",
            "The interval holds zero.",
        ),
        verdict("TRN009", "校准偏离", "Calibration off", "not_applicable", "结果太少。", "Too few outcomes."),
    ]


def verdict(code: str, title_zh: str, title_en: str, state: str, *reasons: str) -> dict[str, Any]:
    return {
        "code": code,
        "title_zh": title_zh,
        "title_en": title_en,
        "state": state,
        "severity": "refuses",
        "reason_zh": reasons[0],
        "reason_en": reasons[1],
        "cure_zh": "载入更长的记录后重新训练。",
        "cure_en": "Load longer records and train again.",
    }


def split_dates(year: int) -> dict[str, Any]:
    return {
        "trees": [f"{year - 3}-01-01T00:00:00", f"{year - 1}-03-01T00:00:00"],
        "calibration": [f"{year - 1}-06-01T00:00:00", f"{year}-05-01T00:00:00"],
        "known_at": f"{year}-10-01T00:00:00",
        "test": [f"{year}-10-01T00:00:00", f"{year + 1}-09-01T00:00:00"],
        "test_known_at": f"{year + 1}-12-31T23:59:59.999999",
    }


def kept_dates() -> dict[str, Any]:
    return {
        "trees": ["2021-01-01T00:00:00", "2024-06-01T00:00:00"],
        "calibration": ["2024-09-01T00:00:00", "2025-09-01T00:00:00"],
        "known_at": "2025-12-31T23:59:59.999999",
    }


def made_up_counts() -> dict[str, int]:
    return {"trees_rows": 90000, "trees_positives": 210, "calibration_rows": 40000, "test_rows": 52000}


def without_slices(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deepcopy(metrics).items() if name != "slices"}
