"""`siterisk report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from serving.command_line.key_commands import codes_in
from serving.command_line.terminal import say
from serving.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from data_contracts.record_store import RecordStore
    from serving.pages.city import City
    from training.risk_model import RiskModel


def report(
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.html", help="写到哪个文件。 Where to write it.")
    ],
    site: Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT",
            help="只写这个在建项目；省略为全市。 This active site alone; the city unless told.",
        ),
    ] = None,
    districts: Annotated[
        str,
        typer.Option(
            metavar="CODES", help="只写这些区，逗号分隔。 These districts alone, with a comma between."
        ),
    ] = "",
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DATE",
            help="按那一天零点所知；省略为现在。 As known at 00:00 of that day; now unless told.",
        ),
    ] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="报告的语言。 Its language.")] = "zh",
    db: Annotated[
        str | None,
        typer.Option("--db", metavar="URL", help="Record store; the installation's own unless told."),
    ] = None,
) -> None:
    """静态报告：全市或一个项目。 A static report of the city or of one site.

    One HTML file that opens without a network and prints on A4: styles and drawings are within it, it has no script and asks
    nobody for anything. It shows what the pages show, of the last grading run that was known: for the city the overview, every
    red and orange site with its reasons, the plan of the week, the model and the data; for a site both grades and why, its
    history, its records, and those behind its reasons. The file names sites and firms: keep it as the records are kept.

    \b
    Examples:
      siterisk report --out city.html
      siterisk report --districts 310115 --language en --out pudong.html
      siterisk report --site P0000017 --out P0000017.html
      siterisk report --on 2026-03-02 --out city-2026-03-02.html
    """
    from data_contracts.record_store import RecordStore
    from serving.access.key_store import districts_in_force
    from serving.asked_moments import moment_asked
    from serving.pages.rendering import Words
    from serving.pages.report import city_report, reader_of, site_report
    from serving.result_files import writable_result, written_whole

    path, moment = writable_result(out, (".html",)), moment_asked(on)
    words, codes = Words(language), codes_in(districts)
    settings = load_settings(os.environ, Path.cwd())
    with RecordStore.open(db or settings.store_url, create=False) as store:
        reader = reader_of(districts_in_force(store, codes))
        city = _city(store, settings.home, moment, of_then=on is not None)
        text = city_report(city, reader, words) if site is None else site_report(city, reader, site, words)
    with written_whole(path) as building:
        building.write_text(text, encoding="utf-8")
    say(f"→ {path}")


def _city(store: RecordStore, home: Path, moment: pd.Timestamp, *, of_then: bool) -> City:
    """The city of the store at a moment, with the champion in force now, or with that `of_then`."""
    from features.catalogue import load_catalogue
    from serving.live_state import built_state
    from serving.pages.city import City
    from serving.scorer import refuse_other_features
    from training.risk_model import load_champion

    catalogue = load_catalogue()
    model = _champion_then(home, moment) if of_then else load_champion(home)
    refuse_other_features(model, catalogue)
    say("读取记录并建立特征索引 / reading the records and building the index of features")
    state = built_state(store, store.mark(), catalogue, lambda: model)
    return City.of(lambda: state, lambda: store, home, clock=lambda: moment)


def _champion_then(home: Path, moment: pd.Timestamp) -> RiskModel:
    """The champion that was in force at a moment; before the first promotion that of now, which is said."""
    from data_contracts.errors import NotFound
    from training.champion_ledger import champion_on
    from training.risk_model import load_champion, load_former

    try:
        then = champion_on(home, moment)
    except NotFound:
        say(
            "当时还没有启用模型，依据用现行模型计算 / no model was in force then: reasons are those of today's"
        )
        return load_champion(home)
    return load_former(home, then["sha256"])
