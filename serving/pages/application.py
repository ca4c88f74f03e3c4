"""`/ui`: all pages as one Starlette application inside the BentoML service."""

from __future__ import annotations

from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from data_contracts.errors import SiteriskError
from serving.access.doorkeeper import PAGES
from serving.access.refusals import Forbidden
from serving.access.sessions import COOKIE, LONGEST_S, new_session
from serving.calls.call import MAY_REPORT
from serving.http_errors import error_answer, general_answer
from serving.pages import (
    confirmations,
    data,
    enterprise,
    enterprises,
    model,
    overview,
    plan,
    responding,
    site,
    sites,
    supposing,
)
from serving.pages.page import Page, desk_of, fields_of, form_of
from serving.pages.rendering import LANGUAGE_COOKIE, LANGUAGES, page, refused_page

FIRST = f"{PAGES}/"
_STATIC = {"siterisk.css": "text/css", "siterisk.js": "text/javascript", "siterisk.svg": "image/svg+xml"}


async def _sign_in_page(request: Request) -> Response:
    return page(
        request, "sign_in.html.jinja", next=_below(request.query_params.get("next", "")), refusal=None
    )


async def _sign_in(request: Request) -> Response:
    fields = await fields_of(request)
    asked_for = _below(fields.get("next", ""))
    try:
        key = await desk_of(request.app).door.opened_with(fields.get("key", "").strip())
        if key.role not in MAY_REPORT:
            raise _no_pages(key.role)
    except SiteriskError as error:
        return page(request, "sign_in.html.jinja", 401, next=asked_for, refusal=error)
    answer = RedirectResponse(asked_for or FIRST, status_code=303)
    answer.set_cookie(
        COOKIE, new_session(key), max_age=LONGEST_S, path=PAGES, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


async def _sign_out(request: Request) -> Response:
    await form_of(request)
    answer = RedirectResponse(f"{PAGES}/sign-in", status_code=303)
    answer.delete_cookie(COOKIE, path=PAGES)
    return answer


async def _language(request: Request) -> Response:
    """Choose the language and go back to the page."""
    chosen = request.path_params["language"]
    answer = RedirectResponse(_below(request.query_params.get("back", "")) or FIRST, status_code=303)
    if chosen in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, chosen, max_age=400 * 86_400, path=PAGES, samesite="lax")
    return answer


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404)
    text = files("serving.pages").joinpath("static", name).read_text("utf-8")
    return PlainTextResponse(text, media_type=_STATIC[name])


EVERY_PAGE: tuple[Page, ...] = (
    *overview.PAGES,
    *sites.PAGES,
    *site.PAGES,
    *supposing.PAGES,
    *responding.PAGES,
    *confirmations.PAGES,
    *plan.PAGES,
    *enterprises.PAGES,
    *enterprise.PAGES,
    *model.PAGES,
    *data.PAGES,
    Page("/sign-in", _sign_in_page, roles=None),
    Page("/sign-in", _sign_in, roles=None, methods=("POST",)),
    Page("/sign-out", _sign_out, methods=("POST",)),
    Page("/language/{language}", _language, roles=None),
    Page("/static/{name}", _static, roles=None),
)
OF_THE_WHOLE_CITY = (model.model_content, lambda city: data.table_looks(city.open_store()))
"""What takes long to make the first time, and is the same for every key."""
ADDRESSES = tuple(one.address for one in EVERY_PAGE)


def pages_application() -> Starlette:
    """The application; `application.state` gets its `desk` when the service starts."""
    application = Starlette(
        routes=[one.route for one in EVERY_PAGE],
        exception_handlers={SiteriskError: _refused, HTTPException: _not_here},
    )
    application.state.desk = None
    return application


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SiteriskError)
    return refused_page(request.scope, error_answer(error))


async def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused_page(request.scope, general_answer(error.status_code))


def _below(address: str) -> str:
    """The address if it is one of ours, so that a link cannot send anybody elsewhere; else nothing."""
    return address if address.startswith(FIRST) and not set(address) & set("\\\r\n") else ""


def _no_pages(role: str) -> SiteriskError:
    return Forbidden(
        zh=f"角色为 {role} 的密钥用于系统对接，不能登录页面。请向管理员申请 report、manage 或 administer 密钥。",
        en=f"Keys with the role {role} are for systems and open no pages. Ask the administrator for a key that may "
        "report, manage or administer.",
    )
