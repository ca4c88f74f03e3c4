"""A failure in the middle of a piece of work, wherever that is: what would an unlucky moment leave behind?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any


class Interrupted(Exception):
    """What breaks off the work: no code knows it, so none can be prepared for it alone."""


def is_interrupted(work: Callable[[], object], at: int, *modules: ModuleType) -> bool:
    """Break off the work at the call number `at` of functions of the modules; False if it ended before that."""
    files, calls, before = {module.__file__ for module in modules}, 0, sys.getprofile()

    def look(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        if event == "call" and frame.f_code.co_filename in files:
            calls += 1
            if calls == at:
                raise Interrupted(f"at {frame.f_code.co_qualname}")

    sys.setprofile(look)
    try:
        work()
    except Interrupted:
        return True
    finally:
        sys.setprofile(before)
    return False
