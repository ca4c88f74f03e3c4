"""`/readyz` and `/metrics`: how the service stands."""

from __future__ import annotations

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data_contracts.errors import SiteriskError
from serving.address_book import Address
from serving.calls.parts import Parts, parts_of
from serving.http_errors import error_answer
from serving.metrics import CONTENT_TYPE

LIVE, READY, METRICS = "/livez", "/readyz", "/metrics"
ADDRESSES = (
    Address(LIVE, None),
    Address(READY, None),
    Address(METRICS, frozenset({"report", "administer"})),
)


def standing_application(v1: Starlette) -> Starlette:
    """The application of both addresses; it looks at the parts of `v1`."""

    async def ready(_: Request) -> Response:
        parts = parts_of(v1)
        if problem := parts.live.not_ready():
            raise problem
        return JSONResponse({"status": "ready", "champion_refused": _refusal(parts)})

    async def metrics(_: Request) -> Response:
        text = await anyio.to_thread.run_sync(parts_of(v1).metrics.text)
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    return Starlette(
        routes=[Route(READY, ready, methods=["GET"]), Route(METRICS, metrics, methods=["GET"])],
        exception_handlers={SiteriskError: _refused},
    )


def _refusal(parts: Parts) -> dict[str, str] | None:
    """That the champion of the pointer is not in use; why is in the log, because anyone may ask here."""
    refusal = parts.live.champion.refusal
    if refusal is None:
        return None
    return {
        "code": refusal.code,
        "message_zh": "新的在用模型不可用，已拒绝，仍由原模型作答；原因见服务日志。",
        "message_en": "The new champion cannot be used and was refused; the one before it answers. The log says why.",
    }


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, SiteriskError)
    return error_answer(error)
