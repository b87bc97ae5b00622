"""status, channels, messages, show, tail, reload, pause, resume, start, stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus

from .gateways import gateway

STATUS = {
    "name": "ward-3",
    "version": "0.1.0",
    "now": 1_000_000.0,
    "started_at": 992_800.0,
    "state_dir": "/var/lib/iobuffer",
    "channels": {"running": 2, "failed": 1},
    "store": {
        "file_bytes": 5 * 1024 * 1024,
        "wal_bytes": 100,
        "commits_total": 7,
        "batches_total": 8,
        "messages_total": 9,
        "pending_bytes": 0,
        "recent_bytes": 0,
    },
    "alarms": [{"alarm": "link_down"}],
    "warnings": ["c.ini:3: tls.cert is not there"],
}

CHANNEL = {
    "name": "chem-1",
    "enabled": True,
    "full": False,
    "state": {"word": "waiting", "reason": "lis: nothing listens", "since": 1.0},
    "parts": {
        "source": {
            "kind": "source",
            "type": "tcp_server",
            "state": {"word": "running", "reason": "", "since": 1.0},
        },
        "lis": {
            "kind": "destination",
            "type": "tcp_client",
            "state": {"word": "waiting", "reason": "nothing listens", "since": 1.0},
            "queued": 4,
            "oldest_queued_age_seconds": 90.0,
            "ledger": {"parked": 2},
        },
    },
    "store": {"last_seq": 42},
}

MESSAGE: dict[str, Any] = {
    "seq": 42,
    "received_at": 1_000_000.0,
    "peer": "10.0.0.7:4711",
    "origin": "10.0.0.7:4711",
    "hops": [],
    "size_bytes": 8,
    "outcomes": {
        "file": {"state": "delivered", "confidence": "sent", "delivered_at": 1_000_000},
        "lis": {"state": "parked", "reason": "AE: later", "attempts": 3},
    },
    "truncated": False,
    "text": "MSH|\rPID\x1b",
}


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_status_tells_of_the_gateway_and_its_store(tmp_path: Path) -> None:
    with gateway(tmp_path, STATUS) as asked:
        result = _run("status", tmp_path)

    assert asked.targets == ["GET /api/status"]
    assert result.output == (
        "ward-3: iobuffer 0.1.0, up 2.0 h\n"
        "channels: 1 failed, 2 running\n"
        "store: 5.0 MiB, log 100 bytes, 9 messages in 7 commits since the start\n"
        "alarms: 1; `iobuffer alarms` shows them\n"
        "c.ini:3: tls.cert is not there\n"
    )


def test_channels_tells_of_every_part_what_is_wrong_and_what_waits(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, {"channels": [CHANNEL]}) as asked:
        result = _run("channels", tmp_path)

    assert asked.targets == ["GET /api/channels"]
    assert result.output == (
        "chem-1: waiting: lis: nothing listens, last message 42\n"
        "  source (tcp_server): running\n"
        "  lis (tcp_client): waiting: nothing listens, queued 4 (oldest 1.5 min), "
        "parked 2\n"
    )


def test_one_channel_is_shown_alone_whatever_its_name(tmp_path: Path) -> None:
    with gateway(tmp_path, CHANNEL) as asked:
        result = _run("channels", tmp_path, "a/b c")

    assert asked.targets == ["GET /api/channels/a%2Fb%20c"]
    assert result.output.startswith("chem-1: ")


def test_without_channels_it_says_what_makes_one(tmp_path: Path) -> None:
    with gateway(tmp_path, {"channels": []}):
        assert "a [source:NAME] section makes one" in _run("channels", tmp_path).output


def test_messages_are_listed_each_on_a_line_that_no_terminal_obeys(
    tmp_path: Path,
) -> None:
    page = {"messages": [MESSAGE], "next": {"before": 42}}
    with gateway(tmp_path, page) as asked:
        result = _run(
            "messages", tmp_path, "chem-1", "--contains", "PID|1", "--limit=1"
        )

    assert asked.targets == [
        "GET /api/channels/chem-1/messages?limit=1&contains=PID%7C1"
    ]
    first, last = result.output.splitlines()
    assert first.startswith("42  ")
    assert first.endswith(r"  10.0.0.7:4711  8 bytes  MSH|\rPID\x1b")
    assert last == "there may be more: --before 42"


def test_where_no_message_is_found_it_says_so(tmp_path: Path) -> None:
    with gateway(tmp_path, {"messages": [], "next": None}):
        result = _run("messages", tmp_path, "chem-1")

    assert result.output == "no message was found\n"


def test_a_message_is_shown_with_what_became_of_it(tmp_path: Path) -> None:
    with gateway(tmp_path, MESSAGE) as asked:
        result = _run("show", tmp_path, "chem-1", "42")

    assert asked.targets == ["GET /api/channels/chem-1/messages/42?form=text"]
    head, file, lis, blank, *lines = result.output.splitlines()
    assert head.startswith("message 42 of chem-1, 8 bytes, received ")
    assert head.endswith(" from 10.0.0.7:4711")
    assert file.startswith("  file: delivered (sent) ")
    assert lis == "  lis: parked: AE: later"
    assert blank == ""
    assert lines == ["MSH|", r"PID\x1b"]


def test_a_message_that_came_through_other_instances_names_them(
    tmp_path: Path,
) -> None:
    hops = [{"gateway": "e1", "channel": "ward"}, {"gateway": "e2", "channel": "mid"}]
    with gateway(tmp_path, {**MESSAGE, "hops": hops}):
        result = _run("show", tmp_path, "chem-1", "42")

    head, *lines = result.output.splitlines()
    assert head.endswith(" from 10.0.0.7:4711")
    assert lines[:2] == [
        "  through channel ward of the gateway e1",
        "  through channel mid of the gateway e2",
    ]


def test_a_message_is_shown_as_hex(tmp_path: Path) -> None:
    found = {**MESSAGE, "hex": "4d53480d" * 5, "truncated": True}
    del found["text"]
    with gateway(tmp_path, found):
        result = _run("show", tmp_path, "chem-1", "42", "--hex")

    *_, first, second, rest = result.output.splitlines()
    assert first == (
        "00000000  4d 53 48 0d 4d 53 48 0d 4d 53 48 0d 4d 53 48 0d  MSH.MSH.MSH.MSH."
    )
    assert second.startswith("00000010  4d 53 48 0d  ")
    assert "--raw" in rest


def test_raw_is_the_message_and_nothing_else(tmp_path: Path) -> None:
    with gateway(tmp_path, b"\x00\xff\r\n") as asked:
        result = _run("show", tmp_path, "chem-1", "42", "--raw")

    assert asked.targets == ["GET /api/channels/chem-1/messages/42?form=raw"]
    assert result.stdout_bytes == b"\x00\xff\r\n"


EVENTS = b"".join(
    b"event: %s\ndata: %s\n\n" % (name, json.dumps(data).encode())
    for name, data in (
        (b"skipped", {"messages": 7}),
        (b"later", {"of": "another version"}),
        (b"message", MESSAGE),
        (b"message", {**MESSAGE, "seq": 43}),
        (b"message", {**MESSAGE, "seq": 44}),
    )
)


def test_tail_shows_messages_as_they_come_and_what_was_left_out(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, b"retry: 3000\n\n" + EVENTS) as asked:
        result = _run("tail", tmp_path, "chem-1", "--count=2")

    assert asked.targets == ["GET /api/channels/chem-1/tail"]
    skipped, first, second = result.output.splitlines()
    assert skipped == "... 7 not shown"
    assert first.startswith("42  ")
    assert first.endswith(r"  10.0.0.7:4711  MSH|\rPID\x1b")
    assert second.startswith("43  ")


def test_tail_ends_when_the_gateway_ends_it_and_speaks_json(tmp_path: Path) -> None:
    with gateway(tmp_path, EVENTS):
        result = _run("tail", tmp_path, "chem-1", "--json")

    found = [json.loads(line) for line in result.output.splitlines()]
    assert [each["event"] for each in found] == ["skipped"] + ["message"] * 3
    assert found[1]["text"] == MESSAGE["text"]


@pytest.mark.parametrize("verb", ["pause", "resume", "start", "stop", "restart"])
def test_a_channel_or_a_part_is_held_or_let_go(tmp_path: Path, verb: str) -> None:
    with gateway(tmp_path, CHANNEL) as asked:
        result = _run(verb, tmp_path, "chem-1")
        _run(verb, tmp_path, "chem-1", "lis")

    assert asked.targets == [
        f"POST /api/channels/chem-1/{verb}",
        f"POST /api/channels/chem-1/{verb}?part=lis",
    ]
    assert result.output == (
        "chem-1: waiting: lis: nothing listens\n"
        "  source: running\n"
        "  lis: waiting: nothing listens\n"
    )


def test_reload_prints_the_warnings(tmp_path: Path) -> None:
    with gateway(tmp_path, {"done": True, "channels": [], "warnings": ["c.ini: w"]}):
        result = _run("reload", tmp_path)

    assert result.output == "read again; channels: 0\nc.ini: w\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["channels"],
        ["messages", "chem-1"],
        ["show", "chem-1", "1"],
        ["reload"],
        ["pause", "chem-1"],
        ["restart", "chem-1", "lis"],
        ["log", "chem-1"],
        ["show", "chem-1", "1", "--decoded"],
        ["export", "chem-1"],
    ],
)
def test_json_is_the_api_s_own_answer(tmp_path: Path, arguments: list[str]) -> None:
    with gateway(tmp_path, {"all": ["of", "it"]}):
        command, *rest = arguments
        result = _run(command, tmp_path, *rest, "--json")

    assert result.exit_code == ExitStatus.OK
    assert json.loads(result.output) == {"all": ["of", "it"]}
