"""The tables of the record store that the service keeps for itself: keys. Rows are only ever added."""

from __future__ import annotations

import sqlalchemy as sa


def access_tables(metadata: sa.MetaData) -> None:
    """Keys as they were given out, and revocations; a key is never changed, only revoked.

    Of a key's secret only `token_sha256` is kept. `districts` and `agencies` are JSON lists of codes,
    `calls_per_second` is a worker's limit, times are Shanghai wall time; `expires_at` missing is never.
    """
    sa.Table(
        "access_keys",
        metadata,
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_sha256", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("districts", sa.Text, nullable=False),
        sa.Column("agencies", sa.Text, nullable=False),
        sa.Column("calls_per_second", sa.Double, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime),
    )
    sa.Table(
        "access_revocations",
        metadata,
        sa.Column("key_id", sa.Text, sa.ForeignKey("access_keys.key_id"), primary_key=True),
        sa.Column("revoked_at", sa.DateTime, nullable=False),
    )
