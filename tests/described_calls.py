"""Asks a running service what its OpenAPI description allows and what it does not, by schemathesis with all its checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection

CONFIG: dict[str, Any] = {
    # What a schema cannot say (a day that is not, a project beyond the scope) is refused with 404, 409 or 422; 304 is as good.
    "checks": {"positive_data_acceptance": {"expected-statuses": [200, 304, 404, 409, 422]}}
}


def ask_as_described(url: str, token: str, known: Mapping[str, Sequence[Any]], cases: int) -> int:
    """Ask every call so many times, half of them with what is not allowed; how many requests that were.

    `known` has values of path parameters and fields that exist; every other request takes one of them. Raises what the first answer
    that was not as described failed in: a 5xx, a status, type or body that is not in the description, a wrong request
    that was taken, a right one that was refused, a call without key that was answered.
    """
    load_all_checks()
    headers = {"Authorization": f"Bearer {token}"}
    described = requests.get(f"{url}/v1/openapi.json", headers=headers, timeout=30).json()
    schema = schemathesis.openapi.from_dict(described, config=SchemathesisConfig.from_dict(CONFIG))
    asked = 0

    def ask(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        body = case.meta and case.meta.components.get(ParameterLocation.BODY)
        is_wrong = body is not None and body.mode.is_negative
        case.call_and_validate(
            base_url=f"{url}/v1",
            headers=headers,
            checks=list(CHECKS.get_all()),
            # Without a wrong body nothing need be wrong: path and key may have been replaced by right ones.
            excluded_checks=[] if is_wrong else [negative_data_rejection],
            timeout=40,
        )

    for operation in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _each(operation.ok().as_strategy(generation_mode=mode), known, ask, cases // 2)
    return asked


def _each(
    wanted: st.SearchStrategy[schemathesis.Case],
    known: Mapping[str, Sequence[Any]],
    ask: Callable[[schemathesis.Case], None],
    cases: int,
) -> None:
    """Ask so many cases, some of their values replaced by known ones; those of a body only if it was right."""

    @settings(
        max_examples=cases,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=wanted, data=st.data())
    def each(case: schemathesis.Case, data: st.DataObject) -> None:
        assert case.meta is not None
        right = case.meta.generation.mode.is_positive
        for values in (case.path_parameters, case.body if right else None):
            if isinstance(values, dict):
                for name in sorted(values.keys() & known.keys()):
                    if data.draw(st.booleans()):
                        values[name] = data.draw(st.sampled_from(known[name]))
        ask(case)

    each()
