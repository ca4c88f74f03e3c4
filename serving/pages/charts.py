"""Drawings of pages: small SVG of our own, styled by class, with a title that says what they show."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

COLOUR_ORDER = ("RED", "ORANGE", "YELLOW", "BLUE", "NA")


def stacked_bar(counts: Sequence[int], of: int, title: str, width: int = 220, height: int = 14) -> Markup:
    """Counts by colour, the worst first, as one bar; its whole width stands for `of`."""
    parts, left = [], 0.0
    for colour, count in zip(COLOUR_ORDER, counts, strict=True):
        share = width * count / of if of else 0.0
        if share:
            parts.append(
                f'<rect class="{colour.lower()}" x="{left:.1f}" y="0" width="{share:.1f}" height="{height}"/>'
            )
        left += share
    return drawing(width, height, title, "".join(parts))


def columns(
    shares: Sequence[float], labels: Sequence[str], title: str, *, words: Sequence[str], height: int = 190
) -> Markup:
    """A column for each share from 0 to 1, with its words above and its label below."""
    step, foot, head = 46, 26, 18
    most, room = max([*shares, 1e-9]), height - foot - head
    parts = [
        f'<line class="axis" x1="0" x2="{step * len(shares)}" y1="{height - foot}" y2="{height - foot}"/>'
    ]
    for place, (share, label, word) in enumerate(zip(shares, labels, words, strict=True)):
        tall, middle = room * share / most, step * place + step / 2
        top = height - foot - tall
        parts.append(
            f'<rect class="bar" x="{step * place + 8}" y="{top:.1f}" width="{step - 16}" height="{tall:.1f}"/>'
            f'<text x="{middle}" y="{top - 4:.1f}" text-anchor="middle">{escape(word)}</text>'
            f'<text class="soft" x="{middle}" y="{height - 9}" text-anchor="middle">{escape(label)}</text>'
        )
    return drawing(step * len(shares), height, title, "".join(parts))


def drawing(width: float, height: float, title: str, content: str) -> Markup:
    """One SVG; `content` is markup of ours in which what comes from outside has been escaped."""
    return Markup(  # what comes from outside has been escaped
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>{content}</svg>'
    )


def bars(rows: Sequence[tuple[str, float]], title: str, *, label: int = 230, room: int = 300) -> Markup:
    """A bar for each name, from nought to the largest."""
    row, most = 24, max((size for _, size in rows), default=1.0) or 1.0
    parts = []
    for place, (name, size) in enumerate(rows):
        top = row * place
        parts.append(
            f'<text x="{label - 8}" y="{top + 16}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="{label}" y="{top + 4}" width="{room * size / most:.1f}" height="{row - 9}"/>'
            f'<text class="soft" x="{label + room * size / most + 5:.1f}" y="{top + 16}">{size:.3f}</text>'
        )
    return drawing(label + room + 60, row * len(rows), title, "".join(parts))
