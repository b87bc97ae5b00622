"""Users and tokens, as an administrator sees to them."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest

from .stage import VIEWER, Stage


def test_an_administrator_adds_a_user_who_then_may_sign_in(
    open_page: Any, stage: Stage, picture: Any
) -> None:
    page = open_page(address="#/people")
    page.get_by_role("button", name="Add a user").click()
    page.get_by_label("Name").fill("nina")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Add", exact=True).click()
    # The browser holds the field to its minimum: nothing has been sent.
    page.get_by_label("Password").fill("a night shift alone")
    page.get_by_label("Role").select_option("operator")
    picture(page, "people-add")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("row", name="nina operator").wait_for()
    picture(page, "people")

    other = open_page(("nina", "a night shift alone"))
    other.get_by_role("link", name="nina operator").wait_for()

    page.get_by_role("button", name="Disable nina").click()
    page.get_by_role("button", name="Enable nina").wait_for()
    other.reload()
    other.get_by_role("button", name="Sign in").wait_for()

    page.get_by_role("button", name="Remove nina").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_role("row", name="nina operator").wait_for(state="detached")


def test_the_last_administrator_cannot_be_removed_and_is_told_so(
    open_page: Any,
) -> None:
    page = open_page(address="#/people")
    page.get_by_role("button", name="Remove ada").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_role("alert").get_by_text("last administrator").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("row", name="ada (you) admin").wait_for()


def test_a_token_is_shown_once_works_and_is_revoked(
    open_page: Any, stage: Stage, picture: Any
) -> None:
    page = open_page(address="#/people")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_label("Name").fill("prometheus")
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_role("dialog").locator("code.secret").inner_text()
    picture(page, "people-token")
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("row", name="prometheus viewer").wait_for()

    request = urllib.request.Request(f"{stage.url}/metrics")
    request.add_header("Authorization", f"Bearer {secret}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert b"iobuffer_" in answer.read()

    page.get_by_role("button", name="Revoke prometheus").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("There is none yet").wait_for()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=10)


def test_people_are_not_offered_to_who_may_not_change_them(open_page: Any) -> None:
    page = open_page(VIEWER, "#/people")
    page.get_by_text("People are for administrators").wait_for()
    assert page.get_by_role("link", name="People").count() == 0
    assert page.get_by_role("link", name="Audit log").count() == 0
