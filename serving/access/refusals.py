"""What the door says to a call it does not let in."""

from __future__ import annotations

from data_contracts.errors import SiteriskError


class Unauthorized(SiteriskError):
    """The call shows no key, or one that is not, or no longer, in force."""

    code = "UNAUTHORIZED"


class Forbidden(SiteriskError):
    """The key's role does not go with the call."""

    code = "FORBIDDEN"


class TooManyCalls(SiteriskError):
    """The key has used up what a worker takes from it for now; ask again after `wait_s` seconds."""

    code = "TOO_MANY_REQUESTS"

    def __init__(self, zh: str, en: str, *, wait_s: int) -> None:
        super().__init__(zh, en)
        self.wait_s = wait_s


def without_key() -> Unauthorized:
    """No key, or none that anybody was given; which of the two is not said."""
    return Unauthorized(
        zh="缺少有效的密钥：请在请求头中给出 Authorization: Bearer 密钥，密钥由管理员用 siterisk key add 发放。",
        en="There is no valid key: send the header Authorization: Bearer KEY, with a key that the administrator "
        "gave out with siterisk key add.",
    )


def no_longer_valid(state: str) -> Unauthorized:
    """For the holder of a true key that has expired or was revoked."""
    zh, en = {"EXPIRED": ("已失效", "has expired"), "REVOKED": ("已被吊销", "was revoked")}[state]
    return Unauthorized(
        zh=f"此密钥{zh}，请向管理员申请新的密钥。",
        en=f"The key {en}; ask the administrator for a new one.",
    )
