"""The page as a whole: it comes quickly, it is small, and nothing in it complains."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from .stage import ADMIN

VIEWS = {
    "overview": "#/",
    "alarms": "#/alarms",
    "account": "#/account",
    "people": "#/people",
    "audit": "#/audit",
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
    page.locator("main h1").first.wait_for(state="attached")
    page.wait_for_load_state("load")
    picture(page, f"{name}-{scheme}")
    found = Axe().run(page).response["violations"]
    bad = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not bad
