"""A BentoML service with an endpoint that does nothing, mounted as /v1 is: what `serving.py` holds the service against."""

from __future__ import annotations

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _nothing(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({"results": []})


IDLE = Starlette(routes=[Route("/nothing", _nothing, methods=["POST"])])


@bentoml.service(name="idle", metrics={"enabled": False}, logging={"access": {"enabled": False}})
@bentoml.asgi_app(IDLE, path="/v1")
class IdleService:
    """Answers at once."""
