"""Syslog as it is shown."""

from __future__ import annotations

import pytest

from iobuffer.decoding import decode
from tests.decoding.test_any_message import fields_of


def shown(message: bytes) -> dict[str, str]:
    return {each.name: each.value for each in fields_of(decode(message))}


def test_the_priority_is_said_in_words() -> None:
    found = decode(b"<165>1 - vm app - - - x")
    assert found.segments[0].title == "Priority 165"
    assert shown(b"<165>x") == {
        "facility": "local4",
        "severity": "notice: normal but significant condition",
        "text": "x",
    }
    assert found.summary == "local4.notice vm app x"
    assert shown(b"<0>x")["facility"] == "kern"
    assert shown(b"<191>x")["severity"] == "debug: debug-level message"


def test_rfc5424_has_its_header_and_its_structured_data() -> None:
    message = (
        b"<134>1 2026-11-22T07:15:44+00:00 vm app - ID7 "
        b'[timeQuality tzKnown="1"][e@1 p="a\\"b\\]"] \xef\xbb\xbfhello'
    )
    found = decode(message)
    assert shown(message) == {
        "facility": "local0",
        "severity": "info: informational message",
        "timestamp": "2026-11-22T07:15:44+00:00",
        "host": "vm",
        "application": "app",
        "message": "ID7",
        "tzKnown": "1",
        "p": 'a"b]',
        "text": "hello",
    }
    names = ["PRI", "HEADER", "timeQuality", "e@1", "MSG"]
    assert [each.name for each in found.segments] == names
    assert message[found.segments[3].at :].startswith(b"[e@1")
    assert message[found.segments[4].at :] == b"hello"


@pytest.mark.parametrize(
    ("message", "host", "application", "text"),
    [
        (b"<13>Nov 22 07:15:44 vm app: msg 1", "vm", "app", "msg 1"),
        (b"<13>Nov  2 07:15:44 vm app[77]: msg\n", "vm", "app", "msg"),
        (b"<13>Nov 22 07:15:44 app: msg", None, "app", "msg"),
        (b"<13>Nov 22 07:15:44 vm just text", "vm", None, "just text"),
        (b"<38>2026-11-22T07:21:08 vm prg[1]: seq: 0", "vm", "prg", "seq: 0"),
        (b"<165>Nov 22 07:15:44: %ASA-6: Built", None, None, "%ASA-6: Built"),
        (b"<12>stdlib SOCK_STREAM\0", None, None, "stdlib SOCK_STREAM"),
    ],
)
def test_rfc3164_is_read_as_it_is_sent(
    message: bytes, host: str | None, application: str | None, text: str
) -> None:
    found = shown(message)
    assert (found.get("host"), found.get("application")) == (host, application)
    assert found["text"] == text


def test_structured_data_that_do_not_end_are_text() -> None:
    found = decode(b'<13>1 - - - - - [a b="c')
    assert found.note == "The structured data do not end as RFC 5424 has it."
    assert shown(b'<13>1 - - - - - [a b="c')["text"] == '[a b="c'
