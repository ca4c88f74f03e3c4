"""`siterisk demo`: the whole way on a synthetic city, in a home of its own."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from data_contracts.errors import NotFound, StoreUnavailable
from serving.access.keys import WHOLE_CITY
from serving.command_line.demo_steps import City, prepare
from serving.command_line.key_commands import CALLS_PER_SECOND
from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, post_json, running_service
from serving.command_line.terminal import command_path, result, result_json, say, shown_progress
from serving.settings import Settings, load_settings

SITES_ASKED = 2000
PAIRS_WRITTEN = 20
KEY_GOOD_FOR_DAYS = 30
KEY_KNOWN_AFTER_S = 1.0  # how old the keys of a worker may be: `serving.access.key_ring`


def demo(
    *,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop the service after one answer.")] = False,
    projects: Annotated[int, typer.Option(help="Sites active at any time.", min=20, max=200_000)] = 1200,
    years: Annotated[int, typer.Option(help="Years of records.", min=1, max=20)] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic city.")] = 1,
    port: Annotated[
        int | None, typer.Option(help="Port of the service, or the next free one.", min=1, max=65535)
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh/--keep", help="Do every step again, or keep what an earlier demo finished."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """从头到尾演示。 The whole way on a synthetic city.

    Records, training, promotion, next week's plan and a service that answers. Everything is kept in a folder of its own
    (var/demo), apart from real records. All results are simulated. Ctrl-C ends the service; running it
    again takes up what is finished.

    \b
    Examples:
      siterisk demo
      siterisk demo --no-serve --projects 400 --years 3
      siterisk demo --projects 4600 --years 6
    """
    installation = load_settings(os.environ, Path.cwd())
    wanted = port or installation.port
    settings = demo_settings(installation, free_port(installation.host, wanted))
    if settings.port != wanted:
        say(f"端口 {wanted} 已被占用，改用 {settings.port}。 Port {wanted} is taken; using {settings.port}.")
    city = City(projects, years, seed, last_day_of_previous_month(dt.date.today()).isoformat())
    with shown_progress() as progress:
        prepare(settings, city, fresh, progress)
    try:
        _serve_and_answer(settings, no_serve, as_json)
    except KeyboardInterrupt:
        say("\n已停止。 Stopped.")


def demo_settings(installation: Settings, port: int) -> Settings:
    """The demo's own home, store and MLflow inside the installation's home."""
    home = installation.home / "demo"
    own = {"home": home, "database_url": None, "mlruns": home / "mlruns", "port": port, "workers": 1}
    return installation.model_copy(update=own)


def last_day_of_previous_month(today: dt.date) -> dt.date:
    """The city's last day, so that its records end about where the present begins.

    >>> last_day_of_previous_month(dt.date(2026, 3, 15))
    datetime.date(2026, 2, 28)
    """
    return today.replace(day=1) - dt.timedelta(days=1)


def _serve_and_answer(settings: Settings, no_serve: bool, as_json: bool) -> None:
    with contextlib.ExitStack() as stack:
        with shown_progress() as progress:
            process = stack.enter_context(running_service(settings, settings.home / "service.log", progress))
        key = _new_key(settings)
        answer = _answer_for_riskiest_site(settings, key)
        commands = _next_commands(settings, answer["results"][0]["project_id"], key)
        if no_serve:
            home, siterisk = shlex.quote(str(settings.home)), shlex.quote(command_path())
            commands[0] = f"SITERISK_HOME={home} {siterisk} serve --port {settings.port}"
        _tell(settings, answer, (key, commands), no_serve, as_json)
        if no_serve:
            return
        process.wait()
        raise StoreUnavailable(
            zh=f"服务意外停止，日志在 {settings.home / 'service.log'}。",
            en=f"The service has stopped by itself; its log is {settings.home / 'service.log'}.",
        )


def _new_key(settings: Settings) -> str:
    """A key of the whole city; the service knows it within a second."""
    from data_contracts.moments import now
    from data_contracts.record_store import RecordStore
    from serving.access.key_store import add_key

    at = now().to_pydatetime()
    with RecordStore.open(settings.store_url) as store:
        _, token = add_key(
            store,
            name="demo",
            role="manage",
            districts=[WHOLE_CITY],
            agencies=[],
            calls_per_second=CALLS_PER_SECOND,
            at=at,
            expires_at=at + dt.timedelta(days=KEY_GOOD_FOR_DAYS),
        )
    time.sleep(KEY_KNOWN_AFTER_S)
    return token


def _answer_for_riskiest_site(settings: Settings, key: str) -> dict[str, Any]:
    """Ask about many sites, write pairs of the riskiest for `siterisk score`, and ask about the first alone."""
    url = f"{address(settings)}/v1/grades"
    ids = _newest_projects(settings)
    results = post_json(url, {"project_ids": ids, "as_of": None}, key=key)["results"]
    active = [site for site in results if site["status"] == "ACTIVE"]
    if not active:
        raise NotFound(
            zh="城市中没有在建项目，请增大 --projects。",
            en="The city has no active site; ask for more --projects.",
            field="projects",
        )
    head = next(iter(active[0]["risks"]))
    active.sort(key=lambda site: site["risks"][head], reverse=True)
    rows = [f"{site['project_id']},{dt.date.today().isoformat()}" for site in active[:PAIRS_WRITTEN]]
    pairs = settings.home / "pairs.csv"
    pairs.write_text("\n".join(["project_id,as_of", *rows, ""]), encoding="utf-8")
    return post_json(url, {"project_ids": [active[0]["project_id"]], "as_of": None}, key=key)


def _newest_projects(settings: Settings) -> list[str]:
    from data_contracts.records import open_records

    projects = open_records(settings.store_url).table("projects").sort_values("start_date", ascending=False)
    return projects["project_id"].drop_duplicates().head(SITES_ASKED).tolist()


def _next_commands(settings: Settings, project_id: str, key: str) -> list[str]:
    home = shlex.quote(str(settings.home))
    siterisk = shlex.quote(command_path())
    mlflow = shlex.quote(str(Path(command_path()).with_name("mlflow")))
    ask = json.dumps({"project_ids": [project_id], "as_of": None})
    return [
        f"curl -s {address(settings)}/v1/grades -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{ask}'",
        f"SITERISK_HOME={home} {siterisk} grade --out {home}/grades.csv",
        f"SITERISK_HOME={home} {siterisk} score --reasons --at {home}/pairs.csv --out {home}/risks.csv",
        f"{mlflow} ui --backend-store-uri sqlite:///{home}/mlruns/mlflow.db --port 5000",
    ]


def _tell(
    settings: Settings, answer: dict[str, Any], ways: tuple[str, list[str]], no_serve: bool, as_json: bool
) -> None:
    """Show the answer; `ways` are the key and the commands to go on with."""
    key, commands = ways
    if as_json:
        result_json(
            {"address": address(settings), "key": key, "answer": answer, "next": commands, "simulated": True}
        )
    else:
        result("风险最高的在建项目（模拟数据） / the riskiest active site (simulated):")
        result(json.dumps(answer, ensure_ascii=False, indent=2))
        result(
            f"\n页面（用密钥登录） / pages (sign in with the key): {address(settings)}/ui/"
            f"\n接口文档 / the API's guide: {address(settings)}/v1/docs"
        )
        result(f"密钥 / key ({KEY_GOOD_FOR_DAYS} 天 days): {key}")
        result("接下来可以试试 / next, try:")
        for command in commands:
            result(f"  {command}")
    sys.stdout.flush()
    if not no_serve:
        say("\n服务运行中，Ctrl-C 停止。 The service is running; Ctrl-C stops it.")
