"""TORTURE A7: bytes that two programs would cut into different requests.

Whatever is in doubt is answered once with 400 (431: too large) and the connection ends;
the request that hides behind it is never heard. Everything goes over a real socket.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.integration.api_site import ApiGateway, raw_exchange

from .raw_wires import exchange_all

AUTH = b"Authorization: Bearer t-admin\r\n"
#: What an attacker hides: if it is heard, there is a second answer.
HIDDEN = b"GET /api/status HTTP/1.1\r\nHost: h\r\n" + AUTH + b"\r\n"
PLAN = b"POST /api/plan HTTP/1.1\r\nHost: h\r\n" + AUTH
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"remove":"x"}'
WRONG_PASSWORD = b"Authorization: Basic YWRtaW46d3Jvbmc=\r\n"


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    made = ApiGateway(reactor, tmp_path, "")
    made.start()
    yield made
    await made.stop()


def get(*lines: bytes, target: bytes = b"/api/status") -> bytes:
    """A GET that would be answered, were it not for these header lines."""
    head = b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n" + AUTH
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines: bytes, body: bytes) -> bytes:
    """A POST that would be answered, were it not for its framing."""
    return PLAN + JSON + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


LENGTH = b"Content-Length: 14"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"e\r\n" + BODY + b"\r\n0\r\n\r\n"

IN_DOUBT = {
    # Both lengths: CL.TE and TE.CL.
    "CL.TE": post(LENGTH, CHUNKED, body=CHUNKS),
    "TE.CL": post(CHUNKED, LENGTH, body=CHUNKS),
    "CL 0 and TE": post(b"Content-Length: 0", CHUNKED, body=CHUNKS),
    # TE.TE: one of the two does not know it.
    "TE twice": post(CHUNKED, CHUNKED, body=CHUNKS),
    "TE twice, one unknown": post(CHUNKED, b"Transfer-Encoding: identity", body=CHUNKS),
    "TE list": post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "TE list, chunked not last": post(
        b"Transfer-Encoding: chunked, identity", body=CHUNKS
    ),
    "TE xchunked": post(b"Transfer-Encoding: xchunked", body=CHUNKS),
    "TE quoted": post(b'Transfer-Encoding: "chunked"', body=CHUNKS),
    "TE with a tab before the colon": post(b"Transfer-Encoding\t: chunked", body=b""),
    "TE with a vertical tab": post(b"Transfer-Encoding:\x0bchunked", body=CHUNKS),
    "TE with a NUL": post(b"Transfer-Encoding: chunked\x00", body=CHUNKS),
    "TE empty": post(b"Transfer-Encoding: ", body=b""),
    # Lengths that are no number, or more than one.
    "CL +": post(b"Content-Length: +14", body=BODY),
    "CL -": post(b"Content-Length: -14", body=BODY),
    "CL hex": post(b"Content-Length: 0xe", body=BODY),
    "CL underscore": post(b"Content-Length: 1_4", body=BODY),
    "CL blanks": post(b"Content-Length: 1 4", body=BODY),
    "CL other digits": post("Content-Length: ١٤".encode(), body=BODY),
    "CL empty": post(b"Content-Length: ", body=BODY),
    "CL list": post(b"Content-Length: 14, 14", body=BODY),
    "CL twice": post(LENGTH, LENGTH, body=BODY),
    "CL twice, different": post(LENGTH, b"Content-Length: 3", body=BODY),
    # Chunks.
    "chunk size +": post(CHUNKED, body=b"+e\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size 0x": post(CHUNKED, body=b"0xe\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size with a blank": post(CHUNKED, body=b" e\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size empty": post(CHUNKED, body=b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size negative": post(CHUNKED, body=b"-1\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size without end": post(CHUNKED, body=b"0" * 5000),
    "chunk longer than said": post(CHUNKED, body=b"d\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "LF behind a chunk size": post(CHUNKED, body=b"e\n" + BODY + b"\r\n0\r\n\r\n"),
    "LF in a chunk extension": post(
        CHUNKED, body=b"e;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"
    ),
    "LF behind a chunk": post(CHUNKED, body=b"e\r\n" + BODY + b"\n0\r\n\r\n"),
    # Line ends and blanks of the header.
    "bare LF": get(b"X-A: a\nX-B: b"),
    "bare LF everywhere": get().replace(b"\r\n", b"\n"),
    "bare CR": get(b"X-A: a\rX-B: b"),
    "NUL in a value": get(b"X-A: a\x00b"),
    "obs-fold": get(b"X-A: a", b" b"),
    "obs-fold with a tab": get(b"X-A: a", b"\tb"),
    "fold before the first header": b"GET /api/status HTTP/1.1\r\n Host: h\r\n\r\n",
    "blank before the colon": get(b"X-A : a"),
    "no name": get(b": a"),
    "no colon": get(b"X-A"),
    "name with a bracket": get(b"X(A): a"),
    # Request lines.
    "no version": b"GET /api/status\r\nHost: h\r\n" + AUTH + b"\r\n",
    "two blanks": get().replace(b"GET /", b"GET  /", 1),
    "a tab for a blank": get().replace(b"GET /", b"GET\t/", 1),
    "a blank in the target": get(target=b"/api/status /x"),
    "HTTP/2.0": get().replace(b"HTTP/1.1", b"HTTP/2.0", 1),
    "HTTP/1.1.1": get().replace(b"HTTP/1.1", b"HTTP/1.1.1", 1),
    "h2c preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method with a bracket": get().replace(b"GET", b"G(T", 1),
    # Hosts.
    "no Host": get().replace(b"Host: h\r\n", b"", 1),
    "Host twice": get(b"Host: evil"),
}


async def test_what_two_programs_would_cut_differently_is_refused_once(
    api: ApiGateway,
) -> None:
    said = await exchange_all(
        api.port, {name: content + HIDDEN for name, content in IN_DOUBT.items()}
    )

    wrong = {
        name: answer
        for name, answer in said.items()
        if not answer.startswith(b"HTTP/1.1 400 ")
        or answer.count(b"HTTP/1.1 ") != 1
        or b"application/problem+json" not in answer
        or b"Connection: close" not in answer
    }
    assert wrong == {}


async def test_other_forms_of_a_target_are_no_path(api: ApiGateway) -> None:
    """Where the request ends is in no doubt, so the connection may go on; that it is
    for this host is."""
    targets = [b"http://h/api/status", b"http://evil/api/status", b"*", b"evil:443"]
    said = await exchange_all(
        api.port,
        {str(each): get(b"Connection: close", target=each) for each in targets},
    )

    assert {answer[:13] for answer in said.values()} == {b"HTTP/1.1 400 "}


async def test_what_is_too_large_is_refused_and_the_rest_thrown_away(
    api: ApiGateway,
) -> None:
    """20 kB of header in every form, and a body that nobody could keep."""
    too_large = {
        "one header": get(b"X-A: " + b"a" * 20_000),
        "large headers": get(*(b"X-%d: %s" % (n, b"a" * 200) for n in range(90))),
        "many headers": get(*(b"X-%d: a" % number for number in range(150))),
        "target": get(target=b"/" + b"a" * 20_000),
        "no line at all": b"G" * 40_000,
        "length": post(b"Content-Length: 9999999999999999999", body=BODY),
        "behind a wrong password": PLAN.replace(AUTH, WRONG_PASSWORD)
        + JSON
        + b"Content-Length: %d\r\n\r\n" % len(HIDDEN),
    }
    said = await exchange_all(
        api.port, {name: content + HIDDEN for name, content in too_large.items()}
    )

    assert {name: answer[9:12] for name, answer in said.items()} == {
        "one header": b"431",
        "large headers": b"431",
        "many headers": b"400",
        "target": b"431",
        "no line at all": b"431",
        "length": b"413",
        # While it is checked, the body is not read as the next request.
        "behind a wrong password": b"401",
    }
    assert {answer.count(b"HTTP/1.1 ") for answer in said.values()} == {1}


async def test_good_requests_of_every_framing_are_heard(api: ApiGateway) -> None:
    """The calibration: what is refused above is refused for its one fault."""
    for content in (
        get(),
        post(LENGTH, body=BODY),
        post(CHUNKED, body=CHUNKS),
        post(b"Transfer-Encoding: Chunked", body=b"E;a=b\r\n" + CHUNKS[3:]),
    ):
        said = await raw_exchange(
            api.reactor, api.port, content + get(b"Connection: close")
        )
        assert said.count(b"HTTP/1.1 200 ") == 2, said


async def test_pipelined_requests_are_answered_in_their_order(
    api: ApiGateway,
) -> None:
    """CVE-2023-46137, CVE-2024-41671: the first takes a turn of a thread, the second
    none; whoever is behind a proxy would be given somebody else's answer."""
    slow = post(LENGTH, body=BODY)
    quick = get(b"Connection: close", target=b"/api/whoami")

    said = await raw_exchange(api.reactor, api.port, slow * 5 + quick)

    answers = said.split(b"HTTP/1.1 ")[1:]
    assert len(answers) == 6
    assert [b'"via"' in answer for answer in answers] == [False] * 5 + [True]


async def test_every_byte_on_its_own_makes_no_difference(api: ApiGateway) -> None:
    """A fault that only one cut of the bytes shows."""

    def drip(content: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", api.port), 10) as connection:
            connection.settimeout(10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            got = b""
            try:
                for octet in content:
                    connection.sendall(bytes([octet]))
                while chunk := connection.recv(65536):
                    got += chunk
            except OSError:
                pass  # refused while it was being sent
            return got

    names = ("LF behind a chunk size", "obs-fold", "CL twice", "bare LF", "CL.TE")
    dripping = [deferToThread(drip, IN_DOUBT[name]) for name in names]
    for said in await gatherResults(dripping):
        assert said.startswith(b"HTTP/1.1 400 "), said
        assert said.count(b"HTTP/1.1 ") == 1
