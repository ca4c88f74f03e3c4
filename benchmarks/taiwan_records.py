"""Real penalties and accidents of Taiwan's construction enterprises as contract tables.

An adapter of the kind any authority would write for its own sources. Those files know enterprises and
neither sites nor scale: each construction enterprise becomes one project, started on its first announced
penalty, with itself as general contractor.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

DAYS_UNTIL_AN_ACCIDENT_IS_ON_FILE = 60  # the files' README: no publication date is known

CATEGORIES = {
    "fall_protection": "HEIGHT",
    "scaffold_formwork": "SCAF",
    "lifting": "LIFTING",
    "electrical": "ELEC",
    "training": "ON_DUTY",
    "contractor_duties": "MGMT",
    "accident_related": "accident_related",  # no code of ours: the list is open, it is stored as it came
    "other": "OTHER",
}
# Their words to GB 6441-1986 where the meaning is evident; every other word is 20, other injuries.
ACCIDENT_TYPES = {
    "物體飛落": "1",
    "公路交通事故": "2",
    "其他交通事故": "2",
    "被夾、被捲": "3",
    "感電": "5",
    "溺斃": "6",
    "與高溫、低溫之接觸": "7",
    "火災": "8",
    "墜落、滾落": "9",
    "物體倒塌、崩塌": "10",
    "爆炸": "18",
}
OTHER_INJURIES = "20"


def taiwan_tables(data: Path) -> dict[str, pd.DataFrame]:
    """enterprises, projects, project_parties, violations and accidents, as texts, from the three files."""
    enterprises = _read(data / "enterprises.csv.gz")
    construction = enterprises.loc[enterprises["is_construction"] == "True", "enterprise_id"]
    penalties = _of(_read(data / "penalties.csv.gz"), construction)
    accidents = _of(_read(data / "accidents.csv.gz"), construction)
    started = penalties.groupby("enterprise_id")["announced_on"].min()
    return {
        "enterprises": _enterprises(
            enterprises[enterprises["is_construction"] == "True"], started, accidents
        ),
        "projects": _projects(started),
        "project_parties": _parties(started),
        "violations": _violations(penalties),
        "accidents": _accidents(accidents, started),
    }


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """The tables as CSV files named after them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        rows.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8")


def _enterprises(enterprises: pd.DataFrame, started: pd.Series, accidents: pd.DataFrame) -> pd.DataFrame:
    """An enterprise is on file from its first announced penalty, or else from its first accident."""
    ids = enterprises["enterprise_id"]
    of_accident = accidents.groupby("enterprise_id")["occurred_on"].min()
    first = ids.map(started).fillna(ids.map(of_accident))
    rows = pd.DataFrame({"enterprise_id": ids, "recorded_at": first, "kind": _kinds(enterprises)})
    return rows[first.notna()]


def _kinds(enterprises: pd.DataFrame) -> pd.Series:
    """What the name says the enterprise is licensed for; its legal form is none of our business."""
    kinds = pd.Series("OTHER", index=enterprises.index)
    kinds[enterprises[["is_engineering_firm", "is_mechanical_electrical"]].eq("True").any(axis=1)] = (
        "SPECIALIST"
    )
    kinds[enterprises["is_general_contractor"] == "True"] = "CONTRACTOR"
    return kinds


def _projects(started: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "project_id": started.index,
            "recorded_at": started.array,
            "start_date": started.array,
            "status": "ACTIVE",
        }
    )


def _parties(started: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "project_id": started.index,
            "enterprise_id": started.index,
            "role": "GC",
            "valid_from": started.array,
            "recorded_at": started.array,
        }
    )


def _violations(penalties: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "violation_id": penalties["penalty_id"],
            "found_on": penalties["penalised_on"],
            "recorded_at": penalties["announced_on"],
            "project_id": penalties["enterprise_id"],
            "enterprise_id": penalties["enterprise_id"],
            "agency_code": "TW" + penalties["agency"],
            "role": "GC",
            "category": penalties["category"].map(CATEGORIES),
            "severity": penalties["accident_related"].map({"True": "serious", "False": "general"}),
            "item_count": penalties["articles_cited"],
            "disposal": "PENALTY",
        }
    )


def _accidents(accidents: pd.DataFrame, started: pd.Series) -> pd.DataFrame:
    """Victims are counted as serious injuries: the files do not tell the dead from the injured."""
    on_file = pd.to_datetime(accidents["occurred_on"]) + pd.Timedelta(days=DAYS_UNTIL_AN_ACCIDENT_IS_ON_FILE)
    return pd.DataFrame(
        {
            "accident_id": accidents["accident_id"],
            "occurred_on": accidents["occurred_on"],
            "recorded_at": on_file.dt.strftime("%Y-%m-%d"),
            "project_id": accidents["enterprise_id"].where(accidents["enterprise_id"].isin(started.index)),
            "enterprise_id": accidents["enterprise_id"],
            "accident_type": accidents["accident_type"].map(ACCIDENT_TYPES).fillna(OTHER_INJURIES),
            "code_version": "1986",
            "serious_injuries": accidents["victims"],
        }
    )


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str")


def _of(rows: pd.DataFrame, enterprises: pd.Series) -> pd.DataFrame:
    return rows[rows["enterprise_id"].isin(enterprises)]
