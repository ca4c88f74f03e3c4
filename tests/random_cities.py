"""Random small cities for the laws of features: few ids, few days, every kind of record's fate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.contract import Column, TableContract, contracts
from features.catalogue import Catalogue

FIRST_DAY = pd.Timestamp("2023-01-01")
DAYS = 900
PROJECTS, ENTERPRISES = ("P1", "P2", "P3"), ("E1", "E2", "E3")
ROLES = ("GC", "GC", "GC", "SUPV", "SUPV", "OWNER", "CRANE", "SUB_PRO")
MORE = {
    "project_parties": 4,
    "defects": 2,
    "dangerous_works": 2,
    "inspections": 2,
    "violations": 3,
    "credit_records": 2,
    "attendance": 4,
    "orders": 2,
}
SHARES_NAMED = {"project_id": 0.8, "enterprise_id": 0.3}
CHANGED = 0.4  # share of a record's columns that a later version says otherwise


@dataclass(frozen=True)
class Ids:
    """The sites and firms that records are about, and how often a later version names another of them."""

    projects: tuple[str, ...] = PROJECTS
    enterprises: tuple[str, ...] = ENTERPRISES
    redrawn: float = CHANGED

    def of(self, column: str) -> tuple[str, ...]:
        return self.projects if column == "project_id" else self.enterprises


NARROW = Ids()  # a correction or renaming connects nearly everyone with everyone
WIDE = Ids(  # most sites and firms have nothing to do with each other
    tuple(f"P{number}" for number in range(11, 21)), tuple(f"E{number}" for number in range(11, 17)), 0.01
)


def random_city(
    seed: int, catalogue: Catalogue, *, facts: int = 12, ids: Ids = NARROW
) -> dict[str, pd.DataFrame]:
    """Tables of a city in which records are late, corrected, closed, revoked, withdrawn and incomplete."""
    rng = np.random.default_rng(seed)
    wanted: dict[tuple[str, str], tuple] = {}
    for feature in catalogue.features:
        for one, values in _wanted(feature):
            wanted[one] = tuple(dict.fromkeys([*wanted.get(one, ()), *values]))
    tables = {
        name: _table(rng, contracts()[name], facts * MORE.get(name, 1), wanted, ids)
        for name in catalogue.rules
    }
    return tables | {"aliases": _aliases(rng, ids)}


def _aliases(rng: np.random.Generator, ids: Ids) -> pd.DataFrame:
    """A few renamings, some in a circle, late, withdrawn or of ids that nobody has."""
    table = _table(rng, contracts()["aliases"], 3, {}, ids)
    named = {"PROJECT": (*ids.projects, "P9"), "ENTERPRISE": (*ids.enterprises, "E9")}
    kinds = [str(kind) for kind in rng.choice(list(named), len(table))]
    old, new = ([str(rng.choice(named[kind])) for kind in kinds] for _ in range(2))
    return table.assign(kind=kinds, old_id=old, new_id=new)


def _wanted(feature) -> list[tuple[tuple[str, str], tuple]]:
    liked = [*feature.where.items(), *feature.not_open_when.items()]
    liked += [(feature.column, feature.among)] if feature.among else []
    return [((feature.table, column), values) for column, values in liked]


def _table(
    rng: np.random.Generator, table: TableContract, facts: int, wanted: dict, ids: Ids
) -> pd.DataFrame:
    rows: list[dict] = []
    for number in range(facts):
        fact = {column.name: _value(rng, table, column, number, wanted, ids=ids) for column in table.columns}
        fact["withdrawn_at"] = None
        versions = rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15])
        recorded = _moment(rng)
        for version in range(versions):
            fact = dict(fact)
            if version:
                recorded += pd.Timedelta(hours=int(rng.integers(1, 24 * 200)))
                changed = [c for c in table.columns if c.name not in table.key and _changes(rng, c, ids)]
                fact |= {
                    column.name: _value(rng, table, column, number, wanted, ids=ids) for column in changed
                }
                fact["withdrawn_at"] = _moment(rng) if rng.random() < 0.15 else None
            rows.append(fact | {"recorded_at": recorded})
    # two versions of one record recorded at the same moment do not pass the intake
    return pd.DataFrame(rows).drop_duplicates([*table.key, "recorded_at"], ignore_index=True)


def _changes(rng: np.random.Generator, column: Column, ids: Ids) -> bool:
    return bool(rng.random() < (ids.redrawn if column.name in SHARES_NAMED else CHANGED))


def _value(
    rng: np.random.Generator, table: TableContract, column: Column, number: int, wanted: dict, *, ids: Ids
):
    if column.name in SHARES_NAMED:
        is_named = column.required or rng.random() < SHARES_NAMED[column.name]
        return str(rng.choice(ids.of(column.name))) if is_named else None
    if column.name in table.key and column.kind == "text":
        return f"{table.name}-{number // 2 if len(table.key) > 1 else number}"
    if not column.required and rng.random() < (0.6 if column.is_closing else 0.25):
        return None
    if column.kind == "text" and (table.name, column.name) in wanted and rng.random() < 0.5:
        return str(rng.choice(wanted[table.name, column.name]))
    if column.kind == "code":
        return _code(rng, column, wanted.get((table.name, column.name), ()))
    return _drawn(rng, column)


def _drawn(rng: np.random.Generator, column: Column):
    value = DRAWN[column.kind](rng)
    if column.granularity == "month":
        return value.replace(day=1)
    above = column.minimum if column.kind in ("integer", "number") and (column.minimum or 0) > 0 else None
    return value if above is None else value + above


def _code(rng: np.random.Generator, column: Column, liked: tuple) -> str:
    if column.name == "role":
        return str(rng.choice(ROLES))
    codes = list(code_list(str(column.code_list)).codes)
    return str(rng.choice([*liked, *liked, *codes[:3], codes[-1], "SOMETHING_ELSE"]))


def _moment(rng: np.random.Generator) -> pd.Timestamp:
    """Mostly whole days, so that moments meet; sometimes a time of day."""
    day = FIRST_DAY + pd.Timedelta(days=int(rng.integers(0, DAYS)))
    return day if rng.random() < 0.6 else day + pd.Timedelta(seconds=int(rng.integers(0, 86_400)))


DRAWN = {
    "text": lambda rng: f"text {rng.integers(0, 9)}",
    "boolean": lambda rng: bool(rng.random() < 0.5),
    "integer": lambda rng: int(rng.integers(0, 8)),
    "number": lambda rng: float(rng.integers(0, 400)) / 16,
    "date": lambda rng: _moment(rng).normalize(),
    "moment": _moment,
}


def moments_of_interest(
    tables: dict[str, pd.DataFrame], rng: np.random.Generator, count: int
) -> list[pd.Timestamp]:
    """Moments at which something changes, and moments just before."""
    seen = [pd.Timestamp(value) for table in tables.values() for value in table["recorded_at"]]
    chosen = [seen[place] for place in rng.integers(0, len(seen), count)]
    shifts = [pd.Timedelta(0), pd.Timedelta(microseconds=-1), pd.Timedelta(days=90), pd.Timedelta(days=365)]
    return [moment + shifts[int(rng.integers(0, len(shifts)))] for moment in chosen]
