"""What pages, calls and reports show: the records, the model, the grades, the firms and the plans of one city at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from serving.live_state import LiveState
from serving.pages.city_board import Boards
from serving.pages.firms import Firms


@dataclass(frozen=True)
class City:
    """The city at the moment that `clock` tells: the state to answer from, the store, its grades and firms, and the home with
    the plans."""

    state: Callable[[], LiveState]
    open_store: Callable[[], RecordStore]
    is_champion_refused: Callable[[], bool]
    boards: Boards
    firms: Firms
    home: Path
    clock: Callable[[], pd.Timestamp]

    @classmethod
    def of(
        cls,
        state: Callable[[], LiveState],
        open_store: Callable[[], RecordStore],
        home: Path,
        *,
        is_champion_refused: Callable[[], bool] = lambda: False,
        clock: Callable[[], pd.Timestamp] = now,
    ) -> City:
        """The city of a store, of which nothing is read before it is asked for."""
        boards, firms = Boards(open_store, clock), Firms(open_store, clock)
        return cls(state, open_store, is_champion_refused, boards, firms, home, clock)
