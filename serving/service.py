"""The BentoML service `risk_scoring`: health, the calls of /v1, the pages of /ui, and one call for BentoML's own clients.

Started by `siterisk serve`. It comes up at once and loads the champion and the records in a thread;
until both are there `/readyz` and the calls say 503 and why.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from data_contracts.api_messages import GradesRequest
from data_contracts.errors import SiteriskError
from data_contracts.record_store import RecordStore
from serving.access.doorkeeper import Doorkeeper
from serving.access.key_ring import KeyRing
from serving.access.key_store import all_keys
from serving.address_book import Address, AddressBook
from serving.calls.application import ADDRESSES as CALLS
from serving.calls.application import PLAIN_ROUTE, v1_application
from serving.calls.grades import answer_grades
from serving.calls.parts import Parts, parts_of
from serving.calls.slow_work import SlowWork
from serving.http_errors import NotReady, error_answer
from serving.ledger.ledger import LONGEST_WAIT_S, Ledger
from serving.live_records import LiveRecords
from serving.metrics import Metrics
from serving.pages.application import ADDRESSES as PAGES
from serving.pages.application import OF_THE_WHOLE_CITY, pages_application
from serving.pages.city import City
from serving.pages.page import Desk
from serving.pages.rendering import refused_page
from serving.past_states import PastStates
from serving.request_guard import LONGEST_REQUEST_S, RequestGuard
from serving.request_log import configure_logging
from serving.settings import load_settings
from serving.standing import ADDRESSES as STANDS
from serving.standing import METRICS, READY, standing_application
from serving.supervisor import end_with_supervisor

API = v1_application()
UI = pages_application()
STANDING = standing_application(API)
BOOK = AddressBook((*CALLS, *PAGES, *STANDS, Address("/", None)))


@bentoml.service(
    name="risk_scoring",
    description="Risks of construction sites for inspection planning 建设工程风险评估（检查建议）",
    # BentoML answers in a shape of its own when time runs out: the guard's limit comes first.
    traffic={"timeout": LONGEST_REQUEST_S + 30},
    # BentoML labels its metrics with raw addresses, so anyone could make them grow without bound.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    # Nobody collects traces on an intranet; a span that goes nowhere costs every call half of what HTTP does.
    tracing={"excluded_urls": ".*"},
)
@bentoml.asgi_app(API, path="/v1")
@bentoml.asgi_app(UI, path="/ui")
class RiskScoring:
    """Risks of permit lots, as known at a moment."""

    def __init__(self) -> None:
        configure_logging()
        settings = load_settings(os.environ, Path.cwd())
        metrics = Metrics(BOOK.names)
        self.live = LiveRecords(
            lambda: RecordStore.open(settings.store_url, create=False), settings.home, looked=metrics.standing
        )
        store = _StoreInUse(settings.store_url)
        self.keys = KeyRing(lambda: all_keys(store()))
        self.ledger = Ledger(store, written=metrics.transaction)
        self.slow_work = SlowWork()
        past_states = PastStates(store, settings.home, self.live.newest)
        API.state.parts = Parts(self.live, self.ledger, store, past_states, self.slow_work, metrics)
        API.state.door = Doorkeeper(self.keys, BOOK.roles)
        city = City.of(
            self.live.state,
            store,
            settings.home,
            is_champion_refused=lambda: self.live.champion.refusal is not None,
        )
        API.state.desk = UI.state.desk = Desk(API.state.parts, API.state.door, city)
        self.live.start()
        UI.state.desk.warm(OF_THE_WHOLE_CITY)
        self.keys.start()
        self.ledger.start()
        end_with_supervisor(os.environ)

    @bentoml.on_shutdown
    def stop(self) -> None:
        self.live.stop()
        self.keys.stop()
        self.ledger.stop()
        self.slow_work.stop()

    @bentoml.api(route=PLAIN_ROUTE)
    async def grades(self, project_ids: list[str], as_of: str | None = None) -> dict[str, Any]:
        """The same answer as POST /v1/grades, for BentoML's own clients; over HTTP it is that call itself."""
        return await answer_grades(API, GradesRequest(project_ids=project_ids, as_of=as_of))


class _StoreInUse:
    """Gives the store of keys, ledger and posted records, opened when it is first there."""

    def __init__(self, store_url: str) -> None:
        self._url = store_url
        self._store: RecordStore | None = None

    def __call__(self) -> RecordStore:
        if self._store is None:
            self._store = RecordStore.open(self._url, create=False, busy_s=LONGEST_WAIT_S)
        return self._store


class OwnRoutes:
    """ASGI middleware: what BentoML would answer otherwise than we do.

    Its own route of the call is answered by /v1: BentoML's parsing leaves unknown fields aside and names no field in
    its refusals. Of /readyz it has no body, and its metrics have a label that callers make up.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in (READY, METRICS):
            return await STANDING(scope, receive, send)
        if scope["type"] == "http" and scope["path"] == PLAIN_ROUTE:
            scope = {**scope, "path": f"/v1{PLAIN_ROUTE}", "raw_path": f"/v1{PLAIN_ROUTE}".encode()}
        await self.app(scope, receive, send)


def _not_ready() -> SiteriskError | None:
    """Why the service cannot answer, for whoever asks /readyz; None if it can."""
    try:
        return parts_of(API).live.not_ready()
    except NotReady as error:
        return error


async def _admit(scope: Scope) -> Response | None:
    """The refusal of a call that has no business here; nothing but health is let in before the door is manned."""
    if API.state.door is not None:
        return await API.state.door.admit(scope)
    return None if BOOK.roles(scope) is None else error_answer(_not_ready() or NotReady(zh="", en=""))


def _counted(path: str, status: int, seconds: float, refusal: str | None) -> None:
    if API.state.parts is not None:
        API.state.parts.metrics.request(path, status, seconds, refusal)


# The first one is the outermost: nothing passes by the guard.
RiskScoring.add_asgi_middleware(  # type: ignore[attr-defined]
    RequestGuard,
    not_ready=_not_ready,
    admit=_admit,
    named=BOOK.named,
    refused_page=refused_page,
    counted=_counted,
)
RiskScoring.add_asgi_middleware(OwnRoutes)  # type: ignore[attr-defined]
