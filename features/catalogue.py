"""The feature catalogue: loaded from its declaration, checked against the contracts, and hashed."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from data_contracts.code_list import code_list
from data_contracts.contract import contracts, read_yaml
from data_contracts.errors import ContractInvalid, NotFound
from features.catalogue_checks import faults_of
from features.computations import computations
from features.feature import INPUT_STATE, FactRule, Feature, Shrinkage

CATALOGUE_FILE = Path(__file__).with_name("catalogue.yaml")
_KNOWN_WORDS = {field.name for field in fields(Feature)} - {"ranks"} | {"code_rank"}
_NEEDED_WORDS = {
    "name", "family", "measure", "range", "direction", "label_zh", "label_en", "reason_zh", "reason_en", "missing"
}  # fmt: skip


@dataclass(frozen=True)
class Catalogue:
    """All declared features in order, how tables are read, and the SHA-256 of the whole declaration."""

    version: str
    features: tuple[Feature, ...]
    rules: Mapping[str, FactRule]
    hash: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features a model may use, in the order of the matrix's columns."""
        return tuple(feature.name for feature in self.features if feature.in_model)

    @cached_property
    def input_states(self) -> Mapping[str, str]:
        """The features that tell the state of a table's records, by table."""
        return {str(one.table): one.name for one in self.features if one.measure == INPUT_STATE}

    @cached_property
    def computations(self) -> Mapping[str, str]:
        """How each model feature is computed, as a digest; see `features.computations`."""
        return computations(self)

    @cached_property
    def _by_name(self) -> Mapping[str, Feature]:
        return {feature.name: feature for feature in self.features}

    def feature(self, name: str) -> Feature:
        """The feature called `name`; raises NotFound for any other name, with the nearest there are."""
        return self.named([name])[0]

    def role_of(self, feature: Feature) -> str | None:
        """The role of the firm whose record a feature speaks of, a ratio by its numerator; None for those of no firm."""
        if feature.role is None and feature.numerator:
            return self.role_of(self.feature(feature.numerator))
        return None if feature.group else feature.role

    def named(self, names: Sequence[str]) -> tuple[Feature, ...]:
        """The features of these names; raises NotFound that tells every name there is not, with the nearest."""
        found = self._by_name
        absent = [name for name in dict.fromkeys(names) if name not in found]
        if absent:
            near = {name: _nearest(name, self.features) for name in absent}
            zh = "；".join(f"{name}（相近：{'、'.join(n) or '无'}）" for name, n in near.items())
            en = "; ".join(f"{name} (near: {', '.join(n) or 'none'})" for name, n in near.items())
            raise NotFound(
                zh=f"特征目录中没有 {zh}。全部特征见 docs/features.md。",
                en=f"The catalogue has no feature {en}. docs/features.md lists them all.",
                field=absent[0],
            )
        return tuple(found[name] for name in names)


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue in one file, by default the product's own.

    Raises ContractInvalid that lists everything wrong with it at once: unknown words, columns the contracts
    do not have, codes no list has, audit-only columns or weather in a model.

    >>> load_catalogue().feature("pit_depth_m").direction
    1
    """
    document = read_yaml(path or CATALOGUE_FILE)
    faults: list[str] = []
    rules = {name: _rule(name, declared) for name, declared in document["facts"].items()}
    features = []
    for entry in document["features"]:
        said = _wrong_words(entry)
        faults += said
        if not said:
            features.append(_feature(entry))
    faults += faults_of(features, rules)
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise ContractInvalid(
            zh=f"特征目录有 {len(faults)} 处错误，见英文列表。",
            en=f"The feature catalogue has {len(faults)} faults:\n{listed}",
        )
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return Catalogue(str(document["version"]), tuple(features), rules, digest)


def _nearest(name: str, features: Sequence[Feature]) -> list[str]:
    """Up to three features whose name or label comes near."""
    words = {word.lower(): f.name for f in features for word in (f.label_en, f.label_zh, f.name)}
    near = difflib.get_close_matches(name.lower(), words, n=6)
    return list(dict.fromkeys(words[word] for word in near))[:3]


def _wrong_words(entry: Mapping[str, Any]) -> list[str]:
    name = entry.get("name", "a feature without name")
    missing, unknown = _NEEDED_WORDS - set(entry), set(entry) - _KNOWN_WORDS
    faults = [f"{name}: {word} is missing" for word in sorted(missing)]
    faults += [f"{name}: nothing is called {word}" for word in sorted(unknown)]
    if entry.get("direction") not in (1, -1, "none"):
        faults.append(f"{name}: direction is {entry.get('direction')!r}, not 1, -1 or none")
    return faults


def _rule(table: str, declared: Mapping[str, Any]) -> FactRule:
    return FactRule(
        table,
        declared.get("since"),
        tuple(declared.get("ends_by", ())),
        declared.get("named", "instead"),
        expires_by=tuple(declared.get("expires_by", ())),
        superseded_within=tuple(declared.get("superseded_within", ())),
        ends_with_project=declared.get("ends_with_project", False),
        held=declared.get("held", "on_the_day"),
    )


def _feature(entry: Mapping[str, Any]) -> Feature:
    given = dict(entry)
    given["direction"] = 0 if given["direction"] == "none" else given["direction"]
    given["range"] = tuple(given["range"])
    for listed in ("until", "distinct", "needs", "above_zero", "among", "steps", "counted"):
        given[listed] = _listed(given.get(listed))
    if "ends_by" in given:
        given["ends_by"] = tuple(given["ends_by"])
    for filtered in ("where", "not_open_when"):
        given[filtered] = {column: tuple(values) for column, values in given.get(filtered, {}).items()}
    given["says"] = {word: tuple(texts) for word, texts in given.get("says", {}).items()}
    if "shrunk" in given:
        given["shrunk"] = Shrinkage(**given["shrunk"])
    given["ranks"] = _ranks(given, given.pop("code_rank", None))
    given.setdefault("table", None)
    return Feature(**given)


def _listed(value: Any) -> tuple[Any, ...]:
    """A word or number alone is a list of one."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _ranks(given: Mapping[str, Any], attribute: str | None) -> dict[str, float]:
    """The numbers a code list gives its codes under `attribute`, e.g. the order of the stages."""
    table = contracts().get(given.get("table") or "")
    if attribute is None or table is None or given.get("column") not in table.column_names:
        return {}
    listed = table.column(given["column"]).code_list
    if listed is None:
        return {}
    codes = code_list(listed).codes.values()
    return {
        code.code: float(code.extra[attribute]) for code in codes if code.extra.get(attribute) is not None
    }
