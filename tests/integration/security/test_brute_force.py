"""TORTURE A3: passwords guessed at over real sockets, with a clock moved by hand."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread

from iobuffer.links.tls import TlsConfig
from tests.integration.test_sign_in import Place
from tests.people.people_fakes import BETTER, GOOD, CountingPasswords

from .raw_wires import exchange_all


@pytest_twisted.async_yield_fixture
async def place(reactor: Any, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(reactor, tmp_path, TlsConfig())
    made.people.put_user("otto", password=GOOD, role="operator")
    made.people.put_user("anna", password=GOOD, role="admin")
    yield made
    await made.server.stop()


def try_all(port: int, names: Iterable[str], source: str) -> Counter[int]:
    """Sign in under each name with a wrong password over one connection; how often
    each status came."""
    found: Counter[int] = Counter()
    line = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=10, source_address=(source, 0)
    )
    for name in names:
        body = json.dumps({"name": name, "password": BETTER})
        line.request("POST", "/api/login", body, {"Content-Type": "application/json"})
        response = line.getresponse()
        response.read()
        found[response.status] += 1
        if response.status == 429:
            assert int(response.headers["Retry-After"]) >= 1
    line.close()
    return found


async def test_of_a_thousand_guesses_at_one_account_five_are_looked_at(
    place: Place,
) -> None:
    found = await deferToThread(try_all, place.port, ["otto"] * 1000, "127.0.0.1")

    assert found == {401: 5, 429: 995}
    assert place.people.counted.verified == 5
    # A flood of attempts does not fill the disk either.
    assert len(place.done()) == 6


async def test_of_a_thousand_accounts_from_one_address_five_are_looked_at(
    place: Place,
) -> None:
    names = [f"user-{number}" for number in range(1000)]
    found = await deferToThread(try_all, place.port, names, "127.0.0.1")

    assert found == {401: 5, 429: 995}
    assert place.people.counted.verified == 5
    # Whoever else comes in from there waits, from elsewhere not.
    await place.sign_in("anna", source="127.0.0.2")


async def test_two_hundred_addresses_share_the_five_and_the_user_comes_in(
    place: Place,
) -> None:
    await place.sign_in("otto", source="127.9.9.9")
    before = place.people.counted.verified

    def besiege() -> Counter[int]:
        found: Counter[int] = Counter()
        for number in range(200):
            found += try_all(place.port, ["otto"], f"127.1.0.{number + 1}")
        return found

    assert await deferToThread(besiege) == {401: 5, 429: 195}
    assert place.people.counted.verified == before + 5
    await place.sign_in("otto", source="127.9.9.9")


async def test_a_password_with_each_request_is_no_way_around_it(place: Place) -> None:
    pair = base64.b64encode(f"otto:{BETTER}".encode()).decode()
    found: Counter[int] = Counter()
    for _ in range(20):
        reply = await place.ask(
            "GET", "/api/whoami", headers={"Authorization": f"Basic {pair}"}
        )
        found[reply.status] += 1

    assert found == {401: 5, 429: 15}
    assert place.people.counted.verified == 5


class Gated(CountingPasswords):
    """Hashing that lasts until the gate is opened; `most` is how many were at it at one
    time."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.most = self.now = 0
        self._counting = threading.Lock()
        inner = self._hasher

        class Slow:
            """A hasher in whose hands every password takes its time."""

            def verify(hasher, kept: str, password: str) -> bool:
                with self._counting:
                    self.now += 1
                    self.most = max(self.most, self.now)
                self.gate.wait(10)
                with self._counting:
                    self.now -= 1
                return inner.verify(kept, password)

        self._hasher = Slow()  # type: ignore[assignment]


async def test_two_passwords_are_hashed_at_once_and_the_rest_goes_on(
    place: Place,
) -> None:
    """To sign in must cost neither the processor nor the threads of everybody else."""
    browser = await place.sign_in("anna", source="127.9.9.9")
    gated = place.people.passwords = Gated()
    flooding = ensureDeferred(
        exchange_all(
            place.port, {name: sign_in_as(name) for name in ("a", "b", "c", "d", "e")}
        )
    )

    def waiting() -> None:
        ends_at = time.monotonic() + 10
        while gated.now < 2 and time.monotonic() < ends_at:
            time.sleep(0.01)

    await deferToThread(waiting)
    for _ in range(5):
        who = await place.ask("GET", "/api/whoami", browser=browser)
        assert who.status == 200
    assert gated.now == 2
    gated.gate.set()
    said = await flooding

    assert gated.most == 2
    assert {answer[9:12] for answer in said.values()} == {b"401"}


def sign_in_as(name: str) -> bytes:
    body = json.dumps({"name": name, "password": BETTER}).encode()
    return (
        b"POST /api/login HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body
