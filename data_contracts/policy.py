"""Dated policy files: what the rule was on a day, and which text says so.

One YAML file a policy under `policies/`, holding what was in force from when to when. A file that leaves a
gap, overlaps itself, misspells a word or puts thresholds out of order is refused, each fault with its line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from data_contracts.errors import ContractInvalid, NotFound, PolicyUndefined

POLICY_FOLDER = Path(__file__).parent / "policies"
LINE = "__line__"


@dataclass(frozen=True)
class Policy:
    """What was in force from `valid_from` until 00:00 of `valid_until` (None: still in force)."""

    name: str
    valid_from: date
    valid_until: date | None
    reference: str
    trust: str
    line: int
    content: Mapping[str, Any] = field(hash=False)

    def covers(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)

    def plain_content(self) -> dict[str, Any]:
        """The content as it was written, without the lines."""
        plain: dict[str, Any] = _plain(self.content)
        return plain


@dataclass(frozen=True)
class PolicyFile:
    """All policies of one kind, by date without a gap; `sha256` is of the file as it was read."""

    name: str
    title_zh: str
    title_en: str
    policies: tuple[Policy, ...]
    sha256: str = ""

    def policy_on(self, day: date) -> Policy:
        """The policy in force on `day`; raises PolicyUndefined for a day before the first or after the last."""
        for policy in self.policies:
            if policy.covers(day):
                return policy
        first = self.policies[0].valid_from
        raise PolicyUndefined(
            zh=f"{day} 当日没有生效的{self.title_zh}：最早自 {first} 起。请在 {self.name}.yaml 中补充，或改问其后的日期。",
            en=f"No {self.title_en.lower()} was in force on {day}: the first one starts on {first}. "
            f"Add an entry to {self.name}.yaml, or ask for another day.",
            field="as_of",
        )

    def told_on(self, day: date) -> dict[str, Any]:
        """What is told of the policy in force on `day`, without its content; raises PolicyUndefined."""
        policy = self.policy_on(day)
        return {
            "title_zh": self.title_zh,
            "title_en": self.title_en,
            "valid_from": str(policy.valid_from),
            "valid_until": None if policy.valid_until is None else str(policy.valid_until),
            "reference": policy.reference,
            "trust": policy.trust,
            "sha256": self.sha256,
        }


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(word): _plain(value) for word, value in content.items() if word != LINE}
    return [_plain(value) for value in content] if isinstance(content, list | tuple) else content


def policy_on(name: str, day: date) -> Policy:
    """The policy of that name in force on `day`; raises NotFound or PolicyUndefined.

    >>> policy_on("risk_matrix", date(2026, 1, 1)).content["cells"][3]["POOR"]
    4
    """
    return policy_file(name).policy_on(day)


def policy_file(name: str) -> PolicyFile:
    """The house's own policies of that name; raises NotFound for any other name."""
    if name not in POLICY_NAMES:
        raise NotFound(
            zh=f"没有名为 {name} 的政策，可用的有：{'、'.join(POLICY_NAMES)}。",
            en=f"There is no policy {name}. Policies: {', '.join(POLICY_NAMES)}.",
            field=name,
        )
    return load_policy_file(POLICY_FOLDER / f"{name}.yaml")


POLICY_NAMES = (
    "inherent_grade", "risk_matrix", "input_requirements", "dynamic_grade", "visit_frequency", "visit_frequency_2018",
    "visit_choice", "weekly_plan", "changeable_facts", "ledger_retention",
)  # fmt: skip


@cache
def load_policy_file(path: Path) -> PolicyFile:
    """The policies in one file; raises ContractInvalid that names every fault with its line."""
    from data_contracts.policy_checks import content_faults

    document = _read_with_lines(path)
    faults = [*wrong_words(document, {"name", "titleZh", "titleEn", "policies"}, {"name", "policies"})]
    entries = [entry for entry in document.get("policies") or [] if isinstance(entry, Mapping)]
    policies = []
    for entry in entries:
        wrong = list(_entry_faults(entry))
        faults += wrong
        if not wrong:
            faults += content_faults(str(document.get("name")), entry)
            policies.append(_policy(str(document.get("name")), entry))
    faults += _calendar_faults(policies) if policies else [(1, "no policy is declared")]
    if faults:
        listed = "\n".join(f"- {path.name}, line {line}: {fault}" for line, fault in sorted(set(faults)))
        lines = "、".join(str(line) for line in sorted({line for line, _ in faults}))
        raise ContractInvalid(
            zh=f"政策文件 {path.name} 有 {len(set(faults))} 处错误，在第 {lines} 行，见英文列表。",
            en=f"The policy file {path.name} has {len(set(faults))} faults:\n{listed}",
        )
    titles = str(document.get("titleZh", path.stem)), str(document.get("titleEn", path.stem))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return PolicyFile(str(document["name"]), *titles, tuple(policies), sha256)


Fault = tuple[int, str]
DATED_WORDS = {"valid_from", "valid_until", "reference", "trust", "note"}


def _entry_faults(entry: Mapping[str, Any]) -> Iterator[Fault]:
    line = entry[LINE]
    for word in sorted({"valid_from", "reference", "trust"} - set(entry)):
        yield line, f"{word} is missing"
    for word in ("valid_from", "valid_until"):
        value = entry.get(word)
        if not isinstance(value, date) and not (word == "valid_until" and value is None):
            yield line, f"{word} is not a day: {value!r}"


def _policy(name: str, entry: Mapping[str, Any]) -> Policy:
    content = {word: value for word, value in entry.items() if word not in DATED_WORDS | {LINE}}
    until = entry.get("valid_until")
    return Policy(
        name, entry["valid_from"], until, str(entry["reference"]), str(entry["trust"]), entry[LINE], content
    )


def _calendar_faults(policies: list[Policy]) -> Iterator[Fault]:
    for policy in policies:
        if policy.valid_until is not None and policy.valid_until <= policy.valid_from:
            yield policy.line, f"ends on {policy.valid_until}, not after it starts on {policy.valid_from}"
    for before, after in pairwise(policies):
        if before.valid_until is None or after.valid_from < before.valid_until:
            ends = before.valid_until or "no day at all"
            yield (
                after.line,
                f"starts on {after.valid_from} and overlaps the one before, which ends on {ends}",
            )
        elif after.valid_from > before.valid_until:
            yield after.line, f"leaves a gap from {before.valid_until} to {after.valid_from}"


def wrong_words(given: Mapping[str, Any], known: set[str], needed: set[str]) -> Iterator[Fault]:
    for word in sorted(set(map(str, given)) - known - {LINE}):
        yield given[LINE], f"nothing is called {word}"
    for word in sorted(needed - set(given)):
        yield given[LINE], f"{word} is missing"


class _LineLoader(yaml.SafeLoader):
    """Safe YAML in which every mapping knows its line and no key stands twice."""


def _mapping(loader: _LineLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
    values = [loader.construct_object(value, deep=True) for _, value in node.value]  # type: ignore[no-untyped-call]
    line = node.start_mark.line + 1
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise ContractInvalid(
                zh=f"第 {node.value[number][0].start_mark.line + 1} 行：{key} 重复。",
                en=f"line {node.value[number][0].start_mark.line + 1}: {key} stands twice.",
            )
    return dict(zip(keys, values, strict=True)) | {LINE: line}


_LineLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _read_with_lines(path: Path) -> dict[Any, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LineLoader)
    except yaml.YAMLError as error:
        raise ContractInvalid(
            zh=f"政策文件 {path.name} 不是有效的 YAML：{error}",
            en=f"{path.name} is not valid YAML: {error}",
        ) from error
    if not isinstance(document, dict):
        raise ContractInvalid(zh=f"{path.name} 为空。", en=f"{path.name} declares nothing.")
    return document
