"""Whether a dangerous work is over-scale (超过一定规模), where the source does not say it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list


def with_scale_judged(works: pd.DataFrame) -> pd.DataFrame:
    """`dangerous_works` with a missing `is_overscale` judged by the list of 2018 where it can be.

    A kind that is over-scale as a whole is; a parameter that decides it is compared with its threshold,
    inclusively (建办质〔2018〕31号). What neither decides stays missing.
    """
    judged = np.full(len(works), np.nan)
    value = works["parameter_value"].to_numpy(np.float64, na_value=np.nan)
    for code in code_list("dangerous_works").codes.values():
        of_kind = (works["code"] == code.code).to_numpy(bool, na_value=False)
        if code.extra.get("all_overscale"):
            judged[of_kind] = 1.0
            continue
        for threshold in code.extra.get("thresholds", ()):
            if threshold["overscale_from"] is not None:
                by_this = of_kind & (works["parameter_kind"] == threshold["parameter"]).to_numpy(
                    bool, na_value=False
                )
                by_this &= ~np.isnan(value)
                judged[by_this] = value[by_this] >= threshold["overscale_from"]
    said = works["is_overscale"]
    return works.assign(is_overscale=said.fillna(pd.Series(judged, works.index).astype("boolean")))
