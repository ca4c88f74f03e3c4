"""What one call of `/v1` is: its address, who may make it, how it is described, and what answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from serving.access.keys import ROLES, Role
from serving.http_errors import invalid_request

V1 = "/v1"
NOBODYS = "other"
EVERY_ROLE: frozenset[Role] = frozenset(ROLES)
MAY_SCORE: frozenset[Role] = frozenset({"score", "manage", "administer"})
MAY_REPORT: frozenset[Role] = frozenset({"report", "manage", "administer"})
MAY_DECIDE: frozenset[Role] = frozenset({"manage", "administer"})

Message = TypeVar("Message", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Call:
    """One call; `path` is below /v1, its `{parameters}` are texts that `parameters` describes.

    `refusals` are the statuses it may answer beside 200 and those that every call may (see `description`). A `tagged`
    answer has an ETag.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    description: str
    handler: Handler
    answer: type[BaseModel]
    takes: type[BaseModel] | None = None
    roles: frozenset[Role] = EVERY_ROLE
    parameters: tuple[tuple[str, str], ...] = ()
    refusals: tuple[str, ...] = ()
    tagged: bool = False

    @property
    def route(self) -> Route:
        """The call as Starlette serves it."""
        return Route(self.path, self.handler, methods=[self.method], name=self.name)


class CallBook:
    """Finds which call a request is; `also` are addresses that are no call of /v1 and may be named in logs."""

    def __init__(self, calls: Iterable[Call], also: dict[str, frozenset[Role]]) -> None:
        self._routes = [(Route(V1 + call.path, call.handler, methods=[call.method]), call) for call in calls]
        self._also = also

    @property
    def names(self) -> frozenset[str]:
        """All that `named` may give."""
        return frozenset({*self._also, *(V1 + call.path for _, call in self._routes), NOBODYS})

    def named(self, scope: Scope) -> str:
        """The path as it may be logged and counted: with parameters unfilled, and `other` for what nobody serves.

        What a caller made up never comes into a log, and there are no more names than calls.
        """
        path = scope["path"]
        if path in self._also:
            return str(path)
        call = self._call(scope)
        return V1 + call.path if call else NOBODYS

    def roles(self, scope: Scope) -> frozenset[Role]:
        """The roles that may make the request; all of them where no call is meant, which is then not found."""
        if scope["path"] in self._also:
            return self._also[scope["path"]]
        call = self._call(scope)
        return call.roles if call else EVERY_ROLE

    def _call(self, scope: Scope) -> Call | None:
        """The call at the path, of the request's method if there is one."""
        at_path = [(match, call) for route, call in self._routes if (match := _match(route, scope))]
        return max(at_path, key=lambda found: found[0].value)[1] if at_path else None


def message_in(body: bytes, kind: type[Message]) -> Message:
    """The message in the body of a request; InvalidInput names every fault without repeating what was sent."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(error) from None


def json_answer(content: Any) -> Response:
    """The content as JSON; quicker for ten thousand results than Python's own writer."""
    return Response(to_json(content), media_type="application/json")


def _match(route: Route, scope: Scope) -> Match | None:
    match, _ = route.matches({**scope, "root_path": ""})
    return match if match is not Match.NONE else None
