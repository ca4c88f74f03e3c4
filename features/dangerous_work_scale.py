"""Whether a dangerous work is over-scale (超过一定规模), where the source does not say it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.code_list import code_list
from features.encoded_table import WholeTable


class DangerousWorks(WholeTable):
    """`dangerous_works` with a missing `is_overscale` judged by the list of 2018 where it can be.

    A kind that is over-scale as a whole is; a parameter that decides it is compared with its threshold,
    inclusively (建办质〔2018〕31号). What neither decides stays missing.
    """

    def _encoded(self, name: str) -> NDArray[Any]:
        said = super()._encoded(name)
        return np.where(np.isnan(said), self._judged(), said) if name == "is_overscale" else said

    def _judged(self) -> NDArray[np.float64]:
        judged, value = np.full(len(self), np.nan), self.column("parameter_value")
        for code in code_list("dangerous_works").codes.values():
            of_kind = self._is("code", code.code)
            if code.extra.get("all_overscale"):
                judged[of_kind] = 1.0
                continue
            for threshold in code.extra.get("thresholds", ()):
                if threshold["overscale_from"] is not None:
                    by_this = of_kind & self._is("parameter_kind", threshold["parameter"]) & ~np.isnan(value)
                    judged[by_this] = value[by_this] >= threshold["overscale_from"]
        return judged

    def _is(self, column: str, word: str) -> NDArray[np.bool_]:
        codes, texts = self.column(column), self.texts(column)
        return codes == (texts.index(word) if word in texts else -2)
