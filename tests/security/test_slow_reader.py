"""TORTURE A9: nothing is kept for a reader of live views who cannot keep up."""

from __future__ import annotations

from typing import Any

from twisted.web.server import NOT_DONE_YET

from iobuffer.web.api_live import Stream
from iobuffer.web.base import PEOPLE, Call, Route
from tests.web.web_fakes import Wire

ASK = b"GET /live HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t-admin\r\n\r\n"


def test_while_its_socket_is_full_what_comes_is_lost_and_that_is_known() -> None:
    streams: list[Stream] = []

    def live(call: Call) -> Any:
        streams.append(Stream(call, streams.remove))
        return NOT_DONE_YET

    route = Route(method="GET", path="/live", roles=PEOPLE, call=live, summary="")
    wire = Wire([route])
    assert b"200 OK" in wire.send(ASK)
    stream = streams[0]
    stream.send("sample", b"1")
    assert b"data: 1" in wire.send(b"")

    # What a transport says once its buffer holds 64 KiB.
    wire.connection.pauseProducing()
    for _ in range(10_000):
        stream.send("sample", b"x" * 1000)
        wire.clock.advance(1)

    assert wire.send(b"") == b""
    assert stream.lost
    assert not stream.ready
    wire.connection.resumeProducing()
    stream.send("sample", b"2")
    said = wire.send(b"")
    assert b"data: 2" in said
    assert len(said) < 1000
    stream.close()
    assert streams == []
