"""Pictures of every page in both languages, and how three sites are read, from the pages as they run: `make screenshots`.

    python -m tests.screenshots HOME

HOME is that of an installation with a grading run and a plan, such as the demo's (var/demo). Pictures go to docs/screenshots;
`docs/reading-a-grade.md` gets the five answers of three sites word for word.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from data_contracts.moments import now
from data_contracts.record_store import RecordStore
from serving.access.key_store import add_key
from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, running_service
from serving.settings import Settings, load_settings
from tests.reading_a_grade import LANGUAGES, Reading, chosen_sites, page_of

DOCS = Path(__file__).resolve().parent.parent / "docs"
PICTURES = DOCS / "screenshots"
PAGES = {
    "overview": "/ui/", "sites": "/ui/sites", "confirmations": "/ui/confirmations", "enterprises": "/ui/enterprises",
    "plan": "/ui/plan", "model": "/ui/model", "data": "/ui/data",
}  # fmt: skip
WIDTH, HEIGHT = 1280, 1000


def main() -> None:
    """Serve the home, take the pictures, write the page."""
    home = Path(sys.argv[1]).resolve()
    given = {"SITERISK_HOME": str(home), "SITERISK_MLRUNS": str(home / "mlruns")}
    settings = load_settings({**given, "SITERISK_PORT": str(free_port("127.0.0.1", 3510))}, home)
    token = _key(settings)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_service(settings, home / "screenshots.log"), sync_playwright() as started:
        base = address(settings)
        chromium = (
            shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        )
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = _signed_in(browser, base, token)
        sites = chosen_sites(base, token)
        readings = [_pictured(page, base, language, sites) for language in LANGUAGES]
        browser.close()
    (DOCS / "reading-a-grade.md").write_text(page_of(sites, readings), encoding="utf-8")


def _key(settings: Settings) -> str:
    with RecordStore.open(settings.store_url) as store:
        _, token = add_key(
            store, name="screenshots", role="manage", districts=["310000"], agencies=[], calls_per_second=1000.0,
            at=now().to_pydatetime(), expires_at=now().to_pydatetime() + dt.timedelta(hours=1),
        )  # fmt: skip
    return token


def _signed_in(browser: Browser, base: str, token: str) -> Page:
    page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
    page.goto(f"{base}/ui/")
    page.screenshot(path=PICTURES / "sign-in-zh.png")
    page.fill("#key", token)
    page.press("#key", "Enter")
    page.wait_for_url(f"{base}/ui/")
    return page


def _pictured(
    page: Page, base: str, language: str, sites: Mapping[str, Mapping[str, Any]]
) -> dict[str, Reading]:
    """Every page in one language, and the five answers of each site with a picture of its first screen."""
    page.goto(f"{base}/ui/language/{language}")
    whole = f"/ui/sites/{next(iter(sites.values()))['project_id']}"
    for name, path in (PAGES | {"site": whole, "sheet": f"{whole}/sheet"}).items():
        page.goto(base + path, wait_until="networkidle")
        page.screenshot(path=PICTURES / f"{name}-{language}.png", full_page=name in ("site", "sheet"))
    found = {}
    for name, site in sites.items():
        page.goto(f"{base}/ui/sites/{site['project_id']}", wait_until="networkidle")
        page.screenshot(path=PICTURES / f"reading-{name}-{language}.png")
        answers = page.locator("dl.answers > div")
        found[name] = [
            (one.locator("dt").inner_text(), one.locator("dd").inner_text()) for one in answers.all()
        ]
    return found


if __name__ == "__main__":
    main()
