from __future__ import annotations

from enum import Enum
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.converters import (
    BOOL,
    BYTES,
    DURATION,
    HOST,
    MIB,
    NETWORKS,
    PATH,
    PORT,
    SIZE,
    TEXT,
    Converter,
    choice,
    integer,
    number,
    optional,
)


class Shade(Enum):
    LIGHT = "light"
    DARK = "dark"


@pytest.mark.parametrize(
    ("converter", "written", "value"),
    [
        (TEXT, "", ""),
        (TEXT, " as it is ", " as it is "),
        (HOST, " lis.example ", "lis.example"),
        (PATH, "/a path/x", "/a path/x"),
        (BOOL, "Yes", True),
        (BOOL, "off", False),
        (BOOL, True, True),
        (PORT, "514", 514),
        (PORT, 514, 514),
        (integer(-5, 5), "-5", -5),
        (number(0, 10), "2.5", 2.5),
        (number(0, 10), 3, 3.0),
        (DURATION, "500ms", 0.5),
        (DURATION, "200ms", 0.2),
        (DURATION, "1h 30m", 5400.0),
        (DURATION, "7d", 604800.0),
        (DURATION, "15", 15.0),
        (DURATION, 15, 15.0),
        (DURATION, 0.25, 0.25),
        (SIZE, "64 KiB", 65536),
        (SIZE, "64MiB", 64 * MIB),
        (SIZE, "1.5k", 1536),
        (SIZE, "10 MB", 10_000_000),
        (SIZE, 512, 512),
        (BYTES, r"\r\n", b"\r\n"),
        (BYTES, r"\x1c\x0D", b"\x1c\r"),
        (BYTES, r"END\0\\", b"END\0\\"),
        (BYTES, r"\xff", b"\xff"),
        (NETWORKS, "", ()),
        (
            NETWORKS,
            "10.1.0.0/16, ::1",
            (ip_network("10.1.0.0/16"), ip_network("::1")),
        ),
        (NETWORKS, ["192.168.7.20"], (ip_network("192.168.7.20/32"),)),
        (choice("None", "Even"), "NONE", "None"),
        (choice(7, 8), "8", 8),
        (choice(7, 8), 8, 8),
        (choice(1, 1.5, 2), 1.0, 1),
        (choice("warn", aliases={"warning": "warn"}), "Warning", "warn"),
        (choice(*Shade), "Dark", Shade.DARK),
        (optional(PORT), "", None),
        (optional(PORT), None, None),
        (optional(PORT), "5", 5),
    ],
)
def test_a_value_is_read_as_documented(
    converter: Converter, written: Any, value: Any
) -> None:
    found = converter.parse(written)

    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize(
    ("converter", "written"),
    [
        (TEXT, 5),
        (TEXT, None),
        (HOST, ""),
        (HOST, "two words"),
        (HOST, "0.0.0.0\nport = 5"),
        (PATH, "/a\n/b"),
        (PATH, "  "),
        (BOOL, "maybe"),
        (BOOL, 1),
        (PORT, "0"),
        (PORT, 65536),
        (PORT, True),
        (PORT, "1_000"),
        (PORT, "٥١٤"),
        (PORT, "9" * 5000),
        (PORT, 5.0),
        (PORT, [5]),
        (number(0, 10), "nan"),
        (number(0, 10), float("nan")),
        (number(0, 10), 10**400),
        (number(0, 10), "1_0"),
        (number(0, 10), 10.5),
        (DURATION, ""),
        (DURATION, "12 parsecs"),
        (DURATION, "-5s"),
        (DURATION, -5),
        (DURATION, True),
        (DURATION, "5 5"),
        (DURATION, "5s!"),
        (DURATION, 10**400),
        (DURATION, "9" * 309 + "d"),
        (SIZE, 2**63),
        (DURATION, float("inf")),
        (SIZE, "10 XB"),
        (SIZE, -1),
        (SIZE, "9" * 400),
        (SIZE, 1.5),
        (SIZE, None),
        (BYTES, r"\q"),
        (BYTES, "\\"),
        (BYTES, r"\x1"),
        (BYTES, "é"),
        (BYTES, 6),
        (NETWORKS, "10.0.0.300"),
        (NETWORKS, 7),
        (NETWORKS, [7]),
        (choice("a", "b"), "c"),
        (choice(0, 1), True),
        (choice("a"), None),
        (choice("a"), ["a"]),
        (optional(PORT), "x"),
    ],
)
def test_anything_else_is_a_value_error(converter: Converter, written: Any) -> None:
    with pytest.raises(ValueError):
        converter.parse(written)


def _both_ways(converter: Converter, value: Any) -> None:
    assert converter.parse(converter.show(value)) == value
    assert converter.parse((converter.as_json or converter.show)(value)) == value


@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False))
def test_every_duration_reads_back_exactly(seconds: float) -> None:
    _both_ways(DURATION, seconds)


@given(st.integers(0, 2**63 - 1))
def test_every_size_reads_back_exactly(size: int) -> None:
    _both_ways(SIZE, size)


@given(st.integers(0, 4096), st.sampled_from([1, 1024, MIB, 1024 * MIB]))
def test_every_round_size_reads_back_exactly(count: int, unit: int) -> None:
    _both_ways(SIZE, count * unit)


@given(st.binary())
def test_all_bytes_read_back_exactly_and_survive_ini(value: bytes) -> None:
    text = BYTES.show(value)

    _both_ways(BYTES, value)
    assert text == text.strip()
    assert ";" not in text


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_every_number_reads_back_exactly(value: float) -> None:
    _both_ways(number(-1e9, 1e9), value)


@given(st.integers(-(2**40), 2**40))
def test_every_whole_number_reads_back_exactly(value: int) -> None:
    _both_ways(integer(-(2**40), 2**40), value)


@given(st.booleans())
def test_yes_and_no_read_back(value: bool) -> None:
    _both_ways(BOOL, value)


@given(st.lists(st.ip_addresses()))
def test_every_network_reads_back(addresses: list[Any]) -> None:
    _both_ways(NETWORKS, tuple(map(ip_network, addresses)))


@given(st.none() | st.integers(1, 65535))
def test_an_optional_value_reads_back(value: int | None) -> None:
    _both_ways(optional(PORT), value)


@pytest.mark.parametrize("value", list(Shade))
def test_a_member_of_an_enum_is_written_by_its_value(value: Shade) -> None:
    converter = choice(*Shade)

    _both_ways(converter, value)
    assert converter.show(value) == value.value
    assert converter.expects == "one of light, dark"


@pytest.mark.parametrize("value", ["None", 1, 1.5])
def test_a_choice_reads_back(value: Any) -> None:
    _both_ways(choice("None", 1, 1.5), value)


def test_durations_and_sizes_are_shown_in_the_largest_whole_unit() -> None:
    shown = [DURATION.show(seconds) for seconds in (604800, 90, 60.0, 0.2, 1.5, 0)]

    assert shown == ["7d", "90s", "1m", "200ms", "1.5s", "0s"]
    assert SIZE.show(64 * MIB) == "64 MiB"


def test_a_number_is_a_number_in_json() -> None:
    assert PORT.as_json is not None
    assert PORT.as_json(514) == 514
