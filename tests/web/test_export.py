"""A reader of an export that takes nothing, by a clock that a test can move."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from iobuffer.web import api_export
from tests.web.web_fakes import Wire


class Endless:
    """A gateway with one channel that never ends, and gives a page when it is told."""

    def __init__(self) -> None:
        self.asked: list[Deferred[dict[str, Any]]] = []

    def payloads(self, name: str) -> str:
        return "open"

    def messages(self, name: str, query: dict[str, Any]) -> Deferred[dict[str, Any]]:
        page: Deferred[dict[str, Any]] = Deferred()
        self.asked.append(page)
        return page

    def give(self, *, last: bool = False) -> None:
        seq = len(self.asked)
        message = {
            "seq": seq,
            "received_at": 1.0,
            "peer": "",
            "size_bytes": 3,
            "message": b"abc",
            "states": {},
        }
        following = None if last else {"after": seq}
        page = {"messages": [message], "next": following, "last_seq": 1000}
        self.asked[-1].callback(page)


def begin(gateway: Endless) -> Wire:
    wire = Wire(api_export.ROUTES, operations=gateway)
    wire.ask("GET", "/api/channels/a/export?form=raw")
    gateway.give()
    assert wire.transport.value().endswith(b"abc\n\r\n")
    return wire


def test_pages_are_asked_for_as_they_are_taken() -> None:
    gateway = Endless()
    wire = begin(gateway)
    wire.connection.pauseProducing()
    gateway.give()
    assert wire.transport.value().count(b"abc\n") == 1
    assert len(gateway.asked) == 2
    wire.connection.resumeProducing()
    assert wire.transport.value().count(b"abc\n") == 2
    assert len(gateway.asked) == 3
    gateway.give(last=True)
    assert wire.transport.value().endswith(b"0\r\n\r\n")


def test_one_who_takes_nothing_for_two_minutes_is_cut_off() -> None:
    gateway = Endless()
    wire = begin(gateway)
    wire.connection.pauseProducing()
    gateway.give()
    wire.clock.advance(119)
    assert not wire.transport.aborted
    wire.clock.advance(1)
    assert wire.transport.aborted
    assert not wire.transport.value().endswith(b"0\r\n\r\n")
    assert len(gateway.asked) == 2


def test_one_who_takes_something_now_and_then_is_not() -> None:
    gateway = Endless()
    wire = begin(gateway)
    for _ in range(3):
        wire.connection.pauseProducing()
        gateway.give()
        wire.clock.advance(100)
        wire.connection.resumeProducing()
    assert not wire.transport.aborted
    assert wire.transport.value().count(b"abc\n") == 4
