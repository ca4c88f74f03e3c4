"""What an answer rests on beside the question: the versions that the ledger notes and a replay goes back to."""

from __future__ import annotations

import functools
from importlib.metadata import version
from typing import Any

import pandas as pd

from serving.ledger.entries import policies_on
from serving.live_state import LiveState


def basis_of(state: LiveState, as_of: pd.Timestamp) -> dict[str, Any]:
    """The model, policies, catalogue, records and program of an answer from `state`, as columns of the call's row."""
    return {
        "model_sha256": state.scorer.model.sha256,
        "policies": policies_on(as_of.date()),
        "catalogue_hash": state.scorer.index.catalogue.hash,
        "store_version": state.store_version,
        "store_loaded_at": state.mark.loaded_at,
        "grading_run": state.runs.mark.run_id,
        "grade_decision": state.runs.mark.entry_id,
        "siterisk_version": _program(),
    }


@functools.cache
def _program() -> str:
    return version("siterisk")
