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


def archive_tables(metadata: sa.MetaData) -> None:
    """Calls that were moved to a file (ARCHIVED) or taken back from one (IMPORTED).

    With the file's name and sha256, how many they and their decisions were, when the first and the last was asked, and the
    policy's keep_years. Times are Shanghai wall time.
    """
    sa.Table(
        "ledger_moves",
        metadata,
        sa.Column("move_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("decisions", sa.BigInteger, nullable=False),
        sa.Column("first_asked_at", sa.DateTime, nullable=False),
        sa.Column("last_asked_at", sa.DateTime, nullable=False),
        sa.Column("keep_years", sa.BigInteger, nullable=False),
        sa.Column("moved_at", sa.DateTime, nullable=False),
    )


def ledger_tables(metadata: sa.MetaData) -> None:
    """What was answered: a row a call, its projects in blocks, and the names of the features kept as numbers.

    `kind` is the call's name and `asked` its request, as JSON, without projects and `as_of`; `store_loaded_at`
    is when the newest of the records that it saw was stored, missing for an empty store. `grading_run` and
    `grade_decision` are the numbers of the newest run and person's decision that it saw, 0 for none, missing in calls of
    before they were told. Times are Shanghai wall time.

    A block holds the call's projects from place `first` on, counted from 0. A row a project with an index by
    project would be written all over that index: ten thousand pages for a call of ten thousand. `project_ids` is
    a JSON list that SQL can search, and has an index where it names one project. `answers` are the results as they
    were given, a JSON list; `features` are float64, little-endian, feature by feature in the order of the catalogue's
    names, NaN throughout for a project that was not on file, missing if none was. Both are compressed by Zstandard.

    A response is what a person or a firm said of a decision: CONFIRM, REFUSE, OVERRIDE or OBJECTION; `entry_id` is the
    number of the person's decision about the grade that it made, missing for an objection.
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
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("asked_at", sa.DateTime, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("model_sha256", sa.Text, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("catalogue_hash", sa.Text, nullable=False),
        sa.Column("store_version", sa.BigInteger, nullable=False),
        sa.Column("store_loaded_at", sa.DateTime),
        sa.Column("grading_run", sa.BigInteger),
        sa.Column("grade_decision", sa.BigInteger),
        sa.Column("siterisk_version", sa.Text, nullable=False),
    )
    sa.Table(
        "decision_responses",
        metadata,
        sa.Column("response_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("enterprise_id", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("to_colour", sa.Text),
        sa.Column("entry_id", sa.BigInteger),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
        sa.Index("decision_responses_by_decision", "decision_id"),
    )
    projects, rows = (
        sa.Column("project_ids", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
    )
    sa.Table(
        "ledger_blocks",
        metadata,
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("first", sa.Integer, primary_key=True, autoincrement=False),
        rows,
        projects,
        sa.Column("answers", sa.LargeBinary, nullable=False),
        sa.Column("features", sa.LargeBinary),
        sa.Index("ledger_blocks_of_one", projects, sqlite_where=rows == 1, postgresql_where=rows == 1),
        sa.Index("ledger_blocks_of_more", "call_id", sqlite_where=rows > 1, postgresql_where=rows > 1),
    )
