"""Long lists of pages, a leaf at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Leaf:
    """One leaf of a list of `found` rows; a number beyond the last means the last."""

    found: int
    asked: int = 1
    size: int = 50

    @property
    def last(self) -> int:
        """The number of the last leaf; 1 for an empty list, too."""
        return max(1, -(-self.found // self.size))

    @property
    def number(self) -> int:
        """The number of this leaf, from 1."""
        return min(max(1, self.asked), self.last)

    @property
    def part(self) -> slice:
        """Its rows."""
        return slice((self.number - 1) * self.size, self.number * self.size)

    @property
    def near(self) -> list[int]:
        """The leaves to turn to: the first, the last and those beside this one.

        >>> Leaf(1000, 7).near
        [1, 5, 6, 7, 8, 9, 20]
        """
        return [
            one for one in range(1, self.last + 1) if one in (1, self.last) or abs(one - self.number) <= 2
        ]


def number_in(text: str) -> int:
    """The number that a query asks for; 1 for what is none.

    >>> number_in("3"), number_in("٣"), number_in("")
    (3, 1, 1)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
