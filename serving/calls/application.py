"""`/v1`: the calls that supervision systems make, as one Starlette application inside the BentoML service."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data_contracts.errors import SiteriskError
from serving.address_book import EVERY_ROLE, Address
from serving.calls import (
    assess,
    decisions,
    enterprises,
    evaluation,
    grades,
    in_force,
    plans,
    records,
    replay,
    responses,
    sites,
    what_if,
)
from serving.calls.call import MAY_SCORE, V1, Call
from serving.calls.description import description, docs_page, docs_style
from serving.http_errors import error_answer

PLAIN_ROUTE = "/grades"
"""BentoML's own route of the call /v1/grades."""

EVERY_CALL: tuple[Call, ...] = (
    *grades.CALLS,
    *what_if.CALLS,
    *assess.CALLS,
    *records.CALLS,
    *decisions.CALLS,
    *responses.CALLS,
    *replay.CALLS,
    *in_force.CALLS,
    *sites.CALLS,
    *enterprises.CALLS,
    *plans.CALLS,
    *evaluation.CALLS,
)
ADDRESSES = (
    *(call.address for call in EVERY_CALL),
    *(Address(V1 + path, EVERY_ROLE) for path in ("/docs", "/docs.css", "/openapi.json")),
    Address(PLAIN_ROUTE, MAY_SCORE, ("POST",)),
)
"""Of the calls, of their description, and of the call for BentoML's own clients."""


def v1_application() -> Starlette:
    """The application; `application.state` gets its `parts`, its `door` and the `desk` of the pages when the service starts."""
    application = Starlette(
        routes=[
            *(call.route for call in EVERY_CALL),
            Route("/openapi.json", _openapi, methods=["GET"]),
            Route("/docs", _docs, methods=["GET"]),
            Route("/docs.css", _docs_style, methods=["GET"]),
        ],
        exception_handlers={SiteriskError: _refused},
    )
    application.state.parts = application.state.door = application.state.desk = None
    return application


async def _openapi(request: Request) -> Response:
    return JSONResponse(description(EVERY_CALL))


async def _docs(request: Request) -> Response:
    return Response(docs_page(EVERY_CALL), media_type="text/html")


async def _docs_style(request: Request) -> Response:
    return Response(docs_style(), media_type="text/css")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, SiteriskError)
    return error_answer(error)
