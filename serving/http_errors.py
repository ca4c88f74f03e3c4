"""How a refusal looks over HTTP: one JSON shape, and one status for each class of error."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError
from starlette.responses import JSONResponse

from data_contracts import errors
from data_contracts.api_messages import LONGEST_ID, ErrorAnswer, ErrorDetail
from data_contracts.errors import InvalidInput, SiteriskError
from serving.access.refusals import Forbidden, TooManyCalls, Unauthorized

# The answers that are ours carry this header, so that the guard knows which ones to put into our shape.
ERROR_HEADER = "X-Siterisk-Error"


class NotReady(SiteriskError):
    """The service has no champion or no records yet; ask again when /readyz says so."""

    code = "NOT_READY"


class TooMuchWork(SiteriskError):
    """More waits to be computed than the service will queue."""

    code = "TOO_MUCH_WORK"


class StillWorking(SiteriskError):
    """The outcome is not there in time; what was begun goes on."""

    code = "STILL_WORKING"


STATUS: dict[type[SiteriskError], int] = {
    errors.InvalidInput: 422,
    errors.PolicyUndefined: 422,
    errors.ForbiddenColumn: 422,
    errors.NotEnoughData: 422,
    errors.NotFound: 404,
    errors.CheckFailed: 409,
    errors.StoreUnavailable: 503,
    errors.SourceUnreadable: 503,
    errors.ModelInvalid: 503,
    errors.ContractInvalid: 503,
    NotReady: 503,
    TooMuchWork: 503,
    StillWorking: 504,
    Unauthorized: 401,
    Forbidden: 403,
    TooManyCalls: 429,
}

# What is said where the web server or BentoML answered, by status.
GENERAL: dict[int, tuple[str, str, str]] = {
    400: ("BAD_REQUEST", "请求无法解析。", "The request cannot be read."),
    404: (
        "NOT_FOUND",
        "没有这个地址，可用的接口见 /v1/docs。",
        "There is nothing at this address; /v1/docs lists the calls.",
    ),
    405: (
        "METHOD_NOT_ALLOWED",
        "此地址不支持该方法，见响应头 Allow。",
        "This address does not take that method; see the Allow header.",
    ),
    408: ("REQUEST_TIMEOUT", "请求未在时限内传完。", "The request did not arrive in time."),
    413: ("BODY_TOO_LARGE", "请求体过大，请分批提交。", "The body is too large; send it in parts."),
    415: (
        "UNSUPPORTED_MEDIA_TYPE",
        "请以 application/json（UTF-8，不压缩）提交。",
        "Send application/json in UTF-8, not compressed.",
    ),
    422: ("INVALID_INPUT", "请求内容有误。", "The request's content is wrong."),
    429: ("TOO_MANY_REQUESTS", "请求过多，请稍后再试。", "Too many requests; try again later."),
    500: (
        "INTERNAL_ERROR",
        "服务出现意外错误，已记入日志。",
        "Something unexpected went wrong; it is in the service's log.",
    ),
    503: ("NOT_READY", "服务尚未就绪，请稍后再试。", "The service is not ready; try again later."),
    504: ("TIMED_OUT", "处理超时，请减少每次的项目数。", "It took too long; ask for fewer projects at once."),
}


def status_of(error: SiteriskError) -> int:
    """The HTTP status of an error, by the nearest class in the tree that has one; 500 if none has.

    >>> status_of(InvalidInput(zh="", en="")), status_of(errors.StoreBusy(zh="", en=""))
    (422, 503)
    """
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def error_answer(error: SiteriskError) -> JSONResponse:
    """The answer that tells `error`; where the store lies and what its server said stays in the log."""
    zh, en = words_outside(error)
    detail = ErrorDetail(code=error.code, message_zh=zh, message_en=en, field=error.field)
    headers = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="siterisk"'  # RFC 9110, section 11.6.1
    if isinstance(error, TooManyCalls):
        headers["Retry-After"] = str(error.wait_s)
    return _answer(status_of(error), detail, headers)


def words_outside(error: SiteriskError) -> tuple[str, str]:
    """What callers are told of an error, in Chinese and English.

    >>> words_outside(errors.StoreUnavailable(zh="", en="There is no record store at /var/lib/x.db."))[1]
    'The record store cannot be used at the moment. Try again later; the log of the service says why.'
    """
    if type(error) in (errors.StoreUnavailable, errors.StoreBusy):
        return (
            "记录库暂时无法使用，请稍后重试；原因见服务日志。",
            "The record store cannot be used at the moment. Try again later; the log of the service says why.",
        )
    return error.zh, error.en


def general_answer(status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer for a status that no error of ours stands behind."""
    fallback = 400 if status < 500 else 500
    code, zh, en = GENERAL.get(status) or GENERAL[fallback]
    return _answer(status, ErrorDetail(code=code, message_zh=zh, message_en=en), headers or {})


def invalid_request(error: ValidationError) -> InvalidInput:
    """Every fault of a request in one error; its field is the first one at fault. No value is repeated."""
    faults = error.errors(include_input=False, include_url=False, include_context=True)
    told = [(_place(fault["loc"]), *_in_words(fault["type"], fault.get("ctx") or {})) for fault in faults[:5]]
    more = len(faults) - len(told)
    zh = "".join(f"{place}：{words}。" for place, words, _ in told) + (f"另有 {more} 处。" if more else "")
    en = " ".join(f"{place}: {words}." for place, _, words in told) + (f" And {more} more." if more else "")
    return InvalidInput(zh=zh, en=en, field=told[0][0] if faults[0]["loc"] else None)


def _answer(status: int, detail: ErrorDetail, headers: Mapping[str, str]) -> JSONResponse:
    content = ErrorAnswer(error=detail).model_dump()
    return JSONResponse(content, status_code=status, headers={**headers, ERROR_HEADER: detail.code})


def _place(location: tuple[int | str, ...]) -> str:
    """Where a fault lies, as `project_ids[3]`; the body itself if nowhere else.

    >>> _place(("project_ids", 3)), _place(())
    ('project_ids[3]', 'body')
    """
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else ("." if place else "") + part[:LONGEST_ID]
    return place or "body"


def _in_words(kind: str, context: Mapping[str, object]) -> tuple[str, str]:
    """A fault in Chinese and English, without the value that caused it."""
    least, most = context.get("min_length"), context.get("max_length")
    words = {
        "missing": ("缺少此项", "is missing"),
        "extra_forbidden": ("没有此字段", "is not a known field"),
        "string_type": ("应为字符串", "must be a string"),
        "list_type": ("应为数组", "must be an array"),
        "model_type": ("应为 JSON 对象", "must be a JSON object"),
        "too_short": (f"至少 {least} 项", f"needs at least {least} item"),
        "too_long": (f"至多 {most} 项", f"takes at most {most} items"),
        "string_too_short": ("不能为空", "must not be empty"),
        "string_too_long": (f"至多 {most} 个字符", f"takes at most {most} characters"),
        "json_invalid": (
            "不是有效的 UTF-8 JSON，或嵌套过深",
            "is not valid JSON in UTF-8, or nested too deeply",
        ),
    }
    return words.get(kind, ("格式有误", "is not of the right form"))
