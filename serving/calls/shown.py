"""Calls that give as JSON what a page shows, made from the same content, for the same roles and within the same scope."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls.call import MAY_REPORT, Call, json_answer
from serving.http_errors import invalid_request
from serving.pages.city import City
from serving.pages.city_board import Board
from serving.pages.page import desk_of
from serving.pages.paging import Leaf

Query = TypeVar("Query", bound=BaseModel)


@dataclass(frozen=True)
class Wanted:
    """What one call asks for: with which key, by which path, and with which query, as texts by name.

    `query` holds what was sent; `size` is how many on a leaf, of a list.
    """

    key: AccessKey
    path: Mapping[str, str]
    query: Mapping[str, str]
    size: int


def shown_call(
    path: str,
    name: str,
    words: tuple[str, str],
    answer: type[BaseModel],
    tell: Callable[[City, Wanted], Mapping[str, Any]],
    *,
    asks: type[BaseModel] | None = None,
    parameters: tuple[tuple[str, str], ...] = (),
) -> Call:
    """The call; `words` are its summary in Chinese and English, `tell` makes the content of `answer`."""

    async def get(request: Request) -> Response:
        desk, wanted = desk_of(request.app), _wanted(request, asks)
        made = functools.partial(_made, answer, tell, desk.city, wanted)
        return json_answer(await desk.parts.in_thread(made))

    return Call(
        method="GET",
        path=path,
        name=name,
        summary=" / ".join(words),
        description=f"{words[0]}，与页面所示相同，限于密钥范围。代码见 docs/contracts.md。 As the page shows it, within the key's scope: "
        f"{words[1]}. Codes are those of docs/contracts.md.",
        handler=get,
        answer=answer,
        asks=asks,
        roles=MAY_REPORT,
        parameters=parameters,
        refusals=("404", *(("422",) if asks else ())),
    )


def _made(
    answer: type[BaseModel], tell: Callable[[City, Wanted], Mapping[str, Any]], city: City, wanted: Wanted
) -> BaseModel:
    return answer.model_validate(tell(city, wanted))


def _wanted(request: Request, asks: type[BaseModel] | None) -> Wanted:
    """InvalidInput names what of the query cannot be; where a page would take no notice, a program is to know."""
    if asks is None:
        return Wanted(key_asking(), request.path_params, {}, 0)
    try:
        read = asks.model_validate_strings(dict(request.query_params))
    except ValidationError as error:
        raise invalid_request(error) from None
    query = {name: str(value) for name, value in read.model_dump(exclude_unset=True).items()}
    return Wanted(key_asking(), request.path_params, query, getattr(read, "size", 0))


def run_told(board: Board) -> dict[str, Any]:
    """The run that a board shows."""
    run = board.run
    return {
        "run_id": run.run_id, "day": run.day, "made_at": run.made_at, "model_version": run.passport.get("model_version"),
    }  # fmt: skip


def leaf_told(leaf: Leaf) -> dict[str, int]:
    """Which leaf of a list it is."""
    return {"found": leaf.found, "page": leaf.number, "pages": leaf.last}


def site_told(site: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a board, its risks and percentiles by head."""
    by_head = {
        word: {name.removeprefix(start): site[name] for name in site if name.startswith(start)}
        for word, start in (("risks", "risk_"), ("percentile", "percentile_"))
    }
    return {**site, **by_head}
