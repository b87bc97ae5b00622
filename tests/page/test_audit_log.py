"""The audit log as it is read on the page."""

from __future__ import annotations

from typing import Any


def test_what_people_did_is_found_and_verified(open_page: Any, picture: Any) -> None:
    page = open_page(address="#/audit")
    page.get_by_role("row", name="ada sign in").first.wait_for()
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("It holds.").wait_for()
    picture(page, "audit-log")
    page.get_by_placeholder("Who, what or detail holds").fill("ADD USER")
    page.get_by_role("row", name="add user vera").wait_for()
    page.get_by_role("row", name="sign in").first.wait_for(state="detached")
    page.get_by_placeholder("Who, what or detail holds").fill("nobody did this")
    page.get_by_text("No line holds that").wait_for()
