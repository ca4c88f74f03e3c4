"""The commands of `siterisk` in the order a person needs them, and what their errors turn into."""

from __future__ import annotations

import typer

from data_contracts.errors import SiteriskError
from serving.command_line.backtest_command import backtest
from serving.command_line.backup_commands import backup, restore
from serving.command_line.demo import demo
from serving.command_line.exit_codes import UNEXPECTED, exit_code, exit_codes_in_words
from serving.command_line.feature_commands import features
from serving.command_line.grade_command import grade
from serving.command_line.key_commands import key_group
from serving.command_line.ledger_commands import ledger_group
from serving.command_line.model_commands import promote, rollback, score, train
from serving.command_line.plan_command import plan
from serving.command_line.policy_commands import policy_application
from serving.command_line.record_commands import check, load, snapshot, synth
from serving.command_line.replay_command import replay
from serving.command_line.report_command import report
from serving.command_line.service_commands import serve
from serving.command_line.terminal import refused_by_the_disk, tell_error, tell_unexpected

ABOUT = """建设工程质量安全风险评估与差别化监管。 Risks of construction sites, for the inspection plan.

SOURCE is a folder of CSV, Excel or Parquet files named after the tables, a snapshot folder, or the
address of a database. PAIRS is a CSV or Parquet file with the columns project_id and as_of.

Settings come from SITERISK_HOME (var/), SITERISK_DATABASE_URL (a SQLite file in the home),
SITERISK_MLRUNS (mlruns/), SITERISK_HOST, SITERISK_PORT, SITERISK_WORKERS, or siterisk.toml.
"""


def application() -> typer.Typer:
    """The typer application with every command."""
    siterisk = typer.Typer(
        name="siterisk",
        help=ABOUT,
        epilog=f"Exit codes: {exit_codes_in_words()}.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in (
        demo,
        synth,
        check,
        load,
        snapshot,
        features,
        train,
        promote,
        rollback,
        score,
        grade,
        plan,
        backtest,
        replay,
        report,
        serve,
        backup,
        restore,
    ):
        siterisk.command()(command)
    siterisk.add_typer(policy_application(), name="policy")
    siterisk.add_typer(key_group())
    siterisk.add_typer(ledger_group())
    return siterisk


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; nothing but the code leaves here."""
    try:
        application()(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else UNEXPECTED
    except SiteriskError as error:
        tell_error(error)
        return exit_code(error)
    except Exception as error:
        if isinstance(error, OSError) and (refused := refused_by_the_disk(error)):
            tell_error(refused)
            return exit_code(refused)
        tell_unexpected(error)
        return UNEXPECTED
    return 0
