"""The tables of the record store that the service keeps for itself: keys and the ledger. Rows are only ever added."""

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


def ledger_tables(metadata: sa.MetaData) -> None:
    """What was answered: a row a call and a row a project, and the names of the features that are kept as numbers.

    `answer` is the project's result as it was given, as JSON. `features` are float64 in the order of the
    catalogue's names, little-endian and compressed by zlib; missing for a project that was not on file. Times
    are Shanghai wall time.
    """
    sa.Table(
        "ledger_catalogues",
        metadata,
        sa.Column("catalogue_hash", sa.Text, primary_key=True),
        sa.Column("feature_names", sa.Text, nullable=False),
    )
    sa.Table(
        "ledger_calls",
        metadata,
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("asked_at", sa.DateTime, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("model_sha256", sa.Text, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("catalogue_hash", sa.Text, nullable=False),
        sa.Column("store_version", sa.BigInteger, nullable=False),
    )
    sa.Table(
        "decisions",
        metadata,
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("features", sa.LargeBinary),
        sa.Index("decisions_by_project", "project_id"),
    )
