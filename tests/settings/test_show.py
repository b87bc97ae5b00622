from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.settings.channels import channel_from_object
from iobuffer.settings.load import load
from iobuffer.settings.model import (
    ChannelConfig,
    ChannelSettings,
    DestinationSettings,
    GatewayConfig,
    SourceSettings,
)
from iobuffer.settings.show import (
    channel_ini,
    channel_object,
    config_object,
    ini_section,
)

from .toy_kinds import KINDS, ToyAuth, ToyDelimiter, ToyFile, ToyLine, ToyRemote, ToyTcp


def _channel(source: Any, description: str = "") -> ChannelSettings:
    return ChannelSettings(
        name="x",
        policy=ChannelConfig(description=description, keep=0.2),
        source=SourceSettings("tcp_server", source),
        destinations={
            "lis": DestinationSettings("lis", "file", ToyFile(path="/a b")),
            "bus": DestinationSettings(
                "bus", "file", ToyFile(path="/c", ack=ToyDelimiter())
            ),
        },
        origin="x.json",
    )


SOURCES = st.builds(
    ToyTcp,
    port=st.integers(1, 65535),
    idle=st.floats(0, 1e9),
    framing=st.builds(ToyLine, keep_empty=st.booleans())
    | st.builds(ToyDelimiter, delimiter=st.binary(), max_message_bytes=st.integers(0)),
)


@given(SOURCES.filter(lambda one: getattr(one.framing, "max_message_bytes", 0) < 2**63))
def test_a_channel_reads_back_from_json(source: ToyTcp) -> None:
    channel = _channel(source, "any text ; at all\n\n")

    found = json.loads(json.dumps(channel_object(channel)))

    assert channel_from_object(found, KINDS, "x.json") == channel


@given(SOURCES.filter(lambda one: getattr(one.framing, "max_message_bytes", 0) < 2**63))
def test_a_channel_reads_back_from_ini(source: ToyTcp) -> None:
    channel = _channel(source, "two\nlines;and=more")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.ini")
        path.write_text(channel_ini(channel))

        found = load(str(path), KINDS).channels["x"]

    assert (found.source, found.destinations, found.policy) == (
        channel.source,
        channel.destinations,
        channel.policy,
    )


def test_ini_is_written_as_people_write_it() -> None:
    assert ini_section("source:x", ToyTcp(port=5), "tcp_server") == (
        "[source:x]\n"
        "type = tcp_server\n"
        "host = 0.0.0.0\n"
        "port = 5\n"
        "allow =\n"
        "idle = 200ms\n"
        "framing = line\n"
        "framing.keep_empty = no\n"
        "tls.enabled = no\n"
    )


def test_json_is_written_as_the_page_writes_it() -> None:
    assert config_object(ToyTcp(port=5), "tcp_server") == {
        "type": "tcp_server",
        "host": "0.0.0.0",
        "port": 5,
        "allow": [],
        "idle": "200ms",
        "framing": {"type": "line", "keep_empty": False},
        "tls": {"enabled": False},
    }


def test_a_gateway_reads_back(tmp_path: Path) -> None:
    gateway = GatewayConfig(state_dir="/s", name="gate", include=("a/*.ini", "b/*"))
    path = tmp_path / "c.ini"
    path.write_text(ini_section("gateway", gateway))

    assert load(str(path), KINDS).gateway == gateway


def test_a_secret_is_masked_in_every_spelling() -> None:
    remote = ToyRemote(
        url="http://h", auth=ToyAuth(password="hunter2"), token="hunter2"
    )
    shown = ini_section("source:x", remote, "remote_icombuffer")

    assert "hunter2" not in shown
    assert "auth.password = ********\n" in shown
    assert config_object(remote)["auth"]["password"] == "********"
    assert config_object(ToyRemote(url="x"))["auth"]["password"] == ""
    assert "token" not in config_object(ToyRemote(url="x"))


@pytest.mark.parametrize(
    "description", [" x", "x ", "a ; b", "; b", "a\n# b", "a\n\nb", "a\t;b", "a\n b"]
)
def test_what_ini_cannot_carry_is_refused(description: str) -> None:
    with pytest.raises(ValueError, match="INI cannot carry this value"):
        ini_section("channel:x", ChannelConfig(description=description))
