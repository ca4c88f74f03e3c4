"""`/v1`: the calls that supervision systems make, as one Starlette application inside the BentoML service."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import numpy as np
import pandas as pd
from anyio import CapacityLimiter
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data_contracts.api_messages import GradesRequest
from data_contracts.errors import SiteriskError
from serving.api_description import description, docs_page, docs_style
from serving.asked_moments import moment_asked
from serving.http_errors import NotReady, error_answer, invalid_request
from serving.live_records import LiveRecords, LiveState

SHANGHAI_OFFSET = "+08:00"
SCORING_THREADS = 4


def grades_application() -> Starlette:
    """The application; `application.state.live` is set when the service starts."""
    application = Starlette(
        routes=[
            Route("/grades", _post_grades, methods=["POST"]),
            Route("/openapi.json", _openapi, methods=["GET"]),
            Route("/docs", _docs, methods=["GET"]),
            Route("/docs.css", _docs_style, methods=["GET"]),
        ],
        exception_handlers={SiteriskError: _refused},
    )
    application.state.live = None
    application.state.limiter = None
    return application


def parse_grades(body: bytes) -> GradesRequest:
    """The request in `body`; InvalidInput names every fault without repeating what was sent."""
    try:
        return GradesRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(error) from None


async def answer_grades(application: Starlette, asked: GradesRequest) -> dict[str, Any]:
    """The content of the answer, computed in a thread so that other requests go on being taken."""
    live: LiveRecords | None = application.state.live
    if live is None:
        raise NotReady(zh="服务尚未启动完成。", en="The service has not started yet.")
    as_of = moment_asked(asked.as_of)
    if application.state.limiter is None:
        application.state.limiter = CapacityLimiter(SCORING_THREADS)
    graded = functools.partial(_graded_now, live.state, asked.project_ids, as_of)
    return await anyio.to_thread.run_sync(graded, limiter=application.state.limiter)


def graded(state: LiveState, project_ids: list[str], as_of: pd.Timestamp) -> dict[str, Any]:
    """One result for each id in the order given, as plain numbers, missing ones None."""
    moments = np.full(len(project_ids), np.datetime64(as_of, "us"))
    scores = state.scorer.scores(project_ids, moments)
    latest = state.scorer.index.latest_recorded_at(project_ids, moments)
    city = state.city_risks(as_of)
    heads, version, stamp = state.scorer.model.heads, state.scorer.model.version, _stamp(as_of)
    risks = {head: _plain(values) for head, values in scores.risks.items()}
    percentiles = {head: _plain(city.percentile(head, values)) for head, values in scores.risks.items()}
    results = [
        {
            "project_id": project_id,
            "status": status,
            "risks": {head: risks[head][row] for head in heads},
            "percentile": {head: percentiles[head][row] for head in heads},
            "model_version": version,
            "as_of": stamp,
            "facts_latest_recorded_at": None if pd.isna(known) else _stamp(pd.Timestamp(known)),
        }
        for row, (project_id, status, known) in enumerate(
            zip(project_ids, scores.status, latest, strict=True)
        )
    ]
    return {
        "as_of": stamp,
        "model_version": version,
        "store_version": state.store_version,
        "results": results,
    }


def _graded_now(
    state: Callable[[], LiveState], project_ids: list[str], as_of: pd.Timestamp
) -> dict[str, Any]:
    return graded(state(), project_ids, as_of)


async def _post_grades(request: Request) -> Response:
    asked = parse_grades(await request.body())
    request.scope.setdefault("siterisk.counts", {})["projects"] = len(asked.project_ids)
    return JSONResponse(await answer_grades(request.app, asked))


async def _openapi(request: Request) -> Response:
    return JSONResponse(description())


async def _docs(request: Request) -> Response:
    return Response(docs_page(), media_type="text/html")


async def _docs_style(request: Request) -> Response:
    return Response(docs_style(), media_type="text/css")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, SiteriskError)
    return error_answer(error)


def _stamp(moment: pd.Timestamp) -> str:
    return moment.isoformat() + SHANGHAI_OFFSET


def _plain(values: np.ndarray) -> list[float | None]:
    """Floats that JSON can hold: a missing one is None."""
    return [None if math.isnan(value) else value for value in values.tolist()]
