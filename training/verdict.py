"""A verdict: what a check with a code found about a training, and what to do about it.

A check passes, fails, or cannot tell: "too few outcomes to judge the calibration" is not "passed".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from data_contracts.errors import CheckFailed

State = Literal["passed", "failed", "not_applicable"]
Severity = Literal["refuses", "warns"]
_STATES: Mapping[State, tuple[str, str]] = {
    "passed": ("通过", "passed"),
    "failed": ("未通过", "failed"),
    "not_applicable": ("不适用", "not applicable"),
}


@dataclass(frozen=True)
class Verdict:
    """What one check found. `severity` is what a failure leads to; the cure is the way out of it."""

    code: str
    title_zh: str
    title_en: str
    state: State
    severity: Severity
    reason_zh: str
    reason_en: str
    cure_zh: str
    cure_en: str

    @property
    def is_refusal(self) -> bool:
        """Whether it stands in the way: failed, and the check refuses."""
        return self.state == "failed" and self.severity == "refuses"

    @property
    def zh(self) -> str:
        """The verdict as a Chinese sentence; the cure only where it failed."""
        cure = self.cure_zh if self.state == "failed" else ""
        return f"[{self.code}] {self.title_zh}（{_STATES[self.state][0]}）：{self.reason_zh}{cure}"

    @property
    def en(self) -> str:
        """The same in English."""
        cure = f" {self.cure_en}" if self.state == "failed" else ""
        return f"[{self.code}] {self.title_en}, {_STATES[self.state][1]}: {self.reason_en}{cure}"

    def as_json(self) -> dict[str, str]:
        """The verdict for passports, ledgers and machines."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """The declaration of a check: its code, what it asks, what a failure leads to, and the way out.

    `at` is when it is asked: `method` before anything is fitted or judged (a failure ends the training),
    `result` when a head has been judged, `promotion` beside the champion.
    """

    code: str
    title_zh: str
    title_en: str
    asks_zh: str
    asks_en: str
    severity: Severity
    cure_zh: str
    cure_en: str
    at: Literal["records", "method", "result", "promotion"]

    def passed(self, zh: str, en: str) -> Verdict:
        """It is as it should be, and by what."""
        return self._verdict("passed", zh, en)

    def failed(self, zh: str, en: str) -> Verdict:
        """It is not, and by what."""
        return self._verdict("failed", zh, en)

    def cannot_tell(self, zh: str, en: str) -> Verdict:
        """There is nothing to ask it of, or too little to tell, and why."""
        return self._verdict("not_applicable", zh, en)

    def _verdict(self, state: State, zh: str, en: str) -> Verdict:
        return Verdict(
            code=self.code,
            title_zh=self.title_zh,
            title_en=self.title_en,
            state=state,
            severity=self.severity,
            reason_zh=zh,
            reason_en=en,
            cure_zh=self.cure_zh,
            cure_en=self.cure_en,
        )


def refusals(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that stand in the way."""
    return [verdict for verdict in verdicts if verdict.is_refusal]


def refuse(head: str, verdicts: Iterable[Verdict]) -> None:
    """Raise CheckFailed, with every code, reason and cure, if a check that refuses has failed."""
    failed = refusals(verdicts)
    if failed:
        raise check_failed(head, failed)


def check_failed(head: str, failed: Iterable[Verdict]) -> CheckFailed:
    """The error for these failures of a head, all of them at once."""
    failed = list(failed)
    return CheckFailed(
        zh=f"目标 {head}：" + "".join(verdict.zh for verdict in failed),
        en=f"Head {head}: " + " ".join(verdict.en for verdict in failed),
        field="head",
    )


def verdict_from(content: dict[str, Any]) -> Verdict:
    """The verdict that `as_json` made; KeyError or TypeError if it is none."""
    return Verdict(**{name: content[name] for name in Verdict.__dataclass_fields__})
