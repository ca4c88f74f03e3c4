"""The inner loops of the measures, compiled: one pass over rows in order of score, for each draw of projects.

`times[draw, project]` is how often a project is drawn, so that a row weighs `times × weight`. Rows stand from
the highest score to the lowest; `lasts` marks the last row of each tie. What a draw cannot tell is NaN.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STEPS = 40  # of Newton's method; it needs four to seven unless the outcomes are separated
NEAR_ENOUGH = 1e-7


@njit(cache=True, nogil=True)
def rank_sums(times, project, happened, weight, score, lasts, places):  # type: ignore[no-untyped-def]
    """Per draw: AUC, average precision, outcomes met in the first `places`, and the scores added up there."""
    sums = np.full((len(times), 4), np.nan)
    for draw in range(len(times)):
        positive = negative = pairs = precision = met = expected = taken = 0.0
        here = there = risk = 0.0  # of the tie: outcomes, rows without, scores
        for i in range(len(project)):
            w = times[draw, project[i]] * weight[i]
            here += w * happened[i]
            there += w * (1 - happened[i])
            risk += w * score[i]
            if lasts[i] and here + there > 0:
                pairs += there * (positive + here / 2)
                positive += here
                negative += there
                precision += here * positive / (positive + negative)
                part = min(1.0, (places[draw] - taken) / (here + there))
                met += part * here
                expected += part * risk
                taken += part * (here + there)
                here = there = risk = 0.0
        if positive > 0 and negative > 0:
            sums[draw, 0] = pairs / (positive * negative)
            sums[draw, 1] = precision / positive
        sums[draw, 2] = met
        sums[draw, 3] = expected
    return sums


@njit(cache=True, nogil=True)
def list_sums(times, project, happened, weight, lasts, begins, share):  # type: ignore[no-untyped-def]
    """Per draw: places and outcomes met, added up over lists; list k has the rows from begins[k] on."""
    sums = np.zeros((len(times), 2))
    for draw in range(len(times)):
        for k in range(len(begins) - 1):
            size = 0.0
            for i in range(begins[k], begins[k + 1]):
                size += times[draw, project[i]] * weight[i]
            places = max(size * share, min(size, 1.0))
            left, here, rows = places, 0.0, 0.0
            for i in range(begins[k], begins[k + 1]):
                w = times[draw, project[i]] * weight[i]
                here += w * happened[i]
                rows += w
                if lasts[i] and rows > 0:
                    part = min(1.0, left / rows)
                    sums[draw, 1] += part * here
                    left -= part * rows
                    here = rows = 0.0
                    if left <= 0:
                        break
            sums[draw, 0] += places
    return sums


@njit(cache=True, nogil=True)
def logistic_slopes(times, project, happened, weight, log_odds, start):  # type: ignore[no-untyped-def]
    """Per draw: intercept and slope of a logistic regression on `log_odds`, by Newton's method from `start`."""
    lines = np.full((len(times), 2), np.nan)
    for draw in range(len(times)):
        intercept, slope = start
        for _ in range(STEPS):
            level, tilt, flat, cross, steep = _newton_sums(
                times[draw], project, happened, weight, log_odds, intercept, slope
            )
            determinant = flat * steep - cross * cross
            if not determinant > 1e-12 * flat * steep:  # no variation, or nothing left to fit
                break
            by_level = (steep * level - cross * tilt) / determinant
            by_tilt = (flat * tilt - cross * level) / determinant
            intercept += by_level
            slope += by_tilt
            if abs(by_level) + abs(by_tilt) < NEAR_ENOUGH:
                lines[draw, 0] = intercept
                lines[draw, 1] = slope
                break
    return lines


@njit(cache=True, nogil=True)
def _newton_sums(times, project, happened, weight, log_odds, intercept, slope):  # type: ignore[no-untyped-def]
    """First and second derivatives of the log likelihood by intercept and slope."""
    level = tilt = flat = cross = steep = 0.0
    for i in range(len(project)):
        w = times[project[i]] * weight[i]
        if w == 0:
            continue
        at = log_odds[i]
        risk = 1 / (1 + np.exp(-(intercept + slope * at)))
        error, spread = w * (happened[i] - risk), w * risk * (1 - risk)
        level += error
        tilt += error * at
        flat += spread
        cross += spread * at
        steep += spread * at * at
    return level, tilt, flat, cross, steep
