"""All addresses that the service answers: which one a request means, under what name it is logged, who may make it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.routing import Match, Route
from starlette.types import Scope

from serving.access.keys import ROLES, Role

NOBODYS = "other"
EVERY_ROLE: frozenset[Role] = frozenset(ROLES)


@dataclass(frozen=True)
class Address:
    """A path, its `{parameters}` unfilled; `roles` None: it is open to whoever has no key."""

    path: str
    roles: frozenset[Role] | None
    methods: tuple[str, ...] = ("GET",)


class AddressBook:
    """The addresses, found by request."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        listed = list(addresses)
        self._exact = {one.path: one for one in listed if "{" not in one.path and _only(one, listed)}
        self._routes = [
            (Route(one.path, _nothing, methods=list(one.methods)), one)
            for one in listed
            if one.path not in self._exact
        ]

    @property
    def names(self) -> frozenset[str]:
        """All that `named` may give."""
        return frozenset({*self._exact, *(one.path for _, one in self._routes), NOBODYS})

    def named(self, scope: Scope) -> str:
        """The path as it may be logged and counted: with parameters unfilled, and `other` for what nobody serves.

        What a caller made up never comes into a log, and there are no more names than addresses.
        """
        address = self._address(scope)
        return address.path if address else NOBODYS

    def roles(self, scope: Scope) -> frozenset[Role] | None:
        """The roles that may make the request, None if no key is needed; all of them where nothing is found."""
        address = self._address(scope)
        return address.roles if address else EVERY_ROLE

    def _address(self, scope: Scope) -> Address | None:
        """The address at the path, of the request's method if there is one."""
        if scope["path"] in self._exact:
            return self._exact[scope["path"]]
        at_path = [(match, one) for route, one in self._routes if (match := _match(route, scope))]
        return max(at_path, key=lambda found: found[0].value)[1] if at_path else None


def _only(address: Address, listed: list[Address]) -> bool:
    return sum(one.path == address.path for one in listed) == 1


def _match(route: Route, scope: Scope) -> Match | None:
    match, _ = route.matches({**scope, "root_path": ""})
    return match if match is not Match.NONE else None


def _nothing() -> None:
    """Stands for a handler: the book finds addresses and serves none."""
