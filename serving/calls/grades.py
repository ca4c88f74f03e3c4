"""`POST /v1/grades`: the risks of projects on record."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pandas as pd
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from data_contracts.api_messages import GradesAnswer, GradesRequest
from data_contracts.moments import now
from serving.access.doorkeeper import key_asking
from serving.access.keys import AccessKey
from serving.asked_moments import moment_asked
from serving.calls.call import MAY_SCORE, Call, json_answer, message_in
from serving.calls.parts import parts_of
from serving.calls.site_results import plain, results_of, stamped
from serving.grading.known_runs import RunGrades
from serving.ledger.basis import basis_of
from serving.ledger.decisions import Decision
from serving.ledger.entries import CallEntry, blocks_of, decision_ids, new_call_id, policies_on
from serving.live_state import LiveState
from serving.scorer import UNKNOWN, Scores

KIND = "grades"
FEW = 8
"""Up to so many projects are graded in some milliseconds."""


async def answer_grades(application: Starlette, asked: GradesRequest) -> dict[str, Any]:
    """The content of the answer to the key of this call, once the ledger holds it."""
    key, parts = key_asking(), parts_of(application)
    as_of = moment_asked(asked.as_of, parts.live.present())
    work = functools.partial(answer_and_entry, key=key, asked=asked, as_of=as_of)
    few = len(asked.project_ids) <= FEW
    return await parts.answered(work, as_of, with_reasons=asked.reasons, is_quick=few)


def graded(state: LiveState, project_ids: list[str], as_of: pd.Timestamp) -> dict[str, Any]:
    """One result for each id in the order given, as plain values, missing ones None."""
    return _content(state, as_of, results_of(state, project_ids, as_of)[0])


def answered_from(
    state: LiveState, key: AccessKey, asked: GradesRequest, as_of: pd.Timestamp
) -> tuple[dict[str, Any], Scores]:
    """The content for a key, from one state alone, and what it rests on: the same whenever it is computed.

    A project beyond the key's scope is UNKNOWN to it. Decisions have no number yet.
    """
    seen = state.jurisdictions.as_seen_by(key, asked.project_ids)
    results, scores = results_of(state, seen, as_of, with_reasons=asked.reasons)
    for result, project_id in zip(results, asked.project_ids, strict=True):
        result["project_id"] = project_id
    return _content(state, as_of, results), scores


def again(
    state: LiveState, key: AccessKey, held: Decision
) -> tuple[dict[str, Any], dict[str, float | None] | None]:
    """The result and the features of a decision, computed again from a state that is as it was then."""
    asked = GradesRequest(project_ids=[held.project_id], **json.loads(held.call["asked"]))
    content, scores = answered_from(state, key, asked, held.as_of)
    features = None if scores.features is None else scores.features.iloc[0]
    return content["results"][0], None if features is None else dict(
        zip(features.index, plain(features.to_numpy()), strict=True)
    )


def _content(state: LiveState, as_of: pd.Timestamp, results: list[dict[str, Any]]) -> dict[str, Any]:
    run, catalogue = state.runs.at(as_of), state.scorer.index.catalogue
    return {
        "as_of": stamped(as_of),
        "model_version": state.scorer.model.version,
        "catalogue_version": catalogue.version,
        "catalogue_hash": catalogue.hash,
        "policies": json.loads(policies_on(as_of.date())),
        "grading_run": run and _told_run(run.grades, state.scorer.model.version),
        "store_version": state.store_version,
        "results": results,
    }


def _told_run(run: RunGrades, model_version: str) -> dict[str, Any]:
    return {
        "run_id": run.note.run_id,
        "day": run.note.day.isoformat(),
        "made_at": stamped(pd.Timestamp(run.note.made_at)),
        "model_version": run.passport.get("model_version"),
        "percentiles_against_it": run.is_of_model(model_version),
    }


def answer_and_entry(
    state: LiveState, key: AccessKey, asked: GradesRequest, as_of: pd.Timestamp
) -> tuple[dict[str, Any], CallEntry]:
    """The content for a key with a number for each decision, and what the ledger keeps of it.

    Where no `as_of` was asked for, nothing that the state has on file lies after the one that is answered.
    """
    asked_at, call_id = now(), new_call_id()
    as_of = as_of if asked.as_of else state.present(as_of)
    content, scores = answered_from(state, key, asked, as_of)
    for result, decision_id in zip(
        content["results"], decision_ids(call_id, len(asked.project_ids)), strict=True
    ):
        result["decision_id"] = decision_id
    call = {
        "call_id": call_id,
        "kind": KIND,
        "asked": asked.model_dump_json(exclude={"project_ids", "as_of"}),
        "asked_at": asked_at.to_pydatetime(),
        "key_id": key.key_id,
        "as_of": as_of.to_pydatetime(),
    }
    known = np.array(scores.status) != UNKNOWN
    blocks = blocks_of(call_id, content["results"], known, scores.features)
    catalogue = state.scorer.index.catalogue
    return content, CallEntry(call | basis_of(state, as_of), blocks, catalogue.hash, catalogue.names)


async def _post_grades(request: Request) -> Response:
    asked = message_in(await request.body(), GradesRequest)
    request.scope.setdefault("siterisk.counts", {})["projects"] = len(asked.project_ids)
    content = await answer_grades(request.app, asked)
    request.scope["siterisk.counts"]["decisions"] = len(content["results"])
    request.scope["siterisk.counts"]["decision_id"] = content["results"][0]["decision_id"]
    return json_answer(content)


CALLS = (
    Call(
        method="POST",
        path="/grades",
        name="grades",
        summary="项目风险与等级 / risks and grades of projects",
        description="按给出的顺序为每个项目编号返回一条结果：风险、百分位、数据质量、固有与动态等级、检查频次，需要时附主要依据；"
        "未知项目也有一条，风险为空。 "
        "One result for each id in the order given: risks, percentiles, quality of data, inherent and dynamic grade, "
        "frequency, and the top reasons if asked for; an unknown project keeps its result, with null risks.",
        handler=_post_grades,
        takes=GradesRequest,
        answer=GradesAnswer,
        roles=MAY_SCORE,
    ),
)
