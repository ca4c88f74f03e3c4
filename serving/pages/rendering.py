"""How a page is made: one template environment, the language and key of the request, and words for codes and numbers."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jinja2
import pandas as pd
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from data_contracts.code_list import code_list
from serving.access.doorkeeper import PAGES, key_shown
from serving.access.sessions import COOKIE, form_token
from serving.calls.call import MAY_DECIDE
from serving.http_errors import ERROR_HEADER
from serving.reasons.points import digits_of

LANGUAGE_COOKIE = "siterisk_language"
LANGUAGES = ("zh", "en")
NOTHING = "–"
COLOURS = {
    "RED": ("红", "Red", "重大", "major"),
    "ORANGE": ("橙", "Orange", "较大", "considerable"),
    "YELLOW": ("黄", "Yellow", "一般", "moderate"),
    "BLUE": ("蓝", "Blue", "低", "low"),
    "NA": ("信息不足", "Not enough data", "按固有等级管理", "inherent grade counts"),
}
INHERENT = {
    5: ("超高", "Ultra-high"),
    4: ("高", "High"),
    3: ("中等", "Medium"),
    2: ("中低", "Low-medium"),
    1: ("低", "Low"),
}


class Words:
    """What a page says in one language; the methods are the functions and filters of the templates."""

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, zh: Any, en: str | None = None) -> str:
        """The text of two that is of the page's language; or of a thing with `zh` and `en`."""
        if en is None and not isinstance(zh, str):
            pair = zh if isinstance(zh, Mapping) else {"zh": zh.zh, "en": zh.en}
            return str(pair[self.language])
        return str(zh if self.language == "zh" or en is None else en)

    def code(self, value: Any, name: str) -> str:
        """The name of a code of a list; an unknown code stands for itself, a missing one for a dash."""
        if value is None or pd.isna(value):
            return NOTHING
        known = code_list(name).codes.get(str(value))
        return self.say(known.zh, known.en) if known else str(value)

    def colour(self, value: Any) -> str:
        """红 or Red; a dash where there is none."""
        known = COLOURS.get(value)
        return self.say(known[0], known[1]) if known else NOTHING

    def inherent(self, value: Any) -> str:
        """The inherent grade in words; a dash where it is missing."""
        if value is None or pd.isna(value):
            return NOTHING
        zh, en = INHERENT[int(value)]
        return self.say(f"{zh}（{int(value)} 级）", f"{en} ({int(value)})")

    def per_cent(self, value: Any, digits: int = 1) -> str:
        """A probability as per cent; one too small for the digits as 'less than'."""
        if value is None or math.isnan(value):
            return NOTHING
        least = 10.0**-digits
        if 0 < 100 * value < least:
            return f"<{least:g}%"
        return f"{100 * value:.{digits}f}%"

    def points(self, value: float) -> str:
        """A difference of two probabilities in points, with its sign; small ones with a digit more.

        >>> Words("zh").points(0.0123), Words("en").points(-0.0004)
        ('+1.23个百分点', '−0.040 points')
        """
        shown = f"{100 * value:+.{digits_of(value)}f}".replace("-", "−")
        return shown + self.say("个百分点", " points")

    def above(self, percentile: Any) -> str:
        """Of how many per cent of the sites a risk is above: never of all of them, for it is one of them itself.

        >>> Words("zh").above(99.98), Words("zh").above(27.4), Words("zh").above(None)
        ('99', '27', '–')
        """
        if percentile is None or math.isnan(percentile):
            return NOTHING
        return str(min(math.floor(percentile), 99))

    def number(self, value: Any, digits: int = 0) -> str:
        """A number with thousands set apart."""
        return NOTHING if value is None or pd.isna(value) else f"{value:,.{digits}f}"

    def day(self, value: Any) -> str:
        """A day as 2026-03-02."""
        return NOTHING if value is None or pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d}"

    def moment(self, value: Any) -> str:
        """A moment as 2026-03-02 08:30."""
        return NOTHING if value is None or pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d %H:%M}"

    def text(self, value: Any) -> str:
        """A text, or a dash where there is none."""
        return NOTHING if value is None or pd.isna(value) or value == "" else str(value)


def language_of(request: Request) -> str:
    """zh unless the visitor has chosen en."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else "zh"


def page(request: Request, template: str, status: int = 200, **content: Any) -> Response:
    """The page of a template, with all that every page needs."""
    words, key = Words(language_of(request)), key_shown()
    session = request.cookies.get(COOKIE, "")
    query = f"?{request.url.query}" if request.url.query else ""
    text = rendered(
        template,
        words,
        **content,
        paper=False,
        key=key,
        may_decide=key is not None and key.role in MAY_DECIDE,
        form_token=form_token(key, session) if key else "",
        here=request.url.path + query,
        path=request.url.path,
    )
    # The mark by which the guard knows an answer of ours and lets it pass.
    return HTMLResponse(text, status_code=status, headers={ERROR_HEADER: "page"} if status >= 400 else None)


def rendered(template: str, words: Words, **content: Any) -> str:
    """The text of a template in one language. On `paper` there is nothing to follow, to send or to run."""
    told = {"words": words, "say": words.say, "language": words.language, "version": version("siterisk")}
    return environment().get_template(template).render(**content, **told)


def refused_page(scope: Scope, refusal: Response) -> Response:
    """A refusal of the service as a page for people; who has not signed in is sent to do so."""
    request = Request(scope)
    if refusal.status_code == 401:
        if request.method == "GET":
            return RedirectResponse(sign_in_address(request), status_code=303)
        return RedirectResponse(f"{PAGES}/sign-in", status_code=303)
    detail = json.loads(bytes(refusal.body))["error"]
    told = page(request, "refused.html.jinja", refusal.status_code, error=detail)
    for name in ("allow", "retry-after"):
        if name in refusal.headers:
            told.headers[name] = refusal.headers[name]
    return told


def sign_in_address(request: Request) -> str:
    """Where to sign in and come back from to what was asked for."""
    query = f"?{request.url.query}" if request.url.query else ""
    asked = str(jinja2.filters.do_urlencode(request.url.path + query)).replace("/", "%2F")
    return f"{PAGES}/sign-in?next={asked}"


@functools.cache
def environment() -> jinja2.Environment:
    """The templates; a name that is not told is an error, and everything is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("serving.pages", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
