"""`GET /v1/model`, `/v1/policy`, `/v1/catalogue`: what is in force, each with a digest as its ETag."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.in_force_messages import CatalogueInForce, ModelInForce, PoliciesInForce
from data_contracts.moments import now
from data_contracts.policy import POLICY_NAMES, policy_file
from features.catalogue import Catalogue
from serving.calls.call import Call, json_answer
from serving.calls.parts import Parts, parts_of
from serving.ledger.entries import policies_on
from training.risk_model import RiskModel

Told = tuple[str, dict[str, Any]]
"""The digest of what is told, and the content."""


def model_told(model: RiskModel) -> Told:
    """The model, from its passport."""
    passport = model.passport
    definitions = {name: passport["heads"][name].get("definition") or {} for name in model.heads}
    heads = [
        {"name": name}
        | {word: told.get(word) for word in ("title_zh", "title_en", "description", "horizon_days")}
        for name, told in definitions.items()
    ]
    return model.sha256, {
        "version": model.version,
        "sha256": model.sha256,
        **{word: passport.get(word) for word in ("created_at", "until", "simulated")},
        "catalogue_hash": passport.get("catalogue_sha256"),
        "features": len(model.feature_names),
        "heads": heads,
    }


@functools.lru_cache(maxsize=2)
def policies_told(day: dt.date) -> Told:
    """The policies in force on a day; those that begin later are left out."""
    digests = json.loads(policies_on(day))
    listed = []
    for name in POLICY_NAMES:
        if digests[name] is not None:
            told = policy_file(name).told_on(day)
            own = {"name": name, "sha256": digests[name]["sha256"], "file_sha256": told["sha256"]}
            listed.append(told | own | {"content": policy_file(name).policy_on(day).plain_content()})
    content = {"day": day.isoformat(), "policies": listed}
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest(), content


def catalogue_told(catalogue: Catalogue) -> Told:
    """The features, as they are declared."""
    words = (
        "name",
        "family",
        "label_zh",
        "label_en",
        "unit",
        "direction",
        "in_model",
        "in_reasons",
        "missing",
    )
    features = [{word: getattr(one, word) for word in words} for one in catalogue.features]
    return catalogue.hash, {"version": catalogue.version, "hash": catalogue.hash, "features": features}


def _handler(tell: Callable[[Parts], Told]) -> Callable[[Request], Awaitable[Response]]:
    async def get(request: Request) -> Response:
        parts = parts_of(request.app)
        digest, content = await parts.in_thread(lambda: tell(parts))
        tag = f'"{digest}"'
        known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
        answer = Response(status_code=304) if tag in known or "*" in known else json_answer(content)
        answer.headers["ETag"] = tag
        return answer

    return get


def _call(word: str, zh: str, en: str, answer: type[BaseModel], tell: Callable[[Parts], Told]) -> Call:
    return Call(
        method="GET",
        path=f"/{word}",
        name=word,
        summary=f"{zh} / {en}",
        description=f"{zh}及其摘要；摘要也在 ETag 中，If-None-Match 相同时返回 304。 What is in force: {en}, with digests. The ETag "
        "is a digest, too; 304 where If-None-Match names it.",
        handler=_handler(tell),
        answer=answer,
        tagged=True,
    )


CALLS = (
    _call(
        "model",
        "在用模型",
        "the model",
        ModelInForce,
        lambda parts: model_told(parts.live.state().scorer.model),
    ),
    _call("policy", "当日政策", "the policies", PoliciesInForce, lambda _: policies_told(now().date())),
    _call(
        "catalogue",
        "特征目录",
        "the feature catalogue",
        CatalogueInForce,
        lambda parts: catalogue_told(parts.live.state().scorer.index.catalogue),
    ),
)
