"""The OpenAPI description of /v1 and its page, both made from the message models.

The page is written on the server, without scripts and with its style in a file of its own, because
nothing may be loaded from outside and no inline style passes the Content-Security-Policy.
"""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from data_contracts.api_messages import ErrorAnswer
from serving.calls.call import Call

REFUSALS = {
    "400": "不是有效的请求 / the request cannot be read",
    "401": "缺少有效的密钥，或密钥已失效、已吊销 / no valid key, or one that has expired or was revoked",
    "403": "密钥的角色不适用 / the key has another role",
    "404": "没有这条记录，或不在密钥范围内 / there is none, or none within the key's scope",
    "408": "请求未在时限内传完 / the request did not arrive in time",
    "409": "与现有内容冲突，message 说明原因 / it cannot be done as things are; the message says why",
    "413": "请求体超过 8 MB / the body is larger than 8 MB",
    "415": "不是未压缩的 UTF-8 application/json / not plain application/json in UTF-8",
    "422": "内容有误，field 指出字段 / wrong content, `field` says where",
    "429": "请求过多，Retry-After 给出等待秒数 / too many calls; Retry-After says how long to wait",
    "503": "没有在用模型、记录库，记录库正被写入，或无法记入台账 / no champion, no record store, it is busy, or no ledger",
    "504": "处理超时 / it took too long",
}

ALWAYS = ("400", "401", "403", "429", "503", "504")
WITH_A_BODY = ("408", "413", "415", "422")


_TAG = {"ETag": {"description": "摘要 / a digest", "schema": {"type": "string"}}}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "已有内容的 ETag / the ETag of what is known already",
    "schema": {"type": "string"},
}


@functools.cache
def description(calls: tuple[Call, ...]) -> dict[str, Any]:
    """The OpenAPI 3.1 description of version 1."""
    messages: list[type[BaseModel]] = [ErrorAnswer]
    for call in calls:
        messages += [model for model in (call.takes, call.answer) if model is not None]
    _, schemas = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(messages)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Any] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "siterisk",
            "version": version("siterisk"),
            "description": "建设工程质量安全风险评估接口。结果是检查建议，不是认定结论。 "
            "Risks of construction sites for inspection planning: advice, never a finding.",
        },
        "servers": [{"url": "/v1"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "description": call.description,
    }
    if call.parameters:
        described["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": told,
                "schema": {"type": "string", "minLength": 1, "maxLength": 64},
            }
            for name, told in call.parameters
        ]
    if call.asks is not None:
        described.setdefault("parameters", []).extend(_query(call.asks))
    if call.tagged:
        described.setdefault("parameters", []).append(_IF_NONE_MATCH)
    if call.takes is not None:
        described["requestBody"] = {"required": True, "content": _json(call.takes)}
    refusals = {*ALWAYS, *call.refusals, *(WITH_A_BODY if call.method == "POST" else ())}
    answers: dict[str, Any] = {"200": {"description": "结果 / the answer", "content": _json(call.answer)}}
    if call.tagged:
        answers["200"]["headers"] = _TAG
        answers["304"] = {"description": "与 If-None-Match 相同 / as If-None-Match names it", "headers": _TAG}
    return described | {"responses": answers | _refusals(*sorted(refusals))}


def _query(asks: type[BaseModel]) -> list[dict[str, Any]]:
    """The fields of a query, each a parameter; one that may be left out has no null in a query."""
    listed = []
    for name, told in asks.model_json_schema()["properties"].items():
        schema = {
            word: value for word, value in told.items() if word not in ("description", "title", "anyOf")
        }
        if "anyOf" in told:
            schema = next(one for one in told["anyOf"] if one.get("type") != "null")
        listed.append(
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": told["description"],
                "schema": schema,
            }
        )
    return listed


def _refusals(*statuses: str) -> dict[str, Any]:
    return {status: {"description": REFUSALS[status], "content": _json(ErrorAnswer)} for status in statuses}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


@functools.cache
def docs_style() -> str:
    """The style sheet of the page."""
    return files("serving").joinpath("api_docs.css").read_text(encoding="utf-8")


@functools.cache
def docs_page(calls: tuple[Call, ...]) -> str:
    """The description as a page for people, Chinese first."""
    about = description(calls)
    schemas = about["components"]["schemas"]
    sections = [
        section
        for path, methods in about["paths"].items()
        for method, call in methods.items()
        for section in _call_section(f"{method.upper()} /v1{path}", call, schemas)
    ]
    messages = [part for name, schema in schemas.items() for part in _message(name, schema)]
    body = "\n".join([*sections, "<h2>报文 / Messages</h2>", *messages])
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>siterisk API v1</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/v1/docs.css"></head>
<body><main>
<h1>siterisk API v1</h1>
<p>{_text(about["info"]["description"])}</p>
<p>OpenAPI: <a href="/v1/openapi.json">/v1/openapi.json</a> · <a href="/livez">/livez</a> · <a href="/readyz">/readyz</a></p>
{body}
</main></body></html>
"""


def _call_section(title: str, call: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{_text(title)}</code> {_text(call['summary'])}</h2>"
    yield f"<p>{_text(call['description'])}</p>"
    yield _curl(title, call, schemas)
    if asked := [one for one in call.get("parameters", []) if one["in"] == "query"]:
        rows = "".join(
            f"<tr><td><code>{_text(one['name'])}</code></td><td>{_text(_kind(one['schema']))}</td>"
            f"<td>{_text(one['description'])}</td></tr>"
            for one in asked
        )
        heading = "".join(f"<th>{one}</th>" for one in ("查询参数 / query", "类型 / type", "说明 / meaning"))
        yield f"<table><thead><tr>{heading}</tr></thead><tbody>{rows}</tbody></table>"
    rows = "".join(
        f"<tr><td>{status}</td><td>{_text(told['description'])}</td></tr>"
        for status, told in call["responses"].items()
    )
    yield f"<table><thead><tr><th>HTTP</th><th>含义 / meaning</th></tr></thead><tbody>{rows}</tbody></table>"


def _curl(title: str, call: dict[str, Any], schemas: dict[str, Any]) -> str:
    """The call on a command line, with the key in a variable."""
    method, path = title.split(" ", 1)
    posted = "-X POST " if method == "POST" and "requestBody" not in call else ""
    asked = f'curl -s {posted}http://127.0.0.1:3000{path} \\\n  -H "Authorization: Bearer $KEY"'
    if "requestBody" in call:
        taken = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        example: dict[str, Any] = next(iter(schemas[taken].get("examples", [])), {})
        asked += (
            f" \\\n  -H 'Content-Type: application/json' \\\n  -d '{json.dumps(example, ensure_ascii=False)}'"
        )
    return f"<pre>{_text(asked)}</pre>"


def _message(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{_text(name)}">{_text(name)}</h3>'
    yield f"<p>{_text(schema.get('description', ''))}</p>"
    needed = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{_text(field)}</code>{' *' if field in needed else ''}</td><td>{_text(_kind(told))}</td>"
        f"<td>{_text(told.get('description', ''))}</td></tr>"
        for field, told in schema.get("properties", {}).items()
    )
    yield f"<table><thead><tr><th>字段 / field</th><th>类型 / type</th><th>说明 / meaning</th></tr></thead><tbody>{rows}</tbody></table>"
    for example in schema.get("examples", [])[:1]:
        yield f"<pre>{_text(json.dumps(example, ensure_ascii=False, indent=2))}</pre>"


def _kind(schema: dict[str, Any]) -> str:
    """The type of a field in a few words.

    >>> _kind({"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 10000})
    'array of string (≤ 64), ≤ 10000'
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " | ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if schema.get("type") == "array":
        most = f", ≤ {schema['maxItems']}" if "maxItems" in schema else ""
        return f"array of {_kind(schema['items'])}{most}"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return f"object of {_kind(schema['additionalProperties'])}"
    length = f" (≤ {schema['maxLength']})" if "maxLength" in schema else ""
    return str(schema.get("type", "any")) + length


def _text(words: str) -> str:
    return html.escape(str(words), quote=False)
