"""The guard around the service: limits, one shape of refusal, and no fault that gets out."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from serving.http_errors import NotReady
from serving.request_guard import RequestGuard
from serving.request_log import configure_logging

SECRET = "310101199001011234"


class Asked:
    """One request to a guarded application, and what came back."""

    def __init__(
        self, app: Callable[..., Any], messages: list[dict[str, Any]], *, admit: Any = None, **scope: Any
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.counted: list[tuple[Any, ...]] = []
        self.messages = messages
        why = NotReady(zh="未就绪", en="why")
        guard = RequestGuard(
            app,
            lambda: why,
            admit=admit or everybody,
            named=path_of,
            refused_page=lambda _, refusal: refusal,
            counted=lambda *told: self.counted.append(told),
            upload_s=0.2,
            answer_s=0.2,
        )
        headers = [(b"content-type", b"application/json")]
        whole = {"type": "http", "method": "POST", "path": "/v1/grades", "headers": headers, **scope}
        asyncio.run(guard(whole, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.sleep(60)
        return self.messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def error(self) -> dict[str, str]:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent[1:]))["error"]


def path_of(scope: Any) -> str:
    return str(scope["path"])


async def everybody(_: Any) -> None:
    """Refuses nobody."""


def body(content: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


async def faulty(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError(f"a fault that holds {SECRET}")


async def hanging(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(60)


async def untouched(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the request should not have come this far")


def answering(status: int, content: bytes = b"of another shape") -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})

    return app


def test_a_fault_is_answered_without_details_and_logged_without_values(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    asked = Asked(faulty, [body(b"{}")])
    assert (asked.status, asked.error["code"]) == (500, "INTERNAL_ERROR")
    line = capfd.readouterr().err
    assert SECRET not in line + str(asked.sent)
    assert json.loads(line)["fault"] == "ValueError"
    assert "test_request_guard.py" in json.loads(line)["where"]


def test_work_that_takes_too_long_is_given_up() -> None:
    asked = Asked(hanging, [body(b"{}")])
    assert (asked.status, asked.error["code"]) == (504, "TIMED_OUT")


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    asked = Asked(untouched, [body(b"{", more=True)])
    assert (asked.status, asked.error["code"]) == (408, "REQUEST_TIMEOUT")


def test_half_a_body_is_never_acted_on() -> None:
    asked = Asked(untouched, [body(b'{"project_ids": ["P1"]}', more=True), {"type": "http.disconnect"}])
    assert asked.sent == []


def test_a_body_beyond_the_limit_is_not_read_to_its_end() -> None:
    rest = [body(b" " * 1024 * 1024, more=True) for _ in range(20)]
    asked = Asked(untouched, rest)
    assert (asked.status, asked.error["code"]) == (413, "BODY_TOO_LARGE")
    assert len(asked.messages) == 11


@pytest.mark.parametrize("length", [b"-1", b"9" * 30, b"ten", "１２".encode()])
def test_a_length_that_cannot_be_is_refused(length: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    assert Asked(untouched, [body(b"{}")], headers=headers).status in (400, 413)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BAD_REQUEST"),
        (404, "NOT_FOUND"),
        (418, "BAD_REQUEST"),
        (500, "INTERNAL_ERROR"),
        (503, "NOT_READY"),
    ],
)
def test_a_refusal_of_others_is_put_into_our_shape(status: int, code: str) -> None:
    asked = Asked(answering(status), [body(b"{}")])
    assert (asked.status, asked.error["code"]) == (status, code)
    assert asked.error["message_en"] == "why" if status == 503 else asked.error["message_en"]


def test_every_answer_forbids_loading_from_outside() -> None:
    for status in (200, 404):
        headers = dict(Asked(answering(status), [body(b"{}")]).sent[0]["headers"])
        assert headers[b"content-security-policy"].startswith(b"default-src 'none'; ")
        assert headers[b"cache-control"] == b"no-store"


def test_a_good_answer_goes_through_as_it_is() -> None:
    asked = Asked(answering(200, b"as it is"), [body(b"{}")])
    assert (asked.status, asked.sent[1]["body"]) == (200, b"as it is")


def test_websockets_are_closed() -> None:
    assert Asked(untouched, [], type="websocket").sent == [{"type": "websocket.close", "code": 1008}]


def test_a_door_that_does_not_answer_ends_in_a_timeout() -> None:
    async def waits(_: Any) -> None:
        await asyncio.sleep(5)

    assert Asked(untouched, [], admit=waits).status == 504
