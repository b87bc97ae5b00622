"""One's own account: the password, and signing out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .stage import Stage

OLD = "a word for the first day"
NEW = "and one for the second day"


@pytest.fixture
def nora(stage: Stage) -> Iterator[str]:
    """A user for whom a new password is nobody else's trouble."""
    stage.asked(
        "/api/users/nora",
        method="PUT",
        data=json.dumps({"password": OLD, "role": "viewer"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    yield "nora"
    stage.asked("/api/users/nora", method="DELETE")


def test_a_password_is_changed_and_other_sessions_end(
    open_page: Any, nora: str, picture: Any
) -> None:
    elsewhere = open_page((nora, OLD))
    page = open_page((nora, OLD), "#/account")
    page.get_by_text("The role viewer sees states and figures").wait_for()
    page.get_by_label("The old password").fill("not that one at all")
    page.get_by_label("The new password").fill(NEW)
    page.get_by_role("button", name="Change it").click()
    page.get_by_role("alert").get_by_text("The old password is not right").wait_for()
    page.get_by_label("The old password").fill(OLD)
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("Your other sessions have ended").wait_for()
    picture(page, "account-changed")
    elsewhere.get_by_text("Your session has ended").wait_for()
    # This one goes on.
    page.get_by_role("link", name="Alarms").click()
    page.get_by_role("heading", name="Alarms").wait_for()


def test_who_signs_out_is_out(open_page: Any, nora: str) -> None:
    page = open_page((nora, OLD), "#/account")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert page.request.get("/api/whoami").status == 401
    # It is not said that something ended by itself.
    assert page.get_by_text("Your session has ended").count() == 0
