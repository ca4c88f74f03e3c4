"""What a record store says of itself: by this a restored one is compared with the one that was saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from data_contracts.store_tables import META_TABLE, store_metadata, store_table


@dataclass(frozen=True)
class Readings:
    """The kind of database, its layout, its newest batch with the time it was stored (missing: empty), rows by table."""

    kind: str
    layout: int
    version: int
    loaded_at: str | None
    rows: dict[str, int]

    @classmethod
    def of(cls, connection: sa.Connection) -> Readings:
        """Of the store that `connection` sees; all zero for a database without one."""
        present = set(sa.inspect(connection).get_table_names())
        rows = {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in store_metadata().tables.items()
            if name in present
        }
        kind = connection.dialect.name
        if META_TABLE not in rows or "store_versions" not in rows:
            return cls(kind, 0, 0, None, rows)
        meta, versions = store_table(META_TABLE), store_table("store_versions")
        layout = connection.scalar(sa.select(meta.c.value).where(meta.c.name == "layout"))
        batches = sa.select(versions.c.store_version, versions.c.loaded_at)
        newest = connection.execute(batches.order_by(versions.c.store_version.desc()).limit(1)).first()
        version, loaded_at = newest or (0, None)
        return cls(kind, int(layout or 0), version, loaded_at and loaded_at.isoformat(), rows)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that could be lost."""
        return not any(count for name, count in self.rows.items() if name != META_TABLE)

    def as_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)
