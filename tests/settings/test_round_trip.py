"""What a channel is shown as reads back as the same channel, long and brief."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iobuffer.registry import KINDS
from iobuffer.settings.channels import channel_from_object
from iobuffer.settings.load import load
from iobuffer.settings.model import ChannelSettings
from iobuffer.settings.secret import MASK
from iobuffer.settings.show import channel_ini, channel_object
from tests.test_seed_page import BLOCKS

EVERYTHING: dict[str, Any] = {
    "id": "chem-1",
    "description": "Chemistry analyser, ward 3",
    "enabled": True,
    "keep": "1h 30m",
    "max_bytes": "3 GiB",
    "max_messages": 12345,
    "when_full": "drop_oldest",
    "max_partial_bytes": "1 MiB",
    "silence": {"after": "20m", "hours": "mon-fri 07:00-19:00"},
    "alarm": {"link_down": "90s", "queue_percent": 70, "nak_percent": 5},
    "source": {
        "type": "tcp_server",
        "host": "::1",
        "port": 5000,
        "allow": ["10.1.0.0/16", "192.168.7.20"],
        "max_connections": 7,
        "idle_timeout": "250ms",
        "keepalive": "90s",
        "framing": {
            "type": "stx_etx",
            "check": "crc16",
            "crc16": "modbus",
            "trailer": "\\r\\n",
            "max_message_bytes": "64 KiB",
            "on_oversize": "close",
        },
        "ack": {"type": "bytes", "ok": "\\x06\\x3b", "error": "\\x15"},
        "tls": {
            "enabled": True,
            "cert": "/nowhere/a cert.pem",
            "key": "/nowhere/key.pem",
            "client_ca": "/nowhere/ca.pem",
            "client_cert_required": False,
            "minimum": "1.3",
        },
    },
    "destinations": {
        "lis": {
            "type": "tcp_client",
            "host": "lis.example",
            "port": 6661,
            "framing": "mllp",
            "ack": "hl7",
            "refused": "park",
            "attempts": 9,
            "tls": {"enabled": True, "ca": "/nowhere/ca.pem"},
        },
        "archive": {
            "type": "file",
            "path": "/nowhere/{channel}/%Y-%m-%d.txt",
            "rotate_bytes": "10 MiB",
            "fsync": "interval",
            "mode": "0600",
        },
        "printer": {
            "type": "serial",
            "port": "rfc2217://ts:4001",
            "baud_rate": 19200,
            "data_bits": 7,
            "parity": "even",
            "stop_bits": 2,
            "flow_control": "RTS/CTS",
            "framing": {"type": "delimiter", "delimiter": ";"},
        },
        "web": {
            "type": "http",
            "url": "https://h.example/in?a=b;c",
            "auth": {"username": "us er", "password": "geheim"},
            "batch": 50,
            "framing": "line",
        },
    },
}

CHANNELS = {
    "everything": EVERYTHING,
    **{
        json.loads(block)["type"]: {"id": "page", "source": json.loads(block)}
        for block in BLOCKS
    },
}


def _channel(found: dict[str, Any]) -> ChannelSettings:
    return channel_from_object(found, KINDS, "x.json")


def _same(one: ChannelSettings, other: ChannelSettings) -> bool:
    return (one.name, one.policy, one.source, one.destinations) == (
        other.name,
        other.policy,
        other.source,
        other.destinations,
    )


def _password(found: dict[str, Any]) -> str:
    for each in (found["source"], *found.get("destinations", {}).values()):
        if "auth" in each:
            return str(each["auth"]["password"])
    return ""


@pytest.mark.parametrize("brief", [True, False], ids=["brief", "whole"])
@pytest.mark.parametrize("name", CHANNELS)
def test_ini_reads_back_as_the_same_channel(
    name: str, brief: bool, tmp_path: Path
) -> None:
    found = CHANNELS[name]
    channel = _channel(found)
    text = channel_ini(channel, brief=brief)
    password = _password(found)
    if password:
        assert f"password = {password}\n" not in text or password == MASK
        text = text.replace(MASK, password)
    path = tmp_path / "c.ini"
    path.write_text(text)
    path.chmod(0o600)

    assert _same(load(str(path), KINDS).channels[channel.name], channel)


@pytest.mark.parametrize("brief", [True, False], ids=["brief", "whole"])
@pytest.mark.parametrize("name", CHANNELS)
def test_json_reads_back_as_the_same_channel(name: str, brief: bool) -> None:
    found = CHANNELS[name]
    channel = _channel(found)
    text = json.dumps(channel_object(channel, brief=brief))

    assert _same(_channel(json.loads(text.replace(MASK, _password(found)))), channel)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: json.loads(block)["type"])
def test_brief_json_of_a_block_of_the_page_is_that_block(block: str) -> None:
    written = json.loads(block)
    shown = channel_object(_channel({"id": "p", "source": written}), brief=True)
    source = shown["source"]

    for name, value in written.items():
        assert source[name] == value
    assert set(source) - set(written) <= {"framing"}


def test_what_everybody_sets_stands_first_in_the_order_of_the_page() -> None:
    source = {
        "type": "tcp_server",
        "port": 5000,
        "idle_timeout": "5m",
        "tls": {"enabled": True, "minimum": "1.3", "cert": "/c.pem"},
    }
    channel = _channel({"id": "c", "source": source})
    text = channel_ini(channel, brief=True)

    assert list(channel_object(channel, brief=True)["source"]) == [
        "type",
        "host",
        "port",
        "tls",
        "framing",
        "idle_timeout",
    ]
    assert [line.partition(" =")[0] for line in text.splitlines()[1:]] == [
        "type",
        "host",
        "port",
        "tls.enabled",
        "tls.cert",
        "tls.minimum",
        "framing",
        "idle_timeout",
    ]


def test_brief_ini_says_what_everybody_sets_and_what_was_changed() -> None:
    channel = _channel(
        {
            "id": "c",
            "source": {"type": "udp", "port": 514, "receive_buffer": "1 MiB"},
            "destinations": {"d": {"type": "udp", "host": "h", "port": 514}},
        }
    )

    assert channel_ini(channel, brief=True) == (
        "[source:c]\n"
        "type = udp\n"
        "host = 0.0.0.0\n"
        "port = 514\n"
        "framing = datagram\n"
        "receive_buffer = 1 MiB\n"
        "\n"
        "[destination:c:d]\n"
        "type = udp\n"
        "host = h\n"
        "port = 514\n"
        "framing = datagram\n"
    )
