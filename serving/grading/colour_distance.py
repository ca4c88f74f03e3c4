"""How far a risk is from the colours' cut-offs of a grading run, in points and in words of two languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.grading.colours import BLUE, NAMES, RANK
from serving.grading.reasons import ZH
from serving.reasons.points import in_points
from serving.reasons.value_words import Sentence


@dataclass(frozen=True)
class ColourDistance:
    """Where one head's risk stands: the colour that it reaches by itself, how far above its cut-off, how far below the next.

    `cutoff` None: blue, which has none; `worse` None: no worse colour that any risk could reach.
    """

    risk: float
    colour: str
    cutoff: float | None
    worse: str | None
    worse_cutoff: float | None

    @classmethod
    def of(cls, risk: float, cutoffs: Mapping[str, float | None]) -> ColourDistance:
        """By a run's cut-offs of the head, the worst colour first; None where a share holds no whole site.

        >>> ColourDistance.of(0.025, {"RED": 0.04, "ORANGE": 0.02, "YELLOW": 0.01})
        ColourDistance(risk=0.025, colour='ORANGE', cutoff=0.02, worse='RED', worse_cutoff=0.04)
        """
        begins = {colour: limit for colour, limit in cutoffs.items() if limit is not None}
        reached = [colour for colour, limit in begins.items() if risk >= limit]
        colour = max(reached, key=RANK.__getitem__, default=NAMES[BLUE])
        beyond = [one for one in begins if RANK[one] > RANK[colour]]
        worse = min(beyond, key=RANK.__getitem__, default=None)
        return cls(risk, colour, begins.get(colour), worse, begins[worse] if worse else None)

    @property
    def words(self) -> Sentence:
        """Both distances, with the cut-offs.

        >>> ColourDistance.of(0.025, {"RED": 0.033, "ORANGE": 0.02, "YELLOW": 0.01}).words.zh
        '高于橙色界限（2.00%）0.50个百分点；距红色（3.30%）还差0.80个百分点'
        """
        zh, en = [], []
        if self.cutoff is not None:
            above, name = in_points(self.risk - self.cutoff), self.colour.lower()
            zh.append(f"高于{ZH[self.colour]}界限（{self.cutoff:.2%}）{above.zh}")
            en.append(f"{above.en} above the cut-off of {name} ({self.cutoff:.2%})")
        else:
            zh.append("低于各颜色界限")
            en.append("below the cut-off of every colour")
        if self.worse is not None and self.worse_cutoff is not None:
            short = in_points(self.worse_cutoff - self.risk)
            zh.append(f"距{ZH[self.worse]}（{self.worse_cutoff:.2%}）还差{short.zh}")
            en.append(f"{short.en} short of {self.worse.lower()} ({self.worse_cutoff:.2%})")
        return Sentence("；".join(zh), "; ".join(en))


def lowering_limits(
    colour: str, cutoffs: Mapping[str, Mapping[str, float | None]], margin: float
) -> dict[str, float]:
    """By head the risk below which a site of that colour has to fall before a step down is proposed; none for blue and NA.

    A head whose cut-off of that colour is None sets no limit.
    """
    limits = {head: of_head.get(colour) for head, of_head in cutoffs.items()}
    return {head: margin * limit for head, limit in limits.items() if limit is not None}
