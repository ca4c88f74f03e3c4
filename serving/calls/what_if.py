"""`POST /v1/what-if`: a project on record as it is, and as it would be after lawful changes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from data_contracts.contract import contract
from data_contracts.errors import NotFound
from data_contracts.moments import now
from data_contracts.what_if_messages import WhatIfAnswer, WhatIfRequest
from features.catalogue import Catalogue
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.asked_moments import moment_asked
from serving.calls.call import MAY_SCORE, Call, message_in
from serving.calls.parts import parts_of
from serving.ledger.decisions import SHANGHAI_OFFSET, Decision
from serving.ledger.entries import CallEntry, place_of
from serving.live_state import LiveState
from serving.what_if.drafted_rows import Tables, Wanted, drafted_rows
from serving.what_if.supposed_grades import SupposedGrade, entry_of, supposed_grade

KIND = "what-if"
_PARAMETERS = ("ids", "post", "percent")


def before_and_after(
    state: LiveState, key: AccessKey, asked: WhatIfRequest, as_of: pd.Timestamp
) -> tuple[SupposedGrade, SupposedGrade, Tables]:
    """The grade as it is, the grade with the changes, and the rows that they would record at `as_of`.

    Raises NotFound for a project that is not on record then or beyond the key's scope, ChangeRefused for changes
    that cannot be supposed. The state goes on as it was.
    """
    before = supposed_grade(state, key, asked.project_id, as_of)
    if not before.is_known:
        raise NotFound(
            zh="当时没有这个项目在案，或不在此密钥的范围内；未入库的项目请用 /v1/assess。",
            en="No such project was on record then, or none within the scope of this key. /v1/assess takes a project that "
            "is not on record.",
            field="project_id",
        )
    wanted = [
        Wanted(one.change, {name: value for name in _PARAMETERS if (value := getattr(one, name)) is not None})
        for one in asked.changes
    ]
    rows = drafted_rows(state.scorer.index, asked.project_id, as_of, wanted)
    after = supposed_grade(state.supposing(rows), key, asked.project_id, as_of)
    return before, after, rows


def answer_and_entry(
    state: LiveState, key: AccessKey, asked: WhatIfRequest, as_of: pd.Timestamp
) -> tuple[dict[str, Any], CallEntry]:
    """The content of the answer to a key, and what the ledger keeps of it: two decisions, before and after."""
    asked_at = now()
    as_of = as_of if asked.as_of else state.present(as_of)
    before, after, rows = before_and_after(state, key, asked, as_of)
    call = {
        "kind": KIND,
        "asked": asked.model_dump_json(exclude={"project_id", "as_of"}),
        "asked_at": asked_at.to_pydatetime(),
    }
    entry = entry_of(state, key, call, [before, after])
    return _content(state.scorer.index.catalogue, before, after, rows), entry


def again(
    state: LiveState, key: AccessKey, held: Decision
) -> tuple[dict[str, Any], dict[str, float | None] | None]:
    """The result and the features of a decision, computed again from a state that is as it was then."""
    asked = WhatIfRequest(project_id=held.project_id, **json.loads(held.call["asked"]))
    before, after, _ = before_and_after(state, key, asked, held.as_of)
    grade = (before, after)[place_of(held.decision_id)[1]]
    return grade.result, grade.values


def _content(
    catalogue: Catalogue, before: SupposedGrade, after: SupposedGrade, rows: Tables
) -> dict[str, Any]:
    return before.content | {
        "before": before.result,
        "after": after.result,
        "difference": {
            name: _differences(before.result[name], after.result[name]) for name in ("risks", "percentile")
        },
        "inherent_grade": {"before": before.inherent_grade, "after": after.inherent_grade},
        "rows": [
            {"table": name, "row": row} for name, frame in rows.items() for row in _postable(name, frame)
        ],
        "features": _changed_features(catalogue, before.values, after.values),
    }


def _differences(
    before: Mapping[str, float | None], after: Mapping[str, float | None]
) -> dict[str, float | None]:
    pairs = {name: (before[name], after[name]) for name in before}
    return {
        name: None if one is None or other is None else other - one for name, (one, other) in pairs.items()
    }


def _changed_features(
    catalogue: Catalogue, before: Mapping[str, float | None], after: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    return [
        {
            "name": feature.name,
            "label_zh": feature.label_zh,
            "label_en": feature.label_en,
            "unit": feature.unit,
            "before": before[feature.name],
            "after": after[feature.name],
        }
        for feature in catalogue.features
        if feature.name in before and before[feature.name] != after[feature.name]
    ]


def _postable(name: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON objects that /v1/records takes, without what is missing."""
    kinds = {column.name: column.kind for column in contract(name).columns}
    return [
        {
            str(column): _json_value(kinds[str(column)], value)
            for column, value in row.items()
            if not pd.isna(value)
        }
        for row in rows.to_dict("records")
    ]


def _json_value(kind: str, value: Any) -> Any:
    if kind == "date":
        return value.date().isoformat()
    return value.isoformat() + SHANGHAI_OFFSET if kind == "moment" else value


async def _post_what_if(request: Request) -> Response:
    asked = message_in(await request.body(), WhatIfRequest)
    key, parts = key_asking(), parts_of(request.app)
    as_of = moment_asked(asked.as_of, parts.live.present())
    content = await parts.answered(
        functools.partial(answer_and_entry, key=key, asked=asked, as_of=as_of), as_of
    )
    request.scope.setdefault("siterisk.counts", {}).update(
        projects=1, decisions=2, decision_id=content["after"]["decision_id"]
    )
    return JSONResponse(content)


CALLS = (
    Call(
        method="POST",
        path="/what-if",
        name="what-if",
        summary="假设整改后的风险 / the risk after changes",
        description="对在案项目假设依法可作的变更（整改、解除、到岗、论证等），返回变更前后的结果、应入库的数据行和改变的特征；不存入记录。"
        "不可变更的事实连同理由一并拒绝。 "
        "A project on record with changes that can lawfully be made: before and after, the rows that would be recorded, and the "
        "features that change. Nothing is recorded; what cannot be changed is refused with the reason.",
        handler=_post_what_if,
        takes=WhatIfRequest,
        answer=WhatIfAnswer,
        roles=MAY_SCORE,
        refusals=("404",),
    ),
)
