"""The page as a whole: it comes quickly, it is small, and nothing in it complains."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

from .barriers import barriers
from .stage import ADMIN, SECONDS, Stage

_MAX_WIRE_BYTES = 120_000
_WIRE = """() => [...performance.getEntriesByType("navigation"),
  ...performance.getEntriesByType("resource")]
  .filter((each) => !each.name.includes("/api/"))
  .reduce((sum, each) => sum + each.transferSize, 0)"""

VIEWS = {
    "overview": "#/",
    "alarms": "#/alarms",
    "account": "#/account",
    "people": "#/people",
    "audit": "#/audit",
    "new": "#/new",
    "new-json": "#/new?by=json",
    "nowhere": "#/nowhere",
    "channel": "#/channels/chem-1/log",
    "ledger": "#/channels/chem-1/ledger",
    "line": "#/channels/chem-1/line",
}


def test_nobody_is_asked_to_sign_in_and_then_sees_the_channels(
    open_page: Any, picture: Any
) -> None:
    page = open_page(None)
    page.get_by_label("Name").fill(ADMIN[0])
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("not right").wait_for()
    picture(page, "sign-in")
    page.get_by_label("Password").fill(ADMIN[1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Channels").wait_for()
    page.get_by_role("link", name="chem-1").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_no_serious_barrier(
    open_page: Any, picture: Any, name: str, scheme: str
) -> None:
    page = open_page(ADMIN, VIEWS[name], color_scheme=scheme)
    page.locator("main h1, main [role=alert]").first.wait_for(state="attached")
    page.wait_for_load_state("load")
    picture(page, f"{name}-{scheme}")
    assert barriers(page) == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_fits_a_tablet_without_scrolling_sideways(
    open_page: Any, picture: Any, name: str
) -> None:
    page = open_page(ADMIN, VIEWS[name], viewport={"width": 768, "height": 1024})
    page.locator("main h1, main [role=alert]").first.wait_for(state="attached")
    page.wait_for_load_state("load")
    picture(page, f"{name}-tablet")
    assert page.evaluate("document.documentElement.scrollWidth") <= 768


def test_the_whole_page_comes_in_few_bytes(open_page: Any) -> None:
    page = open_page()
    page.get_by_role("heading", name="Channels").wait_for()
    page.wait_for_load_state("load")
    wire_bytes = page.evaluate(_WIRE)
    assert 0 < wire_bytes < _MAX_WIRE_BYTES


def test_what_a_browser_has_is_not_sent_again(stage: Stage) -> None:
    request = urllib.request.Request(f"{stage.url}/static/vendor.min.js")
    request.add_header("Accept-Encoding", "gzip")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
        body, etag = answer.read(), answer.headers["ETag"]
    assert body[:2] == b"\x1f\x8b"
    request.add_header("If-None-Match", etag)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=SECONDS)
    assert refused.value.code == 304
    assert refused.value.read() == b""


def test_a_view_is_found_by_typing(open_page: Any, picture: Any) -> None:
    page = open_page()
    page.get_by_role("heading", name="Channels").wait_for()
    page.get_by_role("link", name="chem-1").first.wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("audit")
    picture(page, "go-to")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Audit log").wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def test_everything_on_the_overview_is_reached_by_keyboard(open_page: Any) -> None:
    page = open_page()
    page.get_by_role("link", name="chem-1").first.wait_for()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('href') || ''"))
    for name in ("#/alarms", "#/people", "#/audit", "#/new", "#/channels/chem-1"):
        assert name in reached


def test_a_session_that_ends_asks_to_sign_in_and_goes_on_where_one_was(
    open_page: Any,
) -> None:
    page = open_page(address="#/audit")
    page.get_by_role("heading", name="Audit log").wait_for()
    # Signed out in another tab.
    csrf = page.evaluate("fetch('/api/whoami').then((a) => a.json())")["csrf"]
    page.request.post("/api/logout", headers={"X-CSRF-Token": csrf})
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("Your session has ended").wait_for()
    page.get_by_label("Name").fill(ADMIN[0])
    page.get_by_label("Password").fill(ADMIN[1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Audit log").wait_for()


def test_the_first_link_makes_an_administrator_and_is_good_once(
    open_page: Any, picture: Any, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    sections = f"[http]\nhost = 127.0.0.1\nport = {port}\n"
    with GatewayProcess(tmp_path / "fresh", sections, ports=[port]) as fresh:
        fresh.start()
        wait_until("the link", lambda: "#set-up=" in fresh.log, SECONDS)
        link = re.search(r"http://\S+#set-up=\S+", fresh.log)
        assert link is not None
        page = open_page(None)
        page.goto(link[0])
        page.get_by_label("Name").fill("first")
        page.get_by_label("Password", exact=False).first.fill("the very first one")
        page.get_by_label("Password, once more").fill("the very second one")
        page.get_by_text("The two are not the same").wait_for()
        page.get_by_label("Password, once more").fill("the very first one")
        picture(page, "set-up")
        page.get_by_role("button", name="Make this administrator").click()
        page.get_by_role("heading", name="No channel yet").wait_for()
        picture(page, "overview-empty")

        other = open_page(None)
        other.goto(link[0])
        other.get_by_label("Name").fill("second")
        for field in other.locator("input[type=password]").all():
            field.fill("somebody else's word")
        other.get_by_role("button", name="Make this administrator").click()
        other.get_by_role("alert").wait_for()
        # Before the gateway goes: a stream that breaks is told on the console.
        page.close()
        other.close()
