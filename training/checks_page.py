"""The reference page of the checks, `docs/checks.md`, written from their declarations alone.

`python -m training.checks_page` writes it; a test holds that the committed page is current.
"""

from __future__ import annotations

from pathlib import Path

from training.check_list import CHECKS
from training.verdict import Check

PAGE = Path(__file__).parents[1] / "docs" / "checks.md"
_AT = {
    "records": "before training",
    "method": "in training; a failure ends it",
    "result": "on the figures of the newest rows",
    "promotion": "at promotion",
}

INTRODUCTION = """\
# Checks

What a training and a promotion are asked, each with a code. A check **passes**, **fails**, or is **not applicable** with the
reason: "too few outcomes to judge the calibration" is not "passed". The verdicts of a training stand in the passport of its model
(`heads.<head>.checks`), those of a promotion in the ledger. A failed check that *refuses* keeps a head from being promoted; one
that *warns* is told beside the result. A passport in which a check that refuses was never asked is not promoted either.
Thresholds are ours, no rule of the authority; they stand with their reasons in `training/leaks.py` and
`training/result_checks.py`. This page is written from `training/check_list.py` by `python -m training.checks_page`.

| code | check | asks | when | a failure | way out |
| --- | --- | --- | --- | --- | --- |
"""


def checks_page() -> str:
    """The page as Markdown."""
    return INTRODUCTION + "".join(f"{_line(check)}\n" for check in CHECKS)


def _line(check: Check) -> str:
    cells = (
        check.code,
        f"{check.title_zh}<br>{check.title_en}",
        f"{check.asks_zh}<br>{check.asks_en}",
        _AT[check.at],
        check.severity,
        f"{check.cure_zh}<br>{check.cure_en}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(checks_page(), encoding="utf-8")
