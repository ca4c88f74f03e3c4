"""What a result file says of itself, so that a reader of the file alone knows what its numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Documentation:
    """Words about columns, by their names, and words about the file as a whole."""

    columns: Mapping[str, Mapping[str, str]]
    file: Mapping[str, str]

    def added_to(self, table: pa.Table) -> pa.Table:
        """The table with these words as Arrow metadata of its fields and schema, beside what is there."""
        fields = [_with_words(one, self.columns.get(one.name, {})) for one in table.schema]
        return table.cast(_with_words(pa.schema(fields, table.schema.metadata), self.file))


def _with_words(of: pa.Field | pa.Schema, words: Mapping[str, str]) -> pa.Field | pa.Schema:
    said = {key.encode(): word.encode() for key, word in words.items()}
    return of.with_metadata({**(of.metadata or {}), **said}) if said else of
