"""The minutes of a search, shared by the heads that are searched, and how the passing of a share is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_contracts.progress import Progress

Clock = Callable[[], float]  # seconds that only grow


@dataclass(frozen=True)
class SearchTime:
    """So many minutes from `started` on, by `clock`."""

    minutes: float
    clock: Clock
    started: float

    @classmethod
    def begun(cls, minutes: float, clock: Clock) -> SearchTime:
        """The minutes that begin now."""
        return cls(minutes, clock, clock())

    def share(self, heads: int) -> float:
        """The seconds that each of so many heads gets of what is left; none where it is over."""
        return max(self.started + 60 * self.minutes - self.clock(), 0.0) / heads


@dataclass(frozen=True)
class Countdown:
    """A head's share. It listens to whatever goes on meanwhile, and tells instead how many seconds have passed."""

    step: str
    seconds: float
    progress: Progress
    clock: Clock
    started: float

    def has_time(self) -> bool:
        """Whether some of the share is left."""
        return self.clock() - self.started < self.seconds

    def __call__(self, step: str, done: int, total: int | None) -> None:
        # The last second is told by `finish` alone: a step that is done does not go on.
        self.progress(self.step, min(int(self.clock() - self.started), self._total - 1), self._total)

    def finish(self) -> None:
        """Tell that it is over."""
        self.progress(self.step, self._total, self._total)

    @property
    def _total(self) -> int:
        return max(round(self.seconds), 1)
