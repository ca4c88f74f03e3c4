"""`POST /v1/assess`: a grade for a project that is not on record, told in the request; nothing is recorded."""

from __future__ import annotations

import functools
import json
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from data_contracts.errors import CheckFailed, InvalidInput
from data_contracts.moments import now
from data_contracts.what_if_messages import AssessAnswer, AssessRequest
from features.city_facts import CityFacts
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.calls.call import MAY_SCORE, Call, message_in
from serving.calls.parts import parts_of
from serving.ledger.decisions import Decision
from serving.ledger.entries import CallEntry
from serving.live_state import LiveState
from serving.what_if.inline_project import PROJECTS, InlineProject, inline_project
from serving.what_if.supposed_grades import SupposedGrade, entry_of, supposed_grade

KIND = "assess"
SUPPOSED = "\0"
"""The id under which the project is scored: no record can have it, and a project beyond the key's scope stays unseen."""


def assessed(
    state: LiveState, key: AccessKey, asked: AssessRequest, at: pd.Timestamp
) -> tuple[InlineProject, SupposedGrade]:
    """A project told at a moment, and its grade as of then; the state goes on as it was.

    Raises InvalidInput for a project whose own row is at fault or that lies beyond the key's scope, CheckFailed for one
    on record within it.
    """
    project = inline_project(asked, at, functools.partial(_may_be_named, state.scorer.index.city))
    if state.jurisdictions.reached(key, project.project_id):
        raise CheckFailed(
            zh="该项目已在案：请用 /v1/grades 查询其风险，或用 /v1/what-if 假设变更。",
            en="The project is on record already: /v1/grades gives its risks, /v1/what-if supposes changes.",
            field="projects[0].project_id",
        )
    rows = project.called(SUPPOSED)
    as_of = max(
        [at, *(table["recorded_at"].max() for table in rows.values())]
    )  # two clocks may differ a little
    grade = supposed_grade(state.supposing(rows), key, SUPPOSED, as_of)
    if not grade.is_known:
        raise InvalidInput(
            zh="该项目的所属区县或监督机构不在此密钥的范围内，或未填写。",
            en="The project's district and agency are beyond the scope of this key, or not given.",
            field=f"{PROJECTS}[0].region_code",
        )
    grade.result["project_id"] = project.project_id
    return project, grade


def _may_be_named(city: CityFacts, enterprise_id: str) -> bool:
    """Whether a row may name the enterprise: one on record, or any where no enterprise is."""
    return city.is_named_in("enterprises", enterprise_id) or not city.all_keepers("enterprises")


def answer_and_entry(
    state: LiveState, key: AccessKey, asked: AssessRequest
) -> tuple[dict[str, Any], CallEntry]:
    """The content of the answer to a key, and what the ledger keeps of it."""
    at = state.present(now())
    project, grade = assessed(state, key, asked, at)
    call = {"kind": KIND, "asked": asked.model_dump_json(), "asked_at": at.to_pydatetime()}
    entry = entry_of(state, key, call, [grade])
    told = {"rows": project.told, "unknown_columns": project.unknown_columns}
    return grade.content | {"result": grade.result, "inherent_grade": grade.inherent_grade} | told, entry


def again(
    state: LiveState, key: AccessKey, held: Decision
) -> tuple[dict[str, Any], dict[str, float | None] | None]:
    """The result and the features of a decision, computed again from a state that is as it was then."""
    asked = AssessRequest(**json.loads(held.call["asked"]))
    _, grade = assessed(state, key, asked, pd.Timestamp(held.call["asked_at"]))
    return grade.result, grade.values


async def _post_assess(request: Request) -> Response:
    asked = message_in(await request.body(), AssessRequest)
    key, parts = key_asking(), parts_of(request.app)
    work = functools.partial(answer_and_entry, key=key, asked=asked)
    content = await parts.answered(work, parts.live.present())
    request.scope.setdefault("siterisk.counts", {}).update(
        projects=1, decisions=1, decision_id=content["result"]["decision_id"]
    )
    return JSONResponse(content)


CALLS = (
    Call(
        method="POST",
        path="/assess",
        name="assess",
        summary="未入库项目的风险 / a project not on record",
        description="按请求中的数据行评估尚未入库的项目（如申请施工许可的项目）的当前风险；数据行按入库规则校验，企业须在案；不存入记录。 "
        "The risk, as of now, of a project that is not on record, such as one that applies for a permit: its rows are "
        "checked as those that are posted, enterprises bring their record. Nothing is recorded.",
        handler=_post_assess,
        takes=AssessRequest,
        answer=AssessAnswer,
        roles=MAY_SCORE,
        refusals=("409",),
    ),
)
