"""What every request passes on its way in and every answer on its way out.

BentoML has no limit on bodies, answers faults in shapes of its own, and its root page loads scripts
from outside. The guard reads the body within limits, turns every refusal into the one JSON shape,
sets the same headers on all answers, and writes one line of log a request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data_contracts.errors import SiteriskError
from serving.access.doorkeeper import PAGES
from serving.http_errors import ERROR_HEADER, error_answer, general_answer
from serving.request_log import fault_of, request_log

LARGEST_BODY = 8 * 1024 * 1024
LONGEST_REQUEST_S = 30.0
LONGEST_UPLOAD_S = 15.0
FIRST_PAGE = f"{PAGES}/"
GONE = 499  # in the log alone: the caller went away before its request had arrived
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class RequestGuard:
    """ASGI middleware; `not_ready` says why the service is not ready, None when it is.

    `admit` gives the refusal of a call that may not come in, before a byte of its body is read; `named` is the
    request's path as it may be logged. `refused_page` puts a refusal into a page for people.
    `counted` is told that, the status, the seconds and the code of a key's refusal.
    A body that has not arrived in `upload_s` seconds is refused, as is work that takes longer than `answer_s`.
    """

    def __init__(
        self,
        app: ASGIApp,
        not_ready: Callable[[], SiteriskError | None],
        *,
        admit: Callable[[Scope], Awaitable[Response | None]],
        named: Callable[[Scope], str],
        refused_page: Callable[[Scope, Response], Response],
        counted: Callable[[str, int, float, str | None], None],
        upload_s: float = LONGEST_UPLOAD_S,
        answer_s: float = LONGEST_REQUEST_S,
    ) -> None:
        self.app = app
        self.not_ready = not_ready
        self.admit, self.named, self.counted = admit, named, counted
        self.refused_page = refused_page
        self.upload_s, self.answer_s = upload_s, answer_s
        self.log = request_log()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["siterisk.counts"] = {}
        started, answer = time.perf_counter(), _Answer(scope, send, self.not_ready, self.refused_page)
        fault: dict[str, str] = {}
        try:
            await self._pass_on(scope, receive, answer)
        except TimeoutError:
            await answer.instead(general_answer(504))
        except ClientDisconnect:
            answer.status = answer.status or GONE
        except Exception as error:
            fault = fault_of(error)
            await answer.instead(general_answer(500))
        self._log(scope, answer, time.perf_counter() - started, fault)

    async def _pass_on(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        async with asyncio.timeout(self.answer_s):
            refusal = await self.admit(scope)
        if refusal:
            return await answer.instead(refusal)
        if refusal := _refused_by_headers(scope):
            return await answer.instead(refusal)
        try:
            async with asyncio.timeout(self.upload_s):
                body = await _read_body(receive)
        except TimeoutError:
            return await answer.instead(general_answer(408))
        if body is None:
            return await answer.instead(general_answer(413))
        if scope["path"] == "/" and scope["method"] in ("GET", "HEAD"):
            return await answer.instead(RedirectResponse(FIRST_PAGE))
        async with asyncio.timeout(self.answer_s):
            await self.app(scope, _replay(body, receive), answer.send)

    def _log(self, scope: Scope, answer: _Answer, seconds: float, fault: dict[str, str]) -> None:
        path = self.named(scope)
        self.counted(path, answer.status, seconds, scope["siterisk.counts"].get("refused"))
        if path in ("/livez", "/readyz") and not fault:
            return
        write = self.log.error if fault else self.log.info
        write(
            "request",
            method=scope["method"] if scope["method"].isalpha() else "other",
            path=path,
            status=answer.status,
            milliseconds=round(seconds * 1000, 1),
            **scope["siterisk.counts"],
            **fault,
        )


class _Answer:
    """The answer under way: errors of others are put into our shape, headers are added."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        not_ready: Callable[[], SiteriskError | None],
        refused_page: Callable[[Scope, Response], Response],
    ) -> None:
        self.scope = scope
        self.refused_page = refused_page
        self.to_client = send
        self.not_ready = not_ready
        self.status = 0
        self.replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            if not self.replaced:
                await self.to_client(message)
            return
        headers = Headers(raw=message["headers"])
        if message["status"] >= 400 and ERROR_HEADER not in headers:
            self.replaced = True
            await self._write(self._in_our_shape(message["status"], headers))
        else:
            self.status = message["status"]
            await self.to_client(_with_our_headers(message))

    async def instead(self, response: Response) -> None:
        """Send this answer, unless another one has begun."""
        if self.status == 0:
            self.replaced = True
            await self._write(response)

    async def _write(self, response: Response) -> None:
        if self.scope["path"].startswith(PAGES) and ERROR_HEADER in response.headers:
            response = self.refused_page(self.scope, response)
        self.status = response.status_code

        async def dressed(message: Message) -> None:
            start = message["type"] == "http.response.start"
            await self.to_client(_with_our_headers(message) if start else message)

        await response(self.scope, _nothing_more, dressed)

    def _in_our_shape(self, status: int, headers: Headers) -> Response:
        reason = self.not_ready() if status == 503 else None
        if reason is not None:
            return error_answer(reason)
        return general_answer(status, {"Allow": headers["allow"]} if "allow" in headers else None)


def _with_our_headers(message: Message) -> Message:
    headers = MutableHeaders(raw=list(message["headers"]))
    for name, value in HEADERS.items():
        headers[name] = value
    del headers["server"]
    return {**message, "headers": headers.raw}


def _refused_by_headers(scope: Scope) -> Response | None:
    """The refusal that the headers alone give reason for."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        return general_answer(400)
    if len(length) > 18 or int(length) > LARGEST_BODY:
        return general_answer(413)
    if scope["method"] != "POST" or (length.strip("0") == "" and "transfer-encoding" not in headers):
        return None
    media, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters)
    kinds = (FORM, JSON) if scope["path"].startswith(PAGES) else (JSON,)
    readable = media.strip() in kinds and (not charset or charset[1] in ("utf-8", "utf8"))
    plain = headers.get("content-encoding", "identity").lower() == "identity"
    return None if readable and plain else general_answer(415)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body, or None once it is larger than allowed."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever the connection says."""
    pending: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return pending.pop() if pending else await receive()

    return next_message


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}
