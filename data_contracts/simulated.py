"""How records that were made up are known as such: projects and firms of a synthetic city name it as their source."""

from __future__ import annotations

from data_contracts.records import Records

SIMULATED = "SIMULATED"
MARKED_TABLES = ("projects", "enterprises")


def is_simulated(records: Records) -> bool:
    """Whether any project comes from a synthetic city; whatever is shown of such records is called simulated."""
    return bool((records.table("projects")["source_system"] == SIMULATED).any())
