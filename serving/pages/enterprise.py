"""企业: one firm: its sites, its record and credit, and what it adds to the risks of its sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.contract import contract
from data_contracts.errors import NotFound
from features.catalogue import Catalogue
from features.firm_record import firm_record
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.grading.colours import RANK
from serving.live_state import LiveState
from serving.pages.city import City
from serving.pages.enterprises import roles_by
from serving.pages.page import Page, desk_of
from serving.pages.rendering import page
from serving.plan.plan_tables import as_records
from serving.reasons.day_reasons import title_of
from serving.reasons.value_words import Sentence

MOST_SITES = 100
NEWEST = 12
TOLD = 6
A_YEAR = pd.Timedelta(days=365)
RECORD = ("violations", "accidents", "leader_points", "orders")


async def _enterprise(request: Request) -> Response:
    desk, key, enterprise_id = desk_of(request.app), key_asking(), request.path_params["enterprise_id"]
    content = await desk.parts.in_thread(lambda: firm_content(desk.city, key, enterprise_id))
    return page(request, "enterprise.html.jinja", **content)


def firm_content(city: City, key: AccessKey, enterprise_id: str) -> dict[str, Any]:
    """What the page shows; NotFound for a firm that has no active site within the key's scope."""
    board = city.boards.board()
    if board is None:
        raise _no_firm()
    there, seen = city.firms.among(board.sites), board.seen_by(key)
    mine = there[there["enterprise_id"] == enterprise_id]
    sites = seen[seen["project_id"].isin(mine["project_id"])]
    if sites.empty:
        raise _no_firm()
    state, day = city.state(), pd.Timestamp(board.run.day)
    mine = mine[mine["project_id"].isin(sites["project_id"])]
    shown = _in_order(sites).head(MOST_SITES)
    through = _through(state, shown["project_id"].tolist(), mine, day)
    cards = city.firms.cards()
    known = as_records(cards.loc[[enterprise_id]])[0] if enterprise_id in cards.index else {}
    return {
        "board": board,
        "firm": dict.fromkeys(map(str, cards.columns)) | known | {"enterprise_id": enterprise_id},
        "sites": as_records(shown),
        "roles": roles_by(mine, "project_id"),
        "found": len(sites),
        "counts": sites["colour"].value_counts().to_dict(),
        "credit": as_records(city.firms.credit_of(enterprise_id)),
        "record": _record(city, state, key, enterprise_id),
        "through": through,
        "names": {head: title_of(state.scorer.model, head) for head in state.scorer.model.heads},
        "day": day,
    }


def _in_order(sites: pd.DataFrame) -> pd.DataFrame:
    """The worst colour first, then the highest risk."""
    second = "risk_accident" if "risk_accident" in sites else "inherent_grade"
    ranked = sites.assign(rank_=sites["colour"].map(RANK))
    return ranked.sort_values(["rank_", second, "project_id"], ascending=[False, False, True])


def _record(city: City, state: LiveState, key: AccessKey, enterprise_id: str) -> dict[str, dict[str, Any]]:
    """By table how many facts are on file, how many of the last year, and the newest.

    Those of projects beyond the key's scope are not among them.
    """
    moment, parties = city.clock(), city.firms.parties.rows()
    held = set(parties.loc[parties["enterprise_id"] == enterprise_id, "role"])
    roles = sorted(held & _roles_read(state.scorer.index.catalogue))
    rows = firm_record(state.scorer.index.city, RECORD, enterprise_id, roles, moment)
    return {
        name: _newest(_within(facts, state, key), str(contract(name).happened), moment)
        for name, facts in rows.items()
    }


def _within(rows: pd.DataFrame, state: LiveState, key: AccessKey) -> pd.DataFrame:
    reached = {one: state.jurisdictions.reached(key, one) for one in rows["project_id"].dropna().unique()}
    return rows[rows["project_id"].map(reached, na_action="ignore").fillna(True).astype(bool)]


def _newest(rows: pd.DataFrame, happened: str, moment: pd.Timestamp) -> dict[str, Any]:
    newest = rows.sort_values(happened, ascending=False, kind="stable")
    recent = int((newest[happened] > moment - A_YEAR).sum())
    return {"count": len(rows), "recent": recent, "rows": as_records(newest.head(NEWEST))}


def _roles_read(catalogue: Catalogue) -> set[str]:
    """The roles through which events of a site come into a firm's record."""
    return {feature.role for feature in catalogue.features if feature.role}


def _through(
    state: LiveState, project_ids: list[str], mine: pd.DataFrame, day: pd.Timestamp
) -> dict[str, dict[str, Any]]:
    """By head what the features that speak of this firm add to the risks of its sites beside similar ones, as of the run's day.

    `points`: by project, together. `features`: those that add most on average, with that average in log-odds.
    """
    index, model = state.scorer.index, state.scorer.model
    features = index.catalogue.named(model.feature_names)
    role_of = [index.catalogue.role_of(feature) for feature in features]
    holds = roles_by(mine[mine["holds"]], "project_id")
    chosen = np.array([[role in holds.get(one, ()) for role in role_of] for one in project_ids])
    if not chosen.any():
        return {}
    matrix = index.matrix(project_ids, np.full(len(project_ids), day.to_datetime64()))
    told, found = state.reasons(day), {}
    for head in model.heads:
        points, parts = told.of_some(matrix, head, chosen)
        concerned = np.asarray(chosen.any(axis=1))
        mean = parts[concerned].mean(axis=0)
        most = [place for place in np.argsort(-np.abs(mean), kind="stable")[:TOLD].tolist() if mean[place]]
        found[head] = {
            "points": _by_project(project_ids, points, concerned),
            "mean": float(points[concerned].mean()),
            "features": [
                {
                    "label": Sentence(features[place].label_zh, features[place].label_en),
                    "odds": float(np.exp(mean[place])),
                }
                for place in most
            ],
        }
    return found


def _by_project(project_ids: list[str], points: np.ndarray, concerned: np.ndarray) -> Mapping[str, float]:
    return {
        one: float(each)
        for one, each, is_concerned in zip(project_ids, points, concerned, strict=True)
        if is_concerned
    }


def _no_firm() -> NotFound:
    return NotFound(
        zh="没有这个企业，或您的密钥范围内没有它的在建项目。",
        en="There is no such firm, or it has no active site within the scope of your key.",
        field="enterprise_id",
    )


PAGES = (Page("/enterprises/{enterprise_id}", _enterprise),)
