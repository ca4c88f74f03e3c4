"""How much of a month's list stands on the next one's: a list that turns over cannot be planned with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.capacity_lists import share_on_list


def list_overlap(
    project: np.ndarray, month: np.ndarray, score: np.ndarray, share: float
) -> tuple[float | None, int]:
    """Mean share of a list that stands on the next one's, among sites present in both; and the number of lists.

    A site with several rows in a month counts by its best chance. Sites that tie at the edge draw lots, each
    month anew. Lists that share no listed site with the next say nothing; None where no pair of lists does.

    >>> month = np.array(["2025-01"] * 4 + ["2025-02"] * 4, "datetime64[M]")
    >>> site, score = np.array(list("abcdabce")), np.array([4.0, 3, 2, 1, 4, 1, 3, 2])
    >>> list_overlap(site, month, score, 0.5)
    (0.5, 2)
    """
    chance = share_on_list(score, share, month)
    lists = pd.DataFrame({"project": project, "month": month, "chance": chance})
    by_site = lists.groupby(["month", "project"], sort=True)["chance"].max()
    each = [by_site.xs(when, level="month") for when in by_site.index.unique("month")]
    kept = [_kept(now, later) for now, later in zip(each, each[1:], strict=False)]
    told = [value for value in kept if value is not None]
    return (float(np.mean(told)) if told else None), len(each)


def _kept(now: pd.Series, later: pd.Series) -> float | None:
    both = now.index.intersection(later.index)
    on_list = now.loc[both].to_numpy()
    return float(on_list @ later.loc[both].to_numpy() / on_list.sum()) if on_list.sum() > 0 else None
