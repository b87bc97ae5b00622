"""What the form is told: the page's words letter by letter, and nothing left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iobuffer.options import Group, specs
from iobuffer.registry import KINDS
from iobuffer.settings.channels import channel_from_object
from iobuffer.settings.forms import describe
from iobuffer.settings.page_words import SOURCES
from iobuffer.settings.show import config_object
from tests.test_seed_page import BLOCKS, PAGE

TEXT = PAGE.read_text()
FORM = describe(KINDS)


def named(entries: list[dict[str, Any]], name: str, key: str = "name") -> Any:
    return next(each for each in entries if each[key] == name)


def test_sources_come_in_the_order_of_the_page() -> None:
    assert [each["type"] for each in FORM["sources"]] == [
        json.loads(block)["type"] for block in BLOCKS
    ]


@pytest.mark.parametrize("type_name", SOURCES)
def test_the_words_of_a_source_are_on_the_page(type_name: str) -> None:
    kind = named(FORM["sources"], type_name, "type")

    assert f"\n{kind['title']}\n" in TEXT
    assert f"\n{kind['about']}\n" in TEXT
    assert f"\nUse when: {kind['use_when']}\n" in TEXT
    assert kind["tip"] in TEXT


@pytest.mark.parametrize("type_name", SOURCES)
def test_the_rows_of_a_source_are_those_of_the_page(type_name: str) -> None:
    for name, row in SOURCES[type_name].options.items():
        # A table's cells stand one behind the other in the text of the page.
        assert f"\n{row.label}{row.description}" in TEXT, name
        for value in row.common:
            assert str(value) in TEXT, (name, value)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: json.loads(block)["type"])
def test_a_key_of_the_page_is_never_among_the_advanced(block: str) -> None:
    written = json.loads(block)
    kind = named(FORM["sources"], written.pop("type"), "type")
    shown = {each["name"] for each in kind["options"] if not each["advanced"]}

    for name, value in written.items():
        inside = [f"{name}.{each}" for each in value] if isinstance(value, dict) else []
        assert set(inside or [name]) <= shown


@pytest.mark.parametrize("role", ["sources", "destinations"])
def test_every_option_of_every_kind_is_there_once(role: str) -> None:
    def names(config_class: type, prefix: str = "") -> list[str]:
        found = []
        for name, (_, spec) in specs(config_class).items():
            if isinstance(spec, Group):
                found += names(spec.config_class, f"{prefix}{name}.")
            else:
                found.append(prefix + name)
        return found

    for name, kind in getattr(KINDS, role).items():
        told = [each["name"] for each in named(FORM[role], name, "type")["options"]]
        assert sorted(told) == sorted(names(kind.config_class)), name


def test_what_must_be_given_is_required_and_never_advanced() -> None:
    for kind in FORM["sources"] + FORM["destinations"]:
        for option in kind["options"]:
            assert not (option["required"] and option["advanced"]), option


def test_a_default_is_one_that_the_loader_takes() -> None:
    required: dict[str, Any] = {
        "port": 5000,
        "host": "h",
        "url": "http://h:1",
        "channel_id": "c",
        "path": "/tmp/x",
    }
    for kind in FORM["sources"]:
        written = {
            each["name"]: (
                required[each["name"]] if each["required"] else each["default"]
            )
            for each in kind["options"]
        }
        if kind["type"] == "serial":
            written["port"] = "/dev/null"
        given = {"id": "c", "source": {"type": kind["type"], **written}}
        channel = channel_from_object(json.loads(json.dumps(given)), KINDS, "c.json")
        assert channel.source is not None
        shown = config_object(channel.source.config, kind["type"])
        assert shown["type"] == kind["type"]


def test_kinds_of_input_are_those_that_a_form_can_draw() -> None:
    known = {
        "text",
        "number",
        "choice",
        "boolean",
        "duration",
        "size",
        "secret",
        "list",
        "framing",
        "ack",
    }
    options = [each for kind in FORM["sources"] for each in kind["options"]]
    options += [each for kind in FORM["destinations"] for each in kind["options"]]
    options += [
        each for one in FORM["framings"] + FORM["acks"] for each in one["options"]
    ]
    options += FORM["policy"]

    assert {each["kind"] for each in options} == known


def test_a_secret_says_that_it_is_one() -> None:
    remote = named(FORM["sources"], "remote_icombuffer", "type")
    password = named(remote["options"], "auth.password")

    assert password["kind"] == "secret"
    assert (password["group"], password["title"]) == ("Authentication", "Password")


def test_offered_values_go_beside_the_closed_choice() -> None:
    serial = named(FORM["sources"], "serial", "type")["options"]

    parity, baud = named(serial, "parity"), named(serial, "baud_rate")
    assert parity["common"] == ["None", "Even", "Odd"]
    assert parity["choices"] == ["None", "Even", "Odd", "Mark", "Space"]
    assert baud["title"] == "Baud Rate"
    assert baud["default"] == 9600
    assert "choices" not in baud


def test_detect_is_the_first_of_the_framings() -> None:
    assert FORM["framings"][0]["title"] == "Detect"
    delimiter = named(FORM["framings"], "delimiter")
    assert named(delimiter["options"], "delimiter")["default"] == r"\r\n"
