"""What one call of `/v1` is: its address, who may make it, how it is described, and what answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.access.keys import Role
from serving.address_book import EVERY_ROLE, Address
from serving.http_errors import invalid_request

V1 = "/v1"
MAY_SCORE: frozenset[Role] = frozenset({"score", "manage", "administer"})
MAY_REPORT: frozenset[Role] = frozenset({"report", "manage", "administer"})
MAY_DECIDE: frozenset[Role] = frozenset({"manage", "administer"})

Message = TypeVar("Message", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Call:
    """One call; `path` is below /v1, its `{parameters}` are texts that `parameters` describes, its query what `asks` has.

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
    asks: type[BaseModel] | None = None
    roles: frozenset[Role] = EVERY_ROLE
    parameters: tuple[tuple[str, str], ...] = ()
    refusals: tuple[str, ...] = ()
    tagged: bool = False

    @property
    def route(self) -> Route:
        """The call as Starlette serves it."""
        return Route(self.path, self.handler, methods=[self.method], name=self.name)

    @property
    def address(self) -> Address:
        """Where it is found, and who may make it."""
        return Address(V1 + self.path, self.roles, (self.method,))


def message_in(body: bytes, kind: type[Message]) -> Message:
    """The message in the body of a request; InvalidInput names every fault without repeating what was sent."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(error) from None


def json_answer(content: Any) -> Response:
    """The content as JSON; quicker for ten thousand results than Python's own writer."""
    return Response(to_json(content), media_type="application/json")
