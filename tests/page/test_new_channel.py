"""A channel is made on the page, by form and from the documentation's JSON."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.torture.gateway import free_ports

from .stage import OPERATOR, SECONDS, Stage

_SEED_PAGE = Path(__file__).parents[1] / "data" / "seed_page.txt"


def _documented() -> dict[str, dict[str, Any]]:
    """The page's examples by type, with every far host made this machine."""
    found = {}
    for text in re.findall(r"^\{\n.*?^\}", _SEED_PAGE.read_text(), re.M | re.S):
        example = json.loads(text)
        if "host" in example:
            example["host"] = "127.0.0.1"
        if "url" in example:
            example["url"] = "http://127.0.0.1:8080"
        found[example["type"]] = example
    return found


DOCUMENTED = _documented()


def test_a_tcp_server_channel_is_added_by_form_and_takes_messages(
    open_page: Any, stage: Stage, picture: Any, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    path = tmp_path / "arrived.txt"
    page = open_page(address="#/new")
    page.get_by_role("radio", name="TCP Server").check()
    source = page.get_by_role("region", name="Source")
    source.get_by_label("Host").fill("127.0.0.1")
    source.get_by_label("Port").fill("http")
    source.get_by_text("expected a whole number").wait_for(state="hidden")
    page.get_by_role("region", name="Channel").get_by_label("Name").fill("scale-2")
    source.get_by_text("expected a whole number").wait_for()
    picture(page, "new-wrong")
    source.get_by_label("Port").fill(str(port))
    page.get_by_label("Add a destination").select_option("file")
    page.get_by_label("Path").fill(str(path))
    effects = page.get_by_role("complementary")
    effects.get_by_text(f"the source is opened on port {port}").wait_for()
    page.get_by_role("button", name="INI").click()
    effects.get_by_text("[source:scale-2]").wait_for()
    picture(page, "new-form")
    page.get_by_role("button", name="Make this channel").click()
    page.wait_for_url("**/#/channels/scale-2")

    with socket.create_connection(("127.0.0.1", port), SECONDS) as line:
        line.sendall(b"12.5 kg\n13.0 kg\n")
    stage.wait_for(
        "both lines in the file",
        lambda: path.exists() and path.read_bytes() == b"12.5 kg\n13.0 kg\n",
    )


@pytest.mark.parametrize("type_name", sorted(DOCUMENTED))
def test_the_documentations_json_is_pasted_and_understood(
    open_page: Any, picture: Any, type_name: str
) -> None:
    page = open_page(address="#/new?by=json")
    page.get_by_label("JSON of a source").fill(json.dumps(DOCUMENTED[type_name]))
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("region", name="Channel").get_by_label("Name").fill(
        f"from-{type_name}"
    )
    if "auth" in DOCUMENTED[type_name]:
        # The page prints the password masked, and none is kept here.
        page.get_by_text("the secret is masked").wait_for()
        page.locator("input[type=password]").first.fill("the relay's own")
    shown = page.get_by_role("complementary").locator("pre")
    shown.get_by_text(f"from-{type_name}").wait_for()
    config = json.loads(shown.inner_text())
    for name, value in DOCUMENTED[type_name].items():
        if name not in ("tls", "auth"):
            assert config["source"][name] == value
    picture(page, f"new-json-{type_name}")


def test_json_that_is_none_is_refused_in_words(open_page: Any) -> None:
    page = open_page(address="#/new?by=json")
    page.get_by_label("JSON of a source").fill("{port: 5000}")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("alert").get_by_text("cannot be read as JSON").wait_for()


def test_what_is_missing_is_said_where_it_is_missing(open_page: Any) -> None:
    page = open_page(address="#/new")
    page.get_by_role("radio", name="TCP Client").check()
    page.get_by_role("region", name="Channel").get_by_label("Name").fill("nowhere")
    page.get_by_role("button", name="Make this channel").click()
    source = page.get_by_role("region", name="Source")
    source.get_by_text("required and not given").first.wait_for()
    assert source.get_by_label("Host").get_attribute("aria-invalid") == "true"


def test_an_operator_is_not_offered_to_make_one(open_page: Any) -> None:
    page = open_page(OPERATOR, "#/new")
    page.get_by_text("Channels are made by administrators").wait_for()


def test_a_channel_that_others_push_to_has_no_source(
    open_page: Any, stage: Stage, picture: Any, tmp_path: Path
) -> None:
    page = open_page(address="#/new")
    page.get_by_role("radio", name="No source").check()
    page.get_by_role("region", name="Channel").get_by_label("Name").fill("from-site-b")
    page.get_by_label("Add a destination").select_option("file")
    page.get_by_label("Path").fill(str(tmp_path / "pushed.txt"))
    page.get_by_role("complementary").locator("pre").get_by_text(
        '"source": null'
    ).wait_for()
    picture(page, "new-pushed")
    page.get_by_role("button", name="Make this channel").click()
    page.wait_for_url("**/#/channels/from-site-b")
    page.get_by_text("waiting for another instance to push").first.wait_for()
    stage.asked("/api/channels/from-site-b", method="DELETE")
