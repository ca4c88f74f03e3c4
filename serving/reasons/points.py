"""How a difference of two risks is told: in points of per cent, small ones with a digit more."""

from __future__ import annotations

from serving.reasons.value_words import Sentence

SMALL = 0.001  # a tenth of a point


def digits_of(difference: float) -> int:
    """How many digits after the point a difference of two risks is told with.

    >>> digits_of(0.008), digits_of(-0.0004)
    (2, 3)
    """
    return 3 if abs(difference) < SMALL else 2


def in_points(difference: float) -> Sentence:
    """A difference of two risks without its sign.

    >>> in_points(0.008), in_points(-0.0004)
    (Sentence(zh='0.80个百分点', en='0.80 points'), Sentence(zh='0.040个百分点', en='0.040 points'))
    """
    shown = f"{100 * abs(difference):.{digits_of(difference)}f}"
    return Sentence(f"{shown}个百分点", f"{shown} points")
