"""The firms of the city as on file now: who is on which site, and which credit counts."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd

from data_contracts.code_list import code_list
from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from serving.pages.newest_rows import NewestRows

SCHEMES = "credit_schemes"


class _Made:
    """A table made from others and a day, kept until one of them is another."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[pd.DataFrame, ...], pd.Timestamp, pd.DataFrame] | None = None
        self._lock = threading.Lock()

    def of(
        self, sources: tuple[pd.DataFrame, ...], day: pd.Timestamp, make: Callable[[], pd.DataFrame]
    ) -> pd.DataFrame:
        with self._lock:
            kept = self._kept
            if (
                kept is None
                or kept[1] != day
                or any(a is not b for a, b in zip(kept[0], sources, strict=True))
            ):
                kept = self._kept = sources, day, make()
            return kept[2]


class Firms:
    """Rows are read anew where their tables have changed; what is made from them, on a new day, too."""

    def __init__(
        self, open_store: Callable[[], RecordStore], clock: Callable[[], pd.Timestamp] = now
    ) -> None:
        self._clock = clock
        self.parties = NewestRows(open_store, "project_parties", ("role", "valid_from", "valid_to"), clock)
        self.enterprises = NewestRows(
            open_store,
            "enterprises",
            ("name", "kind", "qualification_grade", "safety_licence_until"),
            clock,
        )
        self._credit = NewestRows(
            open_store, "credit_records", ("score", "grade", "valid_until", "repaired_at"), clock
        )
        self._there, self._among, self._cards = _Made(), _Made(), _Made()

    def on_sites(self) -> pd.DataFrame:
        """Who is on which site now: project_id, enterprise_id, role, and whether the firm `holds` the role.

        Of several firms in a role the one that joined last holds it: features of the role speak of that one.
        """
        rows, today = self.parties.rows(), self._clock().normalize()
        return self._there.of((rows,), today, lambda: _there(rows, today))

    def among(self, sites: pd.DataFrame) -> pd.DataFrame:
        """`on_sites` of the sites of a board alone, with their `colour`; kept for the same frame of sites."""
        there = self.on_sites()
        return self._among.of(
            (there, sites),
            self._clock().normalize(),
            lambda: there.merge(sites[["project_id", "colour"]], on="project_id"),
        )

    def cards(self) -> pd.DataFrame:
        """A row a firm that has one, by enterprise_id: name, kind, qualification_grade, safety_licence_until, and its credit.

        Of the schemes in the order of their list the first of which the firm has a record that counts today: `scheme_id`,
        `score`, `grade`, `valid_until`; all missing where there is none: insufficient information, not bad credit.
        """
        firms, credit, today = self.enterprises.rows(), self._credit.rows(), self._clock().normalize()

        def made() -> pd.DataFrame:
            first = _first_scheme(valid_credit(credit, self._clock()))
            return firms.set_index("enterprise_id").join(first, how="outer")

        return self._cards.of((firms, credit), today, made)

    def credit_of(self, enterprise_id: str) -> pd.DataFrame:
        """The firm's credit records, the newest first, each with its `state`.

        VALID, EXPIRED (also where a newer one of the scheme has taken its place), REPAIRED, or TO_COME.
        """
        credit, today = self._credit.rows(), self._clock().normalize()
        mine = credit[credit["enterprise_id"] == enterprise_id]
        counts = mine.index.isin(valid_credit(mine, self._clock()).index)
        state = np.select(
            [
                counts,
                mine["repaired_at"].notna() & (mine["repaired_at"] <= self._clock()),
                mine["effective_from"] > today,
            ],
            ["VALID", "REPAIRED", "TO_COME"],
            default="EXPIRED",
        )
        return mine.assign(state=state).sort_values("effective_from", ascending=False, kind="stable")


def valid_credit(credit: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """The records that count at a moment: of each firm and scheme the newest not repaired, if it has not run out (建市〔2017〕241号)."""
    today = moment.normalize()
    stands = credit["repaired_at"].isna() | (credit["repaired_at"] > moment)
    begun = credit[stands & (credit["effective_from"] <= today)]
    newest = begun.sort_values("effective_from", kind="stable").drop_duplicates(
        ["enterprise_id", "scheme_id"], keep="last"
    )
    return newest[newest["valid_until"].isna() | (newest["valid_until"] > today)]


def _first_scheme(valid: pd.DataFrame) -> pd.DataFrame:
    order = {code: place for place, code in enumerate(code_list(SCHEMES).codes)}
    ranked = valid.sort_values("scheme_id", key=lambda codes: codes.map(order), kind="stable")
    firsts = ranked.drop_duplicates("enterprise_id").set_index("enterprise_id")
    return firsts[["scheme_id", "score", "grade", "valid_until"]]


def _there(parties: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    begun = parties["valid_from"] <= today
    there = parties[begun & (parties["valid_to"].isna() | (parties["valid_to"] > today))]
    there = there.sort_values(["valid_from", "enterprise_id"], kind="stable")
    there = there.drop_duplicates(["project_id", "enterprise_id", "role"], keep="last")
    holds = ~there.duplicated(["project_id", "role"], keep="last")
    return there[["project_id", "enterprise_id", "role"]].assign(holds=holds).reset_index(drop=True)
