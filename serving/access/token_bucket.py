"""How many calls a worker takes from a key: so many a second, and as many at once."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class TokenBucket:
    """Fills at `per_second` up to a second's worth, at least one; each call takes one.

    >>> bucket = TokenBucket(per_second=2, left=2, at=0)
    >>> [bucket.wait_s(now) for now in (0, 0, 0, 0.5, 0.5)]
    [0, 0, 1, 0, 1]
    """

    per_second: float
    left: float
    at: float

    @classmethod
    def full(cls, per_second: float, now: float) -> TokenBucket:
        """A bucket of which nothing was taken yet."""
        return cls(per_second, max(1.0, per_second), now)

    def wait_s(self, now: float) -> int:
        """0 if a call may pass now, which is then taken; else whole seconds until one may."""
        filled = self.left + max(0.0, now - self.at) * self.per_second
        self.left, self.at = min(max(1.0, self.per_second), filled), now
        if self.left >= 1:
            self.left -= 1
            return 0
        return math.ceil((1 - self.left) / self.per_second)
