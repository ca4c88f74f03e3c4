"""How each feature is computed, as a digest that a model keeps: other features are no input for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, fields
from typing import TYPE_CHECKING, Any

from features.feature import FactRule, Feature

if TYPE_CHECKING:
    from features.catalogue import Catalogue

# What is said about a value, or done with it once it is there: without, the value is the same.
WORDING = frozenset(
    {
        "family", "label_zh", "label_en", "reason_zh", "reason_en", "missing", "unit", "range", "direction",
        "gameable", "in_model", "in_reasons", "reference", "shown_times", "speaks_of", "says",
    }
)  # fmt: skip
DIGITS = 16


def computations(catalogue: Catalogue) -> dict[str, str]:
    """A digest for each model feature of all that is declared of its value; rewording it changes nothing."""
    return {name: _digest(_computation(catalogue, catalogue.feature(name))) for name in catalogue.names}


def _computation(catalogue: Catalogue, feature: Feature) -> list[dict[str, Any]]:
    """The feature's own words, the rules of the tables it reads, and the same of what a ratio is made of."""
    own = {word: value for word, value in _said(feature).items() if word not in WORDING}
    tables = {feature.table, "project_parties" if feature.role else None}
    rules = [_said(rule) for table, rule in sorted(catalogue.rules.items()) if table in tables]
    parts = [catalogue.feature(name) for name in feature.parts]
    return [own, *rules, *(said for part in parts for said in _computation(catalogue, part))]


def _said(declared: Feature | FactRule) -> dict[str, Any]:
    """The declaration without what it leaves at the default: a word that is new to the catalogue changes no digest."""
    values = asdict(declared)
    for word in fields(declared):
        default = word.default if word.default_factory is MISSING else word.default_factory()
        if values[word.name] == default:
            del values[word.name]
    return values


def _digest(said: Any) -> str:
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGITS]
