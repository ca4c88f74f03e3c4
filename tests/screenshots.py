"""Pictures of every page in both languages for docs/screenshots, from the pages as they run: `make screenshots`."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, running_service
from serving.settings import load_settings
from tests.running_city import GRADED_ON, city_of_its_own, grade, new_key

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
PAGES = {
    "overview": "/ui/", "sites": "/ui/sites", "confirmations": "/ui/confirmations", "enterprises": "/ui/enterprises",
    "plan": "/ui/plan", "model": "/ui/model", "data": "/ui/data",
}  # fmt: skip


class _Folders:
    """What the tests' city asks of pytest's temporary folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def getbasetemp(self) -> Path:
        return self.root

    def mktemp(self, name: str) -> Path:
        (self.root / name).mkdir()
        return self.root / name


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        folders: Any = _Folders(Path(root))
        city = city_of_its_own(folders)
        grade(city, GRADED_ON)
        token = new_key(city, districts=["310000"], role="manage", expires_at=dt.datetime(2199, 1, 1))[1]
        given = {**city.environment, "SITERISK_PORT": str(free_port("127.0.0.1", 3510))}
        settings = load_settings(given, city.home)
        with running_service(settings, city.home / "service.log"):
            _taken(address(settings), token)


def _taken(base: str, token: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        page.goto(f"{base}/ui/")
        page.screenshot(path=FOLDER / "sign-in-zh.png")
        page.fill("#key", token)
        page.press("#key", "Enter")
        page.wait_for_url(f"{base}/ui/")
        page.goto(f"{base}/ui/sites")
        site = str(page.locator("tbody th a").first.get_attribute("href"))
        for language in ("zh", "en"):
            page.goto(f"{base}/ui/language/{language}")
            for name, path in (PAGES | {"site": site, "sheet": f"{site}/sheet"}).items():
                page.goto(base + path)
                page.screenshot(path=FOLDER / f"{name}-{language}.png", full_page=name == "site")
        browser.close()


if __name__ == "__main__":
    main()
