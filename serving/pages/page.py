"""What one page is: its address, who may open it, and what answers it; and what the pages work with."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

import pandas as pd
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from data_contracts.errors import InvalidInput
from serving.access.doorkeeper import PAGES, Doorkeeper, key_asking
from serving.access.keys import Role
from serving.access.sessions import COOKIE, is_form_token
from serving.address_book import Address
from serving.calls.call import MAY_REPORT
from serving.calls.parts import Parts
from serving.http_errors import NotReady
from serving.pages.city import City
from serving.request_log import fault_of, request_log

MOST_FIELDS = 200
WARM_EVERY_S = 1.0
LOOK_AGAIN_S = 30.0


@dataclass(frozen=True)
class Page:
    """One address of the pages; `path` is below /ui. `roles` None: open to whoever has not signed in."""

    path: str
    handler: Callable[[Request], Awaitable[Response]]
    roles: frozenset[Role] | None = MAY_REPORT
    methods: tuple[str, ...] = ("GET",)

    @property
    def route(self) -> Route:
        """The page as Starlette serves it."""
        return Route(self.path, self.handler, methods=list(self.methods))

    @property
    def address(self) -> Address:
        """Where it is found, and who may open it."""
        return Address(PAGES + self.path, self.roles, self.methods)


@dataclass(frozen=True)
class Desk:
    """What pages work with: the parts of the service, its door, and the city."""

    parts: Parts
    door: Doorkeeper
    city: City

    def warm(self, contents: Sequence[Callable[[City], object]]) -> None:
        """Make what the first visitor would wait for, in a thread of its own: once the service is ready, and again with
        each new day, grading run and model.

        `contents` make what pages of the whole city show.
        """
        threading.Thread(target=self._keep_warm, args=(contents,), name="pages", daemon=True).start()

    def _keep_warm(self, contents: Sequence[Callable[[City], object]]) -> None:
        made: object = None
        while True:
            is_ready = self.parts.live.not_ready() is None
            try:
                if is_ready:
                    made = self._warmed(contents, made)
            except Exception as error:
                request_log().warning("pages not warmed", **fault_of(error))
            time.sleep(LOOK_AGAIN_S if is_ready else WARM_EVERY_S)

    def _warmed(self, contents: Sequence[Callable[[City], object]], made: object) -> object:
        """What was made, by model, run and day; nothing is made where that is what was made before."""
        state, board, today = self.city.state(), self.city.boards.board(), self.city.clock().normalize()
        shown = (state.scorer.model.version, board and board.run.run_id, today)
        if shown == made:
            return made
        if board and len(board.sites):
            state.reasons(pd.Timestamp(board.run.day))
            self.city.firms.among(board.sites)
        self.city.firms.cards()
        for content in contents:
            content(self.city)
        return shown


def desk_of(application: Starlette) -> Desk:
    """The desk of a service that has started; NotReady before."""
    desk: Desk | None = application.state.desk
    if desk is None:
        raise NotReady(zh="服务尚未启动完成。", en="The service has not started yet.")
    return desk


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that this session's pages have made; InvalidInput for any other."""
    fields = await fields_of(request)
    if not is_form_token(key_asking(), request.cookies.get(COOKIE, ""), fields.pop("form_token", "")):
        raise InvalidInput(
            zh="表单已过期，请返回上一页刷新后再提交。",
            en="The form is out of date: go back, load the page again and send it once more.",
            field="form_token",
        )
    return fields


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name."""
    try:
        text = (await request.body()).decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:
        raise InvalidInput(zh="表单无法读取。", en="The form cannot be read.", field="form") from None
