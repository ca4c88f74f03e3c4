"""The command line: what it says, what it refuses, and what its exit codes mean."""

import io
import json
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from data_contracts import errors
from data_contracts.errors import SiteriskError
from serving.command_line.application import application, run
from serving.command_line.exit_codes import EXIT_CODES, exit_code
from serving.command_line.terminal import command_path, shown_progress
from serving.http_errors import STATUS, status_of
from tests.small_city import SmallCity, small_city

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = [
    "demo",
    "synth",
    "check",
    "load",
    "snapshot",
    "features",
    "train",
    "promote",
    "rollback",
    "score",
    "grade",
    "plan",
    "backtest",
    "replay",
    "report",
    "serve",
    "backup",
    "restore",
    "policy",
    "key",
    "ledger",
]


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    return small_city(tmp_path_factory)


@pytest.fixture
def installed(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> SmallCity:
    """This process, set up as an installation with the small city."""
    for name, value in city.environment.items():
        monkeypatch.setenv(name, value)
    return city


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without any installation."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def every_error() -> list[type[SiteriskError]]:
    found = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SiteriskError)
    ]
    return [kind for kind in found if kind is not SiteriskError]


@pytest.mark.parametrize("kind", every_error())
def test_every_class_of_error_has_an_exit_code_and_an_http_status(kind: type[SiteriskError]) -> None:
    error = kind(zh="错", en="wrong")
    assert exit_code(error) not in (0, 1, 130)
    assert 400 <= status_of(error) <= 503
    assert kind in EXIT_CODES
    assert any(parent in STATUS for parent in kind.__mro__)


def test_no_two_classes_share_an_exit_code() -> None:
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_the_help_lists_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"^  (\w+)  +\S", said.split("Commands:")[1], re.MULTILINE) == COMMANDS
    assert all(f"{code} {kind.code}" in " ".join(said.split()) for kind, code in EXIT_CODES.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_in_both_languages_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"[\u4e00-\u9fff]{3}", said)
    assert f"siterisk {command}" in said.split("Example")[1]
    assert said.count("[required]") <= 2


def test_the_page_of_the_command_line_names_every_command_option_and_code() -> None:
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    for command in application().registered_commands:
        assert command.callback is not None
        assert f"`siterisk {command.callback.__name__}" in page
    options = subprocess.run(
        [sys.executable, "-c", "from serving.command_line.application import run\n"
         + "\n".join(f"run(['{name}', '--help'])" for name in COMMANDS)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip
    for option in set(re.findall(r"--[a-z][a-z-]+", options)) - {"--help"}:
        assert option in page, option
    for kind, code in EXIT_CODES.items():
        assert f"| {code} | `{kind.code}` |" in page


def test_the_help_comes_within_a_second_or_so() -> None:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "serving.command_line", "--help"], check=True, cwd=ROOT, capture_output=True
    )
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "serving.command_line", "--help"],
        check=True, cwd=ROOT, capture_output=True, text=True,
    ).stderr  # fmt: skip
    assert time.monotonic() - started < 8  # two starts, on a busy machine
    for heavy in ("pandas", "mlflow", "bentoml", "lightgbm", "shap", "sqlalchemy"):
        assert f" {heavy}\n" not in imported


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing"], 2, "No such command"),
        (["score"], 2, "--at"),
        (["score", "--at", "absent.csv"], 3, "找不到文件"),
        (["check", "absent_folder"], 3, "absent_folder"),
        (["train", "--search", "0"], 2, "--search"),
        (["train", "--search", "many"], 2, "--search"),
        (["promote"], 11, "siterisk train"),
        (["serve", "--host", "localhost"], 2, "IP"),
        (["serve", "--port", "70000"], 2, "--port"),
        (["synth", "--out", "x", "--projects", "0"], 2, "--projects"),
        (["synth", "--out", "x", "--last-day", "someday"], 2, "someday"),
    ],
)
def test_what_is_wrong_is_said_without_traceback_and_with_its_code(
    arguments: list[str], code: int, words: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SITERISK_PORT", "many")
    assert run(["serve"]) == 2
    assert "SITERISK_PORT" in capsys.readouterr().err


def test_a_fault_of_ours_is_said_in_one_line_with_the_details_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], installed: SmallCity, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("serving.pairs.read_pairs", broken)
    assert run(["score", "--at", "pairs.csv"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "ZeroDivisionError" in said
    details = Path(re.search(r"\S+siterisk-fault-\S+\.txt", said)[0])  # type: ignore[index]
    assert "a fault of ours" in details.read_text(encoding="utf-8")
    details.unlink()


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("serving.pairs.read_pairs", interrupted)
    assert run(["score", "--at", "pairs.csv"]) == 130


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_scores_go_to_the_file_or_to_standard_output(
    installed: SmallCity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = installed.project_ids()[:3]
    pairs = write(tmp_path / "p.csv", "\n".join(["project_id,as_of", *(f"{i},2026-03-01" for i in ids), ""]))
    assert run(["score", "--at", str(pairs)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].startswith("project_id,as_of,status,risk_accident")
    assert len(printed.splitlines()) == 4
    assert run(["score", "--at", str(pairs), "--out", str(tmp_path / "r.csv")]) == 0
    assert (tmp_path / "r.csv").read_text(encoding="utf-8") == printed
    assert run(["score", "--at", str(pairs), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["project_id"] for row in rows] == ids


def test_reasons_are_told_by_head_where_they_are_asked_for(
    installed: SmallCity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, when = installed.project_ids()[0], "2026-03-01"
    pairs = write(tmp_path / "p.csv", f"project_id,as_of\nNOBODY,{when}\n{known},{when}\n")
    rows = {}
    for reasons in ([], ["--reasons"]):
        assert run(["score", "--at", str(pairs), "--json", *reasons]) == 0
        rows[bool(reasons)] = json.loads(capsys.readouterr().out)
    assert [row["reasons_zh"] for row in rows[False]] == [None, None]
    nobody, site = rows[True]
    assert nobody["reasons_zh"] is None
    assert site["reasons_en"].startswith(("accident: ", "defect: ", "hazard: "))
    assert site["risk_accident"] == rows[False][1]["risk_accident"]


def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(elsewhere / "p.csv", "project_id,as_of\nP1,2026-03-01\n")
    for out, words in (("r.txt", "must end in .csv or .parquet"), ("absent/r.csv", "does not exist")):
        assert run(["score", "--at", "p.csv", "--out", out]) == 2
        assert words in capsys.readouterr().err


def test_a_full_disk_is_no_fault_of_ours(tmp_path: Path) -> None:
    """Said with the way out, and without a traceback; a process that may write no more stands for a full disk."""

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    command = [sys.executable, "-m", "serving.command_line", "synth", "--out", str(tmp_path / "city")]
    command += ["--projects", "20", "--years", "1"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=no_room, check=False)
    assert ended.returncode == 6, ended.stderr
    assert "请检查权限与磁盘空间" in ended.stderr and "File too large" in ended.stderr


def test_features_are_the_matrix_beside_its_pairs(installed: SmallCity, tmp_path: Path) -> None:
    from features.catalogue import load_catalogue

    pairs = write(
        tmp_path / "p.csv", f"project_id,as_of\n{installed.project_ids()[0]},2026-03-01\nnobody,2026-03-01\n"
    )
    assert run(["features", "--at", str(pairs), "--out", str(tmp_path / "m.parquet")]) == 0
    matrix = pd.read_parquet(tmp_path / "m.parquet")
    assert matrix.columns.tolist() == ["project_id", "as_of", *load_catalogue().names]
    assert matrix.iloc[1, 2:].isna().all()


def test_a_step_over_a_second_is_told_in_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown_progress() as progress:
        progress("quick", 1, 1)
        progress("reading", 0, 2)
        time.sleep(1.3)
        progress("reading", 2, 2)
        progress("quick again", 1, None)
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["reading …", "reading"]


def test_a_step_that_is_done_is_not_told_the_time_of_what_comes_after(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown_progress() as progress:
        progress("reading", 0, 2)
        progress("reading", 2, 2)
        time.sleep(1.2)
        progress("quick", 0, 1)
    assert capsys.readouterr().err == ""


def test_a_step_over_a_second_keeps_its_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = io.StringIO()
    drawn.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", drawn)
    with shown_progress() as progress:
        progress("reading", 0, 2)
        time.sleep(1.1)
        progress("reading", 2, 2)
        progress("quick", 1, 1)
    last = drawn.getvalue().split("reading")[-1]
    assert "2/2" in last
    assert "quick" not in last


def test_steps_of_several_threads_are_told_as_steps_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as progress:

        def task(step: str) -> None:
            for done in range(14):
                progress(step, done, 13)
                time.sleep(0.1)

        threads = [threading.Thread(target=task, args=[step]) for step in ("one", "other")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    said = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert sorted(said) == ["one", "one …", "other", "other …"]


def test_suggested_commands_name_this_installation() -> None:
    assert command_path().endswith("siterisk")
