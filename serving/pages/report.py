"""Static reports: the pages of the city, or of one site, as one HTML file that asks nobody for anything.

The same content and the same templates as the pages, on `paper`: without links, forms and scripts, the style within.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from typing import Any

import pandas as pd
from markupsafe import Markup

from serving.access.keys import WHOLE_CITY, AccessKey
from serving.pages.city import City
from serving.pages.confirmations import deciding_reasons
from serving.pages.data import Asked as AskedData
from serving.pages.data import data_content
from serving.pages.model import model_content, model_drawings
from serving.pages.overview import overview_content, overview_drawings
from serving.pages.plan import plan_content
from serving.pages.rendering import Words, rendered
from serving.pages.site import facts_content, site_content, site_drawings
from serving.pages.sites import Asked as AskedSites
from serving.plan.plan_tables import as_records

WATCHED = ("RED", "ORANGE")
REASONS_BEHIND = 3


def reader_of(districts: Collection[str] = ()) -> AccessKey:
    """Who sits at the machine sees the whole city, or as much of it as a key of these districts would."""
    return AccessKey(
        key_id="", name="report", token_sha256="", role="report", districts=frozenset(districts or {WHOLE_CITY}),
        agencies=frozenset(), calls_per_second=0.0, created_at=pd.Timestamp(0).to_pydatetime(),
    )  # fmt: skip


def city_report(city: City, reader: AccessKey, words: Words) -> str:
    """总览, the reds and oranges with their reasons, the plan of the week, the state of model and data.

    Raises NotFound before the first grading run.
    """
    city.boards.needed()
    overview, model = overview_content(city, reader), model_content(city)
    asked = AskedData()
    sections = [
        _body("overview", words, **overview, **overview_drawings(overview, words)),
        _body("watched", words, **_watched(city, reader)),
        _body("plan", words, board=overview["board"], **plan_content(city, reader, {})),
        _body("model", words, **model, **model_drawings(model, words)),
        _body("data", words, asked=asked, **data_content(city, reader, asked)),
    ]
    title = f"{words.say('全市', 'The city')} {overview['board'].run.day}"
    return _whole(title, sections, city, reader, words)


def site_report(city: City, reader: AccessKey, project_id: str, words: Words) -> str:
    """项目: everything of its page, and the records behind the strongest reasons; NotFound for a site that is not active."""
    content = site_content(city, reader, project_id)
    names = [one.feature for head in content["heads"] for one in head["raising"][:REASONS_BEHIND]]
    behind = [facts_content(city, reader, project_id, name) for name in dict.fromkeys(names)]
    drawings = site_drawings(content, city.state().scorer.index.catalogue, words)
    sections = [
        _body("site", words, said=None, may_decide=False, way_down_follows=False, **content, **drawings),
        _body("behind", words, behind=[one for one in behind if one["facts"]]),
    ]
    return _whole(words.text(content["site"].name), sections, city, reader, words)


def _watched(city: City, reader: AccessKey) -> dict[str, Any]:
    """The reds and oranges, the worst first, each with the strongest reasons of the risk that decided."""
    board = city.boards.needed()
    sites, day = board.seen_by(reader), pd.Timestamp(board.run.day)
    chosen = AskedSites().chosen(sites[sites["colour"].isin(WATCHED)], day)
    reasons = deciding_reasons(city.state(), board, chosen)
    rows = [row | {"reasons": reasons.get(row["project_id"])} for row in as_records(chosen)]
    return {"rows": rows, "day": day}


def _body(name: str, words: Words, **content: Any) -> Markup:
    return Markup(
        rendered(f"{name}_body.html.jinja", words, paper=True, **content)
    )  # escaped by its template


def _whole(title: str, sections: list[Markup], city: City, reader: AccessKey, words: Words) -> str:
    style = files("serving.pages").joinpath("static", "siterisk.css").read_text("utf-8")
    scope = [] if reader.reaches_whole_city else sorted(reader.districts)
    return rendered(
        "report.html.jinja", words, title=title, sections=sections, style=Markup(style), scope=scope, moment=city.clock(),
    )  # fmt: skip
