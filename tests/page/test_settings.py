"""The settings of a channel that was made on the page, changed there and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.torture.gateway import free_ports

from .stage import OPERATOR, Stage


@pytest.fixture
def scale(stage: Stage, tmp_path: Path) -> Iterator[str]:
    """A channel that the API has made; gone afterwards, if it still is there."""
    (port,) = free_ports(1)
    found = {
        "id": "scale-9",
        "source": {"type": "tcp_server", "host": "127.0.0.1", "port": port},
        "destinations": {"file": {"type": "file", "path": str(tmp_path / "kg.txt")}},
    }
    stage.asked(
        "/api/channels/scale-9",
        method="PUT",
        data=json.dumps(found).encode(),
        headers={"Content-Type": "application/json"},
    )
    yield "scale-9"
    names = {each["name"] for each in stage.asked("/api/channels")["channels"]}
    if "scale-9" in names:
        stage.asked("/api/channels/scale-9", method="DELETE")


def test_a_change_is_planned_saved_and_runs(
    open_page: Any, stage: Stage, scale: str, picture: Any
) -> None:
    page = open_page(address=f"#/channels/{scale}/settings")
    aside = page.get_by_role("complementary")
    aside.get_by_text("Nothing: it is as it runs now").wait_for()
    (port,) = free_ports(1)
    page.get_by_role("region", name="Source").get_by_label("Port").fill(str(port))
    aside.get_by_text("peers are disconnected").wait_for()
    aside.get_by_text(f"the source is opened on port {port}").wait_for()
    picture(page, "settings")
    page.get_by_role("button", name="Save the change").click()
    page.get_by_text("Saved. The channel runs with it").wait_for()
    assert stage.asked(f"/api/channels/{scale}")["config"]["source"]["port"] == port


def test_a_channel_is_removed_after_it_was_said_what_that_does(
    open_page: Any, stage: Stage, scale: str, picture: Any
) -> None:
    page = open_page(address=f"#/channels/{scale}/settings")
    page.get_by_role("button", name="Remove this channel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("the source is closed").wait_for()
    picture(page, "settings-remove")
    dialog.get_by_role("button", name="Remove").click()
    page.get_by_role("heading", name="Channels").wait_for()
    page.get_by_role("link", name=scale).wait_for(state="detached")


def test_a_channel_of_an_ini_file_is_shown_and_read_only(
    open_page: Any, picture: Any
) -> None:
    page = open_page(address="#/channels/chem-1/settings")
    page.get_by_text("It is read-only here").wait_for()
    page.get_by_role("button", name="INI").click()
    page.get_by_text("[destination:chem-1:lis]").wait_for()
    picture(page, "settings-ini")
    assert page.get_by_role("button", name="Save").count() == 0


def test_an_operator_sees_the_settings_and_may_not_change_them(
    open_page: Any, scale: str
) -> None:
    page = open_page(OPERATOR, f"#/channels/{scale}/settings")
    page.get_by_text("Only an administrator may change it").wait_for()
    page.get_by_role("button", name="INI").click()
    page.get_by_text("[source:scale-9]").wait_for()
