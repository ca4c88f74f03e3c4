"""Tasks side by side: what they give keeps its order, and none outlives a failure of another."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from data_contracts.errors import InvalidInput
from data_contracts.progress import Progress, silent
from training.side_by_side import side_by_side

LONG = 10_000_000


def answering(number: int, after: threading.Event | None = None) -> Callable[[Progress], int]:
    def task(told: Progress) -> int:
        assert after is None or after.wait(30)
        return number

    return task


def failing(named: str) -> Callable[[Progress], int]:
    def task(told: Progress) -> int:
        raise InvalidInput(zh=named, en=named)

    return task


def test_answers_come_in_the_order_of_the_tasks_whichever_is_done_first() -> None:
    done = threading.Event()

    def second(told: Progress) -> int:
        done.set()
        return 2

    assert side_by_side([answering(1, after=done), second], 2, silent) == [1, 2]


def test_after_a_failure_the_others_end_the_next_time_they_tell_of_their_progress() -> None:
    told_of: list[int] = []

    def long(told: Progress) -> int:
        for step in range(LONG):
            told("long", step, LONG)
            told_of.append(step)
        return 0

    with pytest.raises(InvalidInput, match="the second"):
        side_by_side([long, failing("the second"), answering(3)], 2, silent)
    assert len(told_of) < LONG


def test_of_several_failures_that_of_the_first_task_is_told_whichever_came_first() -> None:
    failed = threading.Event()

    def first(told: Progress) -> int:
        assert failed.wait(30)
        raise InvalidInput(zh="the first", en="the first")

    def second(told: Progress) -> int:
        failed.set()
        raise InvalidInput(zh="the second", en="the second")

    with pytest.raises(InvalidInput, match="the first"):
        side_by_side([first, second], 2, silent)


def test_a_program_that_is_stopped_waits_for_nothing_but_the_step_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()

    def long(told: Progress) -> int:
        for step in range(LONG):
            told("long", step, LONG)
            begun.set()
        return 0

    def stopped(*_: object, **__: object) -> None:
        assert begun.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr("training.side_by_side.wait", stopped)
    with pytest.raises(KeyboardInterrupt):
        side_by_side([long], 1, silent)
