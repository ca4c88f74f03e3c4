"""The pages in a real browser, against the service as a process: signed in, in both languages, on a wide and a narrow screen."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from serving.command_line.service_commands import free_port
from serving.command_line.service_process import address, running_service
from serving.settings import load_settings
from tests.running_city import GRADED_ON, city_of_its_own, grade, new_key

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAGES = ("/ui/", "/ui/sites", "/ui/confirmations", "/ui/plan", "/ui/enterprises", "/ui/model", "/ui/data")
CLIPPED = """[...document.querySelectorAll("main *, header *")].filter(one => {
  const style = getComputedStyle(one);
  const hides = style.overflow !== "visible" && style.overflowX !== "auto" && one.scrollWidth > one.clientWidth + 1;
  const beyond = one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest(".wide, details");
  return (hides && one.tagName !== "SELECT" && one.tagName !== "INPUT") || beyond;
}).map(one => one.outerHTML.slice(0, 120))"""


@dataclass
class Seen:
    """What the browser met that it must not meet."""

    base: str
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> Page:
        page.on(
            "console",
            lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(self.base) else self.faults.append(asked.url),
        )
        return page


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service with a graded city, and the token of a manager."""
    city = city_of_its_own(tmp_path_factory)
    grade(city, GRADED_ON)
    token = new_key(city, districts=["310000"], role="manage", expires_at=dt.datetime(2199, 1, 1))[1]
    given = {**city.environment, "SITERISK_PORT": str(free_port("127.0.0.1", 3410))}
    settings = load_settings(given, city.home)
    with running_service(settings, city.home / "service.log"):
        yield address(settings), token


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "the test command installs chromium"
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def signed_in(browser: Browser, served: tuple[str, str], seen: Seen, size: dict[str, int]) -> Page:
    base, token = served
    context: BrowserContext = browser.new_context(viewport=size)  # type: ignore[arg-type]
    page = seen.watch(context.new_page())
    page.goto(f"{base}/ui/sites")
    assert "/ui/sign-in" in page.url
    page.fill("#key", token)
    page.press("#key", "Enter")
    page.wait_for_url(f"{base}/ui/sites")
    return page


@pytest.mark.slow
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_page_in_both_languages_is_whole_accessible_and_asks_nobody_else(browser, served, size):
    base, _ = served
    seen = Seen(base)
    page = signed_in(browser, served, seen, size)
    site = page.locator("tbody th a").first.get_attribute("href")
    for language in ("中文", "English"):
        if page.locator("a.language").inner_text() == language:
            page.click("a.language")
        for one in (*PAGES, site, f"{site}/sheet"):
            page.goto(base + one)
            assert page.locator("h1").count() == 1, one
            assert page.evaluate(CLIPPED) == [], one
            found = Axe().run(page).response["violations"]
            serious = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
            assert serious == [], (one, [node["html"] for each in found for node in each["nodes"]][:3])
    assert seen.faults == []
    page.context.close()


@pytest.mark.slow
def test_a_manager_filters_supposes_overrides_and_prints(browser, served, tmp_path: Path):
    base, _ = served
    seen = Seen(base)
    page = signed_in(browser, served, seen, WIDE)
    page.select_option("#colour", "BLUE")  # is sent at once
    page.wait_for_url("**colour=BLUE**")
    assert set(page.locator("tbody .colour").all_inner_texts()) == {"蓝"}
    page.locator("tbody th a").first.click()
    assert page.locator("#five").is_visible()
    for box in page.locator("#what-if ~ form input[type=checkbox]").all():
        box.check()
    for slider in page.locator("#what-if ~ form input[type=range]").all():
        slider.fill("100")
    page.locator("#what-if ~ form button").click()
    page.wait_for_selector("#what-if-result table, #what-if-result [role=alert]")
    assert "/what-if" not in page.url
    page.select_option("#o-colour", "YELLOW")
    page.fill("#o-person", "0117")
    page.fill("#o-reason", "深基坑渗漏")
    page.locator("form[action$='/say/override'] button").click()
    page.wait_for_url("**said=override")
    assert page.locator("h1 .colour").inner_text() == "黄"
    page.locator("a[href$='/sheet']").click()
    page.wait_for_url("**/sheet")
    paper = tmp_path / "sheet.pdf"
    page.pdf(path=str(paper), format="A4")
    text = paper.read_bytes()
    assert text.startswith(b"%PDF") and text.count(b"/Type /Page\n") == 1
    page.locator("header form button").click()
    page.wait_for_url("**/ui/sign-in")
    page.goto(f"{base}/ui/")
    assert "/ui/sign-in" in page.url
    assert seen.faults == []
    page.context.close()
