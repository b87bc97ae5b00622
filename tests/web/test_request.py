"""A connection that is fed by hand: limits, deadlines, and the grammar of HTTP."""

from __future__ import annotations

import json

import pytest

from iobuffer.web.base import Call, Problem, Reply, Role, Route
from tests.web.web_fakes import Wire

ADMINS = frozenset({Role.ADMIN})


def echo(call: Call) -> Reply:
    body = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
    return Reply(body=body, content_type="application/octet-stream")


def fails(call: Call) -> Reply:
    raise Problem(409, "No", "because", colour="red")


ROUTES = (
    Route(
        method="POST",
        path="/echo",
        roles=ADMINS,
        call=echo,
        summary="",
        max_body_bytes=100,
    ),
    Route(
        method="PUT",
        path="/json",
        roles=ADMINS,
        call=echo,
        summary="",
        body={"type": "object"},
        max_body_bytes=1024 * 1024,
    ),
    Route(method="GET", path="/get", roles=ADMINS, call=echo, summary=""),
    Route(method="GET", path="/open", roles=None, call=echo, summary=""),
    Route(method="GET", path="/fails", roles=ADMINS, call=fails, summary=""),
)
AUTH = "Authorization: Bearer t-admin\r\n"


def document(said: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(said.partition(b"\r\n\r\n")[2])
    return found


def test_two_requests_go_over_one_connection() -> None:
    wire = Wire(ROUTES)
    assert wire.ask("POST", "/echo", body=b"one")[1].endswith(b"\r\n\r\none")
    assert wire.ask("POST", "/echo", body=b"two")[1].endswith(b"\r\n\r\ntwo")


def test_pipelined_requests_are_answered_in_order() -> None:
    wire = Wire(ROUTES)
    post = f"POST /echo HTTP/1.1\r\nHost: h\r\n{AUTH}Content-Length: 1\r\n\r\n"
    get = f"GET /get HTTP/1.1\r\nHost: h\r\n{AUTH}\r\n"
    said = wire.send((post + "a" + post + "b" + get).encode())
    assert said.count(b"HTTP/1.1 200") == 3
    assert said.index(b"\r\n\r\na") < said.index(b"\r\n\r\nb")


def test_every_answer_has_the_security_headers() -> None:
    for path in ("/get", "/fails", "/missing"):
        _, said = Wire(ROUTES).ask("GET", path)
        for name in (
            b"Content-Security-Policy",
            b"X-Content-Type-Options",
            b"Referrer",
        ):
            assert name in said, (path, name)
        assert b"Server:" not in said


def test_a_problem_is_a_document_with_its_members() -> None:
    status, said = Wire(ROUTES).ask("GET", "/fails")
    assert status == 409
    assert b"application/problem+json" in said
    assert document(said) == {
        "type": "about:blank",
        "title": "No",
        "status": 409,
        "detail": "because",
        "colour": "red",
    }


def test_a_path_that_is_not_there_is_told_only_to_somebody() -> None:
    assert Wire(ROUTES).ask("GET", "/missing")[0] == 404
    assert Wire(ROUTES).ask("GET", "/missing", token="")[0] == 401
    assert Wire(ROUTES).ask("GET", "/open", token="")[0] == 200


def test_a_body_without_credentials_is_refused_before_it_comes() -> None:
    wire = Wire(ROUTES)
    head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n"
    said = wire.send(head.encode())
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in said
    assert wire.send(b"x" * 99) == b"", "thrown away"
    wire.clock.advance(3)
    assert wire.transport.aborted


def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_comes() -> None:
    head = f"POST /echo HTTP/1.1\r\nHost: h\r\n{AUTH}Content-Length: 101\r\n\r\n"
    assert Wire(ROUTES).send(head.encode()).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unknown_length_is_refused_where_it_becomes_too_large() -> None:
    wire = Wire(ROUTES)
    chunked = "Transfer-Encoding: chunked"
    head = f"POST /echo HTTP/1.1\r\nHost: h\r\n{AUTH}{chunked}\r\n\r\n"
    assert wire.send(head.encode() + b"64\r\n" + b"x" * 100 + b"\r\n") == b""
    assert wire.send(b"1\r\nx\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_get_takes_no_body() -> None:
    assert Wire(ROUTES).ask("GET", "/get", body=b"x")[0] == 413


def test_a_compressed_body_is_refused() -> None:
    status, _ = Wire(ROUTES).ask("POST", "/echo", "Content-Encoding: gzip", body=b"x")
    assert status == 415


def test_json_must_be_said_to_be_json() -> None:
    wire = Wire(ROUTES)
    status, _ = wire.ask("PUT", "/json", "Content-Type: text/plain", body=b"{}")
    assert status == 415
    assert Wire(ROUTES).ask("PUT", "/json", body=b"{}")[0] == 415


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[]",
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: body[:8].decode("latin-1"),
)
def test_what_is_no_json_object_is_a_400(body: bytes) -> None:
    status, said = Wire(ROUTES).ask(
        "PUT", "/json", "Content-Type: application/json", body=body
    )
    assert status == 400
    assert "body" in str(document(said)["title"])


def test_a_slow_request_has_one_deadline_for_all_of_it() -> None:
    wire = Wire(ROUTES)
    said = b""
    for octet in b"GET /get HTTP/1.1\r\nHost: h\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaa":
        said += wire.send(bytes([octet]))
        wire.clock.advance(1)
    said += wire.send(b"")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert wire.transport.aborted


def test_a_slow_body_ends_at_the_same_deadline() -> None:
    wire = Wire(ROUTES)
    wire.send(
        f"POST /echo HTTP/1.1\r\nHost: h\r\n{AUTH}Content-Length: 90\r\n\r\n".encode()
    )
    said = b""
    for _ in range(40):
        said += wire.send(b"x")
        wire.clock.advance(1)
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_connection_on_which_nothing_is_asked_is_closed() -> None:
    wire = Wire(ROUTES)
    wire.clock.advance(61)
    assert wire.transport.aborted


@pytest.mark.parametrize(
    "head",
    [
        "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1",
        "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1",
        "POST /echo HTTP/1.1\r\nContent-Length: +5",
        "POST /echo HTTP/1.1\r\nContent-Length: 0x5",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: xchunked",
        "GET /get HTTP/1.1\r\nX-Folded: a\r\n b",
        "GET /get HTTP/1.1\r\nX-Bare: a\nX-Other: b",
        "GET /get HTTP/1.1\r\nno colon",
        "GET /get",
        "GET http://evil/get HTTP/1.1",
        "GET //../get HTTP/1.1",
        "GET /../get HTTP/1.1",
        "GET /%2e%2e/get HTTP/1.1",
        "GET /%2fget HTTP/1.1",
        "GET /get%00 HTTP/1.1",
        "GET /%ff HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET /get?a=%ff HTTP/1.1",
        "GET /get?a=1 HTTP/1.1",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(head: str) -> None:
    body = "0\r\n\r\n" if head.startswith("POST") else ""
    said = Wire(ROUTES).send(f"{head}\r\nHost: h\r\n{AUTH}\r\n{body}".encode())
    assert said.startswith(b"HTTP/1.1 400 "), said[:60]
    assert said.count(b"HTTP/1.1") == 1
    assert b"application/problem+json" in said


def test_a_header_of_more_than_16_kib_is_refused() -> None:
    for head in (b"GET /get HTTP/1.1\r\nX: " + b"x" * 20_000, b"x" * 40_000):
        assert Wire(ROUTES).send(head).startswith(b"HTTP/1.1 431 ")
    many = b"".join(b"X-%d: y\r\n" % number for number in range(5000))
    said = Wire(ROUTES).send(b"GET /get HTTP/1.1\r\n" + many)
    assert said.startswith(b"HTTP/1.1 4")


def test_head_is_get_without_the_body_and_options_says_what_there_is() -> None:
    status, said = Wire(ROUTES).ask("HEAD", "/get")
    assert status == 200
    assert said.endswith(b"\r\n\r\n")
    status, said = Wire(ROUTES).ask("OPTIONS", "/echo")
    assert status == 204
    assert b"Allow: OPTIONS, POST" in said
    assert Wire(ROUTES).ask("OPTIONS", "/echo", token="")[0] == 401


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), 403),
        (("X-CSRF-Token: word",), 200),
        (("X-CSRF-Token: other",), 403),
        (("X-CSRF-Token: word", "Origin: http://h"), 200),
        (("X-CSRF-Token: word", "Origin: http://evil"), 403),
        (("X-CSRF-Token: word", "Origin: null"), 403),
        (("X-CSRF-Token: word", "Sec-Fetch-Site: cross-site"), 403),
        (("X-CSRF-Token: word", "Sec-Fetch-Site: same-origin"), 200),
    ],
)
def test_a_change_by_session_comes_from_our_own_page(
    headers: tuple[str, ...], expected: int
) -> None:
    status, _ = Wire(ROUTES).ask(
        "POST", "/echo", "Cookie: iobuffer=s-admin", *headers, token="", body=b"x"
    )
    assert status == expected


def test_another_sites_page_cannot_use_a_token_either() -> None:
    status, _ = Wire(ROUTES).ask("POST", "/echo", "Origin: http://evil", body=b"x")
    assert status == 403


def test_a_password_is_checked_before_the_body_is_taken() -> None:
    good = "Authorization: Basic YWRtaW46c2VjcmV0"
    bad = "Authorization: Basic YWRtaW46d3Jvbmc="
    assert Wire(ROUTES).ask("POST", "/echo", good, token="", body=b"x")[0] == 200
    assert Wire(ROUTES).ask("POST", "/echo", bad, token="", body=b"x")[0] == 401
    assert Wire(ROUTES).ask("GET", "/get", good, token="")[0] == 200
    assert Wire(ROUTES).ask("GET", "/get", bad, token="")[0] == 401
    assert Wire(ROUTES).ask("GET", "/get", "Authorization: Basic ?", token="")[0] == 401


def test_the_local_socket_is_an_admin_without_credentials() -> None:
    wire = Wire(ROUTES, local=True)
    assert wire.ask("POST", "/echo", token="", body=b"x")[0] == 200


def test_a_fault_of_our_own_says_nothing_of_it() -> None:
    def breaks(call: Call) -> Reply:
        raise ZeroDivisionError("canary")

    route = Route(method="GET", path="/x", roles=ADMINS, call=breaks, summary="")
    status, said = Wire([route]).ask("GET", "/x")
    assert status == 500
    assert b"canary" not in said
