from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import attrs
import pytest

from iobuffer.options import DURATION, TEXT, group, option
from iobuffer.settings.build import build, dotted_names, holds_secret, pick
from iobuffer.settings.raw import Node, Report, from_object, put

from .toy_kinds import (
    FRAMINGS,
    ToyAuth,
    ToyDelimiter,
    ToyFile,
    ToyLine,
    ToyRemote,
    ToySerial,
    ToyTcp,
)


def _build(config_class: type, **written: Any) -> tuple[Any, list[str]]:
    """From a JSON object that stands in line 0 of nowhere."""
    report = Report("")
    root = from_object(written, report)
    built = build(root, config_class, report)
    return built, [str(problem) for problem in report.problems]


def _build_ini(config_class: type, *lines: str) -> tuple[Any, list[str]]:
    """From INI-like lines, numbered from 2 on, under [x] in line 1."""
    report = Report("c.ini", "x", 1)
    root = Node("", 1)
    for number, line in enumerate(lines, 2):
        name, _, value = line.partition(" = ")
        put(root, name, value, number, report)
    return build(root, config_class, report), [str(found) for found in report.problems]


def test_what_is_left_out_has_its_default() -> None:
    assert _build(ToyTcp, port=5000) == (ToyTcp(port=5000), [])


@attrs.frozen(kw_only=True)
class ToySilence:
    after: float = option(DURATION, default=0.0, help="How long.")
    hours: str = option(TEXT, default="", help="When.")


@attrs.frozen(kw_only=True)
class ToyChannel:
    silence: ToySilence = group(ToySilence, help="Silence.", bare="after")


@pytest.mark.parametrize(
    "written",
    [{"silence": "30m"}, {"silence": {"after": "30m"}}, {"silence.after": 1800}],
)
def test_a_bare_value_of_a_group_is_the_option_that_it_names(
    written: dict[str, Any],
) -> None:
    built, problems = _build(ToyChannel, **written)

    assert (built, problems) == (ToyChannel(silence=ToySilence(after=1800.0)), [])


def test_a_bare_value_leaves_room_for_the_other_options_of_its_group() -> None:
    built, problems = _build_ini(ToyChannel, "silence = 30m", "silence.hours = mon")

    assert problems == []
    assert built == ToyChannel(silence=ToySilence(after=1800.0, hours="mon"))


def test_a_group_is_not_given_its_bare_option_twice() -> None:
    built, problems = _build_ini(ToyChannel, "silence = 1m", "silence.after = 2m")

    assert built is None
    assert problems == ["c.ini:2: [x] silence: given as silence.after too"]


def test_json_and_ini_build_equal_objects() -> None:
    from_json, json_problems = _build(
        ToyTcp,
        port=5000,
        allow=["10.0.0.0/8"],
        framing={"type": "Delimiter", "delimiter": "\\n"},
        tls={"enabled": False},
    )
    from_ini, ini_problems = _build_ini(
        ToyTcp,
        "port = 5000",
        "allow = 10.0.0.0/8",
        "framing = delimiter",
        "framing.delimiter = \\n",
        "tls.enabled = no",
    )

    assert json_problems == ini_problems == []
    assert from_json == from_ini
    assert from_ini.framing == ToyDelimiter(delimiter=b"\n")
    assert from_ini.allow == (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    "written",
    [
        {"framing": "delimiter"},
        {"framing": {"type": "delimiter"}},
        {"framing.type": "delimiter"},
        {"framing": "delimiter", "framing.delimiter": "\\r\\n"},
    ],
)
def test_a_bare_type_is_an_object_with_that_type(written: Mapping[str, Any]) -> None:
    built, problems = _build(ToyTcp, port=1, **written)

    assert problems == []
    assert built.framing == ToyDelimiter()


def test_a_variant_may_be_left_out_or_null() -> None:
    assert _build(ToyFile, path="/x") == (ToyFile(path="/x", ack=None), [])
    assert _build(ToyFile, path="/x", ack=None) == (ToyFile(path="/x"), [])
    assert _build(ToyTcp, port=1, framing=None, tls=None) == (ToyTcp(port=1), [])


def test_every_fault_is_reported_with_its_line_and_what_was_expected() -> None:
    built, problems = _build_ini(
        ToySerial,
        "baud_rate = fast",
        "bauds = 9600",
        "parity = Sometimes",
        "stop_bits.x = 1",
    )

    assert built is None
    assert problems == [
        "c.ini:1: [x] port: required and not given; expected a host name or an address",
        "c.ini:2: [x] baud_rate: expected a whole number from 50 to 4000000; "
        "got 'fast'",
        "c.ini:5: [x] stop_bits: expected one of 1, 1.5, 2; got an object",
        "c.ini:4: [x] parity: expected one of None, Even, Odd; got 'Sometimes'",
        "c.ini:3: [x] bauds: unknown option; did you mean baud_rate?",
    ]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"port": 99999}, "port: expected a whole number from 1 to 65535; got 99999"),
        ({"port": None}, "port: expected a whole number from 1 to 65535; got null"),
        (
            {"port": {"a": 1}},
            "port: expected a whole number from 1 to 65535; got an object",
        ),
        ({"port": 1, "cert": "x"}, "cert: unknown option; did you mean tls.cert?"),
        (
            {"port": 1, "tls": {"crt": "x"}},
            "tls.crt: unknown option; did you mean tls.cert?",
        ),
        (
            {"port": 1, "tls": True},
            "tls: expected options beneath it, such as tls.enabled; "
            "got a value of its own",
        ),
        (
            {"port": 1, "framing": "deliminter"},
            "framing: expected one of line, delimiter; got 'deliminter'; "
            "did you mean delimiter?",
        ),
        (
            {"port": 1, "framing": ["line"]},
            "framing: expected one of line, delimiter; got a list",
        ),
        (
            {"port": 1, "framing.delimiter": "x"},
            "framing.delimiter: not an option of line; it belongs to delimiter",
        ),
        (
            {"port": 1, "framing": "line", "framing.type": "delimiter"},
            "framing.type: says another type than framing",
        ),
        (
            {"port": 1, "framing": {"keep_emty": True}},
            "framing.keep_emty: unknown option; did you mean framing.keep_empty?",
        ),
        (
            {"port": 1, "tls": {"enabled": True}},
            "tls.cert: required when tls.enabled is yes",
        ),
    ],
)
def test_a_fault_is_worded_with_its_path(
    written: Mapping[str, Any], problem: str
) -> None:
    built, problems = _build(ToyTcp, **written)

    assert built is None
    assert problems == [problem]


def test_options_of_a_variant_without_default_need_a_type() -> None:
    _, problems = _build(ToyFile, path="/x", ack={"delimiter": "x"})

    assert problems == ["ack: required and not given; expected one of bytes, none"]


def test_a_cross_check_without_an_option_stands_at_the_section() -> None:
    built, problems = _build_ini(
        ToySerial, "port = x", "baud_rate = 110", "stop_bits = 2"
    )

    assert built is None
    assert problems == ["c.ini:1: [x] too slow for two stop bits"]


def test_a_cross_check_of_an_option_stands_at_its_line(tmp_path: Path) -> None:
    _, problems = _build_ini(ToyTcp, "port = 1", "tls.enabled = yes", "tls.cert =  ")

    assert problems == [
        "c.ini:4: [x] tls.cert: required when tls.enabled is yes",
    ]


def test_a_missing_file_is_a_warning_and_builds(tmp_path: Path) -> None:
    missing = str(tmp_path / "cert.pem")

    built, problems = _build(ToyTcp, port=1, tls={"enabled": True, "cert": missing})

    assert built.tls.cert == missing
    assert problems == [
        f"warning: tls.cert: {missing}: No such file or directory; "
        "the channel is failed until it is there"
    ]


def test_a_key_that_everyone_may_read_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    key.chmod(0o644)

    built, [problem] = _build(ToyTcp, port=1, tls={"key": str(key)})

    assert built is None
    assert f"chmod 640 {key}" in problem


def test_an_option_of_a_sibling_is_named_as_such() -> None:
    report = Report("")
    root = from_object({"port": 1, "baud_rate": 9600}, report)

    build(
        root,
        ToyTcp,
        report,
        kind="tcp_server",
        siblings={"tcp_server": ToyTcp, "serial": ToySerial},
    )

    assert [str(problem) for problem in report.problems] == [
        "baud_rate: not an option of tcp_server; it belongs to serial"
    ]


def test_what_is_doubtful_in_options_together_is_a_warning_at_its_place() -> None:
    built, problems = _build(ToyTcp, port=1, tls={"key": "/k", "cert": "/c"})

    assert built is not None
    assert "warning: tls.key: of no use" in problems


def test_a_value_where_a_secret_may_stand_is_never_quoted() -> None:
    _, problems = _build(ToyRemote, url="x", auth="hunter2")
    report = Report("")
    pick({"a": 1}, Node("auth", value="hunter2"), report, private=True)

    assert len(problems) == len(report.problems) == 1
    assert "hunter2" not in str(problems)
    assert "hunter2" not in str(report.problems)


def test_aliases_pick_the_kind_that_they_stand_for() -> None:
    report = Report("")
    node = Node("", value="Remote")

    assert pick({"remote_x": 1}, node, report, aliases={"remote": "remote_x"}) == (
        "remote_x"
    )


def test_a_type_that_swallowed_the_next_line_is_still_recognised() -> None:
    report = Report("")
    pick({"serial": 1}, Node("type", value="serail\nport = 5"), report)

    assert report.problems[0].message.endswith("did you mean serial?")


def test_every_spelling_of_every_option_is_known() -> None:
    assert list(dotted_names(ToyAuth)) == [
        "username",
        "password",
        "password_file",
        "password_credential",
    ]
    assert list(dotted_names(ToyFile)) == [
        "path",
        "ack",
        "ack.delimiter",
        "ack.max_message_bytes",
        "ack.keep_empty",
    ]


def test_a_class_holds_a_secret_if_anything_in_it_does() -> None:
    assert holds_secret(ToyRemote)
    assert holds_secret(ToyAuth)
    assert not holds_secret(ToyTcp)
    assert FRAMINGS["line"] is ToyLine
