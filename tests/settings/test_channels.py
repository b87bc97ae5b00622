from __future__ import annotations

from typing import Any

import pytest

from iobuffer.errors import ConfigError
from iobuffer.settings.channels import channel_from_object, good_name
from iobuffer.settings.model import (
    ChannelConfig,
    ChannelSettings,
    DestinationSettings,
    SourceSettings,
)

from .toy_kinds import KINDS, ToyFile, ToySerial, ToyTcp


def _channel(**found: Any) -> ChannelSettings:
    return channel_from_object(found, KINDS, "channels/x.json")


def _problems(**found: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _channel(**found)
    return [str(problem) for problem in caught.value.problems]


SERIAL = {"type": "serial", "port": "COM3"}
SECOND = {"type": "tcp_server", "port": 1}


def test_an_object_with_every_part_is_a_channel() -> None:
    channel = _channel(
        id="chem-1",
        description="Chemistry",
        keep="1d",
        source={"type": "tcp_server", "port": 5000},
        destinations={"lis": {"type": "file", "path": "/x"}, "b.2": SECOND},
    )

    assert channel == ChannelSettings(
        name="chem-1",
        policy=ChannelConfig(description="Chemistry", keep=86400.0),
        source=SourceSettings("tcp_server", ToyTcp(port=5000)),
        destinations={
            "lis": DestinationSettings("lis", "file", ToyFile(path="/x")),
            "b.2": DestinationSettings("b.2", "tcp_server", ToyTcp(port=1)),
        },
        origin="channels/x.json",
    )


def test_choices_are_read_as_the_page_prints_them() -> None:
    channel = _channel(
        id="x", source={**SERIAL, "parity": "None", "stop_bits": 1, "baud_rate": 9600}
    )

    assert channel.source == SourceSettings("serial", ToySerial(port="COM3"))


def test_an_alias_is_the_kind_it_stands_for() -> None:
    channel = _channel(id="x", source={"type": "remote", "url": "http://h:80"})

    assert channel.source is not None
    assert channel.source.type_name == "remote_icombuffer"


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (
            {"source": SERIAL},
            "channels/x.json: id: required and not given; the name of the channel",
        ),
        (
            {"id": "../etc", "source": SERIAL},
            "channels/x.json: id: expected letters, digits, - _ . (64 at most, "
            "not beginning with a dot); got '../etc'",
        ),
        (
            {"id": "x", "source": {"type": "serail", "port": "COM3"}},
            "channels/x.json: source.type: expected one of tcp_server, serial, "
            "remote_icombuffer; got 'serail'; did you mean serial?",
        ),
        (
            {"id": "x", "source": {"port": "COM3"}},
            "channels/x.json: source.type: required and not given; expected one of "
            "tcp_server, serial, remote_icombuffer",
        ),
        (
            {"id": "x", "source": 5},
            "channels/x.json: source: expected one of tcp_server, serial, "
            "remote_icombuffer; got 5",
        ),
        (
            {"id": "x", "source": {**SERIAL, "bauds": 5}},
            "channels/x.json: source.bauds: unknown option; "
            "did you mean source.baud_rate?",
        ),
        (
            {"id": "x", "source": SERIAL, "kep": "7d"},
            "channels/x.json: kep: unknown option; did you mean keep?",
        ),
        (
            {"id": "x", "source": SERIAL, "source.baud_rate": 5},
            "channels/x.json: source: write it as an object of its own",
        ),
        (
            {"id": "x", "source": SERIAL, "destinations": ["lis"]},
            'channels/x.json: destinations: expected an object such as {"lis": {...}}',
        ),
        (
            {"id": "x", "source": SERIAL, "destinations": {"a/b": {}}},
            "channels/x.json: destinations.a/b: expected a name of letters, digits, "
            "- _ . (64 at most, not beginning with a dot)",
        ),
        (
            {"id": "x", "destinations": {"lis": {"type": "file", "path": "/x"}}},
            "channels/x.json: this channel has destinations and no source; add one, "
            "or set enabled = no to keep what is stored. Where another iobuffer pushes "
            'to it, write [channel:NAME] beside its destinations, or in JSON "source": '
            "null",
        ),
    ],
)
def test_a_faulty_object_is_refused_with_the_path(
    found: dict[str, Any], problem: str
) -> None:
    assert problem in _problems(**found)


def test_all_faults_of_an_object_come_at_once() -> None:
    problems = _problems(
        source={"type": "tcp_server", "port": 0},
        destinations={"lis": {"type": "file"}},
        when_full="never",
    )

    assert [problem.split()[1] for problem in problems] == [
        "id:",
        "when_full:",
        "source.port:",
        "destinations.lis.path:",
    ]


def test_a_channel_that_others_push_to_says_that_it_has_no_source() -> None:
    lis = {"type": "file", "path": "/x"}
    channel = _channel(id="x", source=None, destinations={"lis": lis})

    assert channel.source is None
    assert list(channel.destinations) == ["lis"]
    assert "no source" in _problems(id="x", source=None, destinations={})[0]


def test_a_disabled_channel_needs_no_source() -> None:
    channel = _channel(id="x", enabled=False)

    assert channel.source is None


@pytest.mark.parametrize("name", ["a", "chem-1", "Ward_3.b", "-", "x" * 64])
def test_a_name_that_fits_into_a_file_name_is_good(name: str) -> None:
    assert good_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "a/b", "a b", "ä", "a\n", "x" * 65]
)
def test_any_other_name_is_not(name: str) -> None:
    assert not good_name(name)


def test_more_destinations_than_a_channel_may_have_are_one_error() -> None:
    many = {f"d{number}": SECOND for number in range(5000)}
    (told,) = _problems(id="a", source=SECOND, destinations=many)
    assert "100 destinations at most; got 5000" in told
