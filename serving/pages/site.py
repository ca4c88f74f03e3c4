"""项目: one site: both grades and why, its risk over time, the facts behind, similar sites, what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.code_list import code_list
from data_contracts.contract import contract
from data_contracts.errors import NotFound
from features.catalogue import Catalogue
from features.feature import FAMILIES
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.fact_rows import key_in_words
from serving.grading.colour_distance import ColourDistance
from serving.live_state import LiveState
from serving.pages.city import City
from serving.pages.city_board import Board
from serving.pages.page import Page, desk_of
from serving.pages.rendering import Words, language_of, page
from serving.pages.supposing import PART, offered_changes
from serving.pages.time_chart import time_chart, waterfall
from serving.pages.way_down import way_down
from serving.plan.plan_tables import as_records
from serving.reasons.day_reasons import title_of
from serving.reasons.reasons import Beside
from serving.reasons.value_words import Sentence
from serving.what_if.possible_changes import PossibleChanges

MONTHS = 24
LIKE_IT = 5
TOLD = 6
RECORDS = ("inspections", "violations", "orders", "accidents", "defects")
MARKED = {
    "inspections": ("检查", "Visits"),
    "violations": ("违规", "Violations"),
    "orders": ("指令", "Orders"),
    "accidents": ("事故", "Accidents"),
}
MOST_FACTS = 50
MOST_RULE_FACTS = 5


async def _site(request: Request) -> Response:
    """The page; what would lower the colour takes as long as all the rest, and follows."""
    return await _shown(request, "site.html.jinja", way_down_follows=True)


async def _sheet(request: Request) -> Response:
    """One page of paper."""
    return await _shown(request, "sheet.html.jinja", way_down_follows=False)


async def _shown(request: Request, template: str, *, way_down_follows: bool) -> Response:
    desk, key, words = desk_of(request.app), key_asking(), Words(language_of(request))
    project_id = request.path_params["project_id"]
    content = await desk.parts.in_thread(
        lambda: site_content(desk.city, key, project_id, with_way_down=not way_down_follows)
    )
    said = request.query_params.get("said")
    drawings = site_drawings(content, desk.city.state().scorer.index.catalogue, words)
    return page(request, template, said=said, way_down_follows=way_down_follows, **content, **drawings)


async def _way_down(request: Request) -> Response:
    """What would lower the colour, as a part of the site's page or as a page of its own."""
    desk, key = desk_of(request.app), key_asking()
    project_id = request.path_params["project_id"]

    def content() -> Sentence | None:
        board, state, site = _found(desk.city, key, project_id)
        possible = PossibleChanges.of(state.scorer.index, project_id, desk.city.clock())
        return way_down(state, board, site, possible)

    template = "way_down_part.html.jinja" if PART in request.headers else "way_down.html.jinja"
    return page(request, template, project_id=project_id, way_down=await desk.parts.in_thread(content))


def site_content(
    city: City, key: AccessKey, project_id: str, *, with_way_down: bool = True
) -> dict[str, Any]:
    """What the page and the sheet show; NotFound for a site that is not on file or beyond the key's scope."""
    board, state, site = _found(city, key, project_id)
    day = pd.Timestamp(board.run.day)
    told, moment = _reasons(state, project_id, day), city.clock()
    index = state.scorer.index
    rows, possible = (
        index.on_file((*RECORDS, "project_parties"), project_id, moment),
        PossibleChanges.of(index, project_id, moment),
    )
    return {
        "board": board,
        "site": site,
        "day": day,
        "heads": [_head(board, state, site, head, told[head]) for head in state.scorer.model.heads],
        "model_version": state.scorer.model.version,
        "other_model": state.scorer.model.version != board.run.passport["model_version"],
        "history": _history(state, project_id, board, rows),
        "records": _newest(rows),
        "alike": _alike(board.seen_by(key), site),
        "parties": _parties(rows["project_parties"], moment),
        "changes": offered_changes(possible),
        "way_down": way_down(state, board, site, possible) if with_way_down else None,
        "rule_facts": _rule_facts(state, site, day),
    }


def _found(city: City, key: AccessKey, project_id: str) -> tuple[Board, LiveState, Any]:
    """The board, the state and the site's row; NotFound for one that is not on file or beyond the key's scope."""
    board, state = city.boards.board(), city.state()
    if board is None or not state.jurisdictions.reached(key, project_id):
        raise _no_site()
    found = board.sites[board.sites["project_id"] == project_id]
    if found.empty:
        raise _no_site()
    return board, state, next(found.itertuples(index=False))


def _head(board: Board, state: LiveState, site: Any, head: str, found: Beside) -> dict[str, Any]:
    """One head's risk, where it stands against the colours' cut-offs, and its reasons."""
    title, limits = title_of(state.scorer.model, head), board.run.passport["cutoffs"].get(head, {})
    risk = float(getattr(site, f"risk_{head}", np.nan))
    return {
        "name": head,
        "title": title,
        "risk": risk,
        "percentile": getattr(site, f"percentile_{head}", None),
        "limits": limits,
        "distance": ColourDistance.of(risk, limits) if limits and not np.isnan(risk) else None,
        "decides": site.fact == f"risk_{head}",
        "beside": found,
        "raising": [one for one in found.reasons if one.log_odds > 0],
        "lowering": [one for one in found.reasons if one.log_odds < 0],
    }


def _rule_facts(state: LiveState, site: Any, day: pd.Timestamp) -> dict[str, Any] | None:
    """The fact of the rule that decided and the records behind it; None where a risk decided, or nothing did."""
    index = state.scorer.index
    feature = next((one for one in index.catalogue.features if one.name == site.fact), None)
    if feature is None:
        return None
    facts = index.facts_behind(feature.name, site.project_id, day)[:MOST_RULE_FACTS]
    return {"feature": feature, "facts": [(fact, key_in_words(fact.key)) for fact in facts]}


def site_drawings(content: Mapping[str, Any], catalogue: Catalogue, words: Words) -> dict[str, Any]:
    """The plots of the page: two waterfalls a head that has a risk, by its name, and the risk over time."""
    heads, history = content["heads"], content["history"]
    return {
        "waterfalls": {
            one["name"]: _waterfalls(one["beside"], one["title"], catalogue, words)
            for one in heads
            if not np.isnan(one["risk"])
        },
        "history_drawing": None if history is None else _over_time(history, words),
    }


def _waterfalls(found: Beside, title: Sentence, catalogue: Catalogue, words: Words) -> tuple[str, str]:
    """From the risk of a similar site to this one's in points: by families of features, and by features."""
    families = [
        (words.say(name, FAMILIES[name].capitalize()), points) for name, points in found.points.items()
    ]
    features = [
        (words.say(one.label_zh, one.label_en), reason.points)
        for reason in found.reasons
        for one in [catalogue.feature(reason.feature)]
    ]
    features += [
        (words.say(f"其余{rest.number}项{zh}", f"{rest.number} others that {en}"), rest.points)
        for rest, zh, en in ((found.raising, "升高", "raise it"), (found.lowering, "降低", "lower it"))
        if rest.number
    ]
    begin = (words.say("同类项目", "Similar sites"), found.similar)
    end = (words.say("本项目", "This site"), found.risk)
    by_family = words.say(
        "各类因素与同类项目相比使风险升降的百分点",
        "Points of risk by family of features beside similar sites",
    )
    by_feature = words.say(
        "各项因素与同类项目相比使风险升降的百分点", "Points of risk by feature beside similar sites"
    )
    return (
        waterfall(families, begin, end, f"{words.say(title)}: {by_family}"),
        waterfall(features, begin, end, f"{words.say(title)}: {by_feature}"),
    )


def _reasons(state: LiveState, project_id: str, day: pd.Timestamp) -> dict[str, Beside]:
    """By head the risk beside similar sites and the reasons of the model in force, as of the run's day."""
    matrix = state.scorer.index.matrix([project_id], np.array([day.to_datetime64()]))
    told = state.reasons(day)
    return {head: told.beside_similar(matrix, head, TOLD)[0] for head in state.scorer.model.heads}


def _history(
    state: LiveState, project_id: str, board: Board, rows: Mapping[str, pd.DataFrame]
) -> dict[str, Any] | None:
    """The risk of an accident (or of the first head) on the first of each month and today."""
    day = pd.Timestamp(board.run.day)
    moments = pd.date_range(end=day, periods=MONTHS, freq="MS").append(pd.DatetimeIndex([day])).unique()
    asked = moments.to_numpy("datetime64[us]")
    heads = state.scorer.model.heads
    head = "accident" if "accident" in heads else next(iter(heads))
    scores = state.scorer.scores([project_id] * len(asked), asked)
    risk = pd.Series(scores.risks[head], index=moments)
    if risk.notna().sum() < 2:
        return None
    limits = {name: limit for name, limit in board.run.passport["cutoffs"].get(head, {}).items() if limit}
    return {
        "head": head,
        "title": title_of(state.scorer.model, head),
        "risk": risk,
        "marks": {table: list(rows[table][contract(table).happened].dropna()) for table in MARKED},
        "limits": limits,
        "rows": [(moment, value) for moment, value in risk.items() if not np.isnan(value)],
    }


def _over_time(history: Mapping[str, Any], words: Words) -> str:
    title, names = history["title"], {table: words.say(*told) for table, told in MARKED.items()}
    marks = {names[table]: days for table, days in history["marks"].items()}
    told = words.say(f"{title.zh}随时间的变化", f"{title.en} over time")
    return time_chart(history["risk"], marks, told, history["limits"])


def _newest(rows: Mapping[str, pd.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """The newest records of each kind, as on file now."""
    return {
        table: as_records(rows[table].sort_values(str(contract(table).happened), ascending=False).head(8))
        if len(rows[table])
        else []
        for table in RECORDS
    }


def _parties(rows: pd.DataFrame, moment: pd.Timestamp) -> list[dict[str, Any]]:
    """Who is on site now."""
    there = rows[rows["valid_to"].isna() | (rows["valid_to"] > moment)]
    order = {code: place for place, code in enumerate(code_list("roles").codes)}
    return as_records(there.sort_values("role", key=lambda roles: roles.map(order), kind="stable"))


def _alike(sites: pd.DataFrame, site: Any) -> list[Any]:
    """Sites of the same category and the nearest size and stage, within the key's scope."""
    others = sites[(sites["category"] == site.category) & (sites["project_id"] != site.project_id)]
    area = np.log1p(others["floor_area_m2"].fillna(0).to_numpy()) - np.log1p(
        np.nan_to_num(site.floor_area_m2)
    )
    stage = (others["stage_order"].fillna(0).to_numpy() - np.nan_to_num(site.stage_order)) / 20
    return list(others.iloc[np.argsort(area**2 + stage**2, kind="stable")[:LIKE_IT]].itertuples(index=False))


async def _facts(request: Request) -> Response:
    """The records behind the value of one feature."""
    desk, key = desk_of(request.app), key_asking()
    project_id, name = request.path_params["project_id"], request.path_params["feature"]
    content = await desk.parts.in_thread(lambda: facts_content(desk.city, key, project_id, name))
    return page(request, "facts.html.jinja", **content)


def facts_content(city: City, key: AccessKey, project_id: str, name: str) -> dict[str, Any]:
    """What the page shows; NotFound for a site beyond the key's scope and for a name that is no feature."""
    board, state = city.boards.board(), city.state()
    if board is None or not state.jurisdictions.reached(key, project_id):
        raise _no_site()
    index, day = state.scorer.index, pd.Timestamp(board.run.day)
    feature = index.catalogue.feature(name)
    facts = index.facts_behind(name, project_id, day)
    return {
        "project_id": project_id,
        "feature": feature,
        "value": float(index.cells([name], [project_id], [day.to_datetime64()])[0, 0]),
        "day": day,
        "facts": [(fact, key_in_words(fact.key)) for fact in facts[:MOST_FACTS]],
        "more": max(0, len(facts) - MOST_FACTS),
    }


def _no_site() -> NotFound:
    return NotFound(
        zh="没有这个在建项目，或不在您的密钥范围内。",
        en="There is no such active site, or none within the scope of your key.",
        field="project_id",
    )


PAGES = (
    Page("/sites/{project_id}", _site),
    Page("/sites/{project_id}/sheet", _sheet),
    Page("/sites/{project_id}/way-down", _way_down),
    Page("/sites/{project_id}/facts/{feature}", _facts),
)
