"""Values that take their time to compute and are asked for again: each is computed once, and the last few are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass
class _Place:
    """Where one value is computed; who asks for it meanwhile waits here, and nobody else does."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    is_filled: bool = False
    value: Any = None


class KeptValues(Generic[Key, Value]):
    """Values by key, for many threads; at most so many are kept, those asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: OrderedDict[Key, _Place] = OrderedDict()
        self._lock = threading.Lock()

    def value(self, key: Key, compute: Callable[[], Value]) -> Value:
        """The value of `key`; the first who asks computes it. What `compute` raises is raised, and nothing is kept."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        with place.lock:
            if not place.is_filled:
                place.value, place.is_filled = compute(), True
            found: Value = place.value
            return found

    def __contains__(self, key: Key) -> bool:
        place = self._places.get(key)
        return place is not None and place.is_filled

    def __len__(self) -> int:
        return len(self._places)

    def of_those(self, holds: Callable[[Key], bool]) -> KeptValues[Key, Value]:
        """The same values of the keys for which `holds` is true, kept apart from these from now on."""
        chosen = KeptValues[Key, Value](self._most)
        with self._lock:
            chosen._places = OrderedDict((key, place) for key, place in self._places.items() if holds(key))
        return chosen
