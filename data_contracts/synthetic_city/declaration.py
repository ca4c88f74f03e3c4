"""What decides the synthetic city, read from one file, and that file's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_contracts.errors import InvalidInput

DECLARATION_FILE = Path(__file__).parent / "city.yaml"


@dataclass(frozen=True)
class Declaration:
    """The entries of a declaration by dotted name, and one of its variants by variance.

    `declared["visits.routine_per_year"]` is an entry's value; `calibrated["intercept"]` a number
    that follows from the entries for the chosen variance of the log hazard.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    calibrated: Mapping[str, float]
    variance: float
    sha256: str

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def load_declaration(path: Path | None = None, *, variance: float | None = None) -> Declaration:
    """The declaration in `path` (default: the city of this package).

    `variance` picks a variant of the log hazard's total variance that the file declares; missing:
    the city's own. Raises InvalidInput for a variance that is not declared.

    >>> load_declaration()["hazard.fatal_per_project_year"]
    0.0045
    """
    text = (path or DECLARATION_FILE).read_bytes()
    entries = dict(_entries(yaml.safe_load(text), ""))
    values = {name: entry["value"] for name, entry in entries.items()}
    sources = {name: entry["source"] for name, entry in entries.items()}
    variants = {float(key): numbers for key, numbers in values["hazard.variants"].items()}
    chosen = values["hazard.total_variance"] if variance is None else float(variance)
    if chosen not in variants:
        known = ", ".join(f"{key:g}" for key in variants)
        raise InvalidInput(
            zh=f"设定文件没有方差为 {chosen:g} 的方案，可用：{known}。",
            en=f"No variant with variance {chosen:g} is declared. Declared: {known}.",
            field="variance",
        )
    return Declaration(values, sources, variants[chosen], chosen, hashlib.sha256(text).hexdigest())


def declaration_hash(path: Path | None = None) -> str:
    """sha256 of the declaration file, to be printed beside every simulated result.

    >>> len(declaration_hash())
    64
    """
    return hashlib.sha256((path or DECLARATION_FILE).read_bytes()).hexdigest()


def _entries(node: Mapping[str, Any], prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, child in node.items():
        if not isinstance(child, Mapping):
            continue
        if "value" in child and "source" in child:
            found.append((prefix + name, child))
        else:
            found += _entries(child, f"{prefix}{name}.")
    return found
