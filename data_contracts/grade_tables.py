"""The SQL tables of grading runs, beside the records in the same database; rows are added and never changed."""

from __future__ import annotations

import sqlalchemy as sa

GRADING_RUNS, SITE_GRADES, GRADE_CONFIRMATIONS = "grading_runs", "site_grades", "grade_confirmations"
GRADE_TABLES = (GRADING_RUNS, SITE_GRADES, GRADE_CONFIRMATIONS)

TEXTS = (
    "status", "inherent_rule", "inherent_zh", "inherent_en", "colour", "indicated_colour", "rule", "rule_zh", "rule_en",
    "fact", "reference", "confirmation", "proposed_colour", "override_colour", "colour_confirmation", "decided_by",
    "refused_colour", "back_to_colour", "overrides_last_seen", "due_rule", "due_zh", "due_en",
)  # fmt: skip
DAYS = (
    "colour_since", "decided_on", "refused_on", "red_since", "orange_since", "yellow_since", "due_on", "last_visit_on",
    "started_on", "stage_entered_on",
)  # fmt: skip
NUMBERS = (
    "inherent_grade", "value", "threshold", "visits_per_year", "base_visits_per_year", "expected_days", "stage_order"
)  # fmt: skip


def grade_tables(metadata: sa.MetaData) -> None:
    """Runs, their sites, and what persons decided about them.

    Of two runs for a day the one with the higher `run_id` counts. `passport` is JSON; so are `risks`: for each
    head its risk and percentile, whatever heads the model had. A decision names what the person saw (`colour`,
    `proposed_colour`) and, where an inspector set a colour, `to_colour`.
    """
    sa.Table(
        GRADING_RUNS,
        metadata,
        sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("passport", sa.Text, nullable=False),
        sa.Index("grading_runs_by_day", "day"),
    )
    sa.Table(
        SITE_GRADES,
        metadata,
        sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text) for name in TEXTS),
        *(sa.Column(name, sa.Date) for name in DAYS),
        *(sa.Column(name, sa.Double) for name in NUMBERS),
        sa.Column("risks", sa.Text, nullable=False),
    )
    sa.Table(
        GRADE_CONFIRMATIONS,
        metadata,
        sa.Column("entry_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("colour", sa.Text, nullable=False),
        sa.Column("proposed_colour", sa.Text),
        sa.Column("to_colour", sa.Text),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_on", sa.Date, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
        sa.Index("grade_confirmations_by_run", "run_id"),
    )
