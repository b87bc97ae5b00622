"""Where the page and the API listen, and when they may."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from twisted.internet.testing import MemoryReactorClock

from iobuffer.links.tls import TlsConfig
from iobuffer.state import StateCell, Word
from iobuffer.web.base import Site
from iobuffer.web.config import HttpConfig
from iobuffer.web.server import WebServer
from tests.integration.api_site import FakePeople
from tests.links.certificates import Authority


@attrs.define
class Place:
    """A server on a reactor that only writes down where it was told to listen."""

    reactor: MemoryReactorClock
    people: FakePeople
    state: StateCell
    server: WebServer


def serving(config: HttpConfig | None, folder: Path, *, password: bool = True) -> Place:
    reactor, people = MemoryReactorClock(), FakePeople()
    people.password = password
    state = StateCell(reactor.seconds, lambda old, new: None)
    site = Site(
        operations=None,  # type: ignore[arg-type]
        people=people,
        reactor=reactor,
        wall=reactor.seconds,
    )
    server = WebServer(
        site,
        config=config,
        socket_path=str(folder / "api.sock"),
        reactor=reactor,
        state=state,
        log=lambda level, text: None,
    )
    server.start()
    return Place(reactor, people, state, server)


def tls_of(folder: Path) -> TlsConfig:
    cert, key = Authority(folder).issue("page")
    return TlsConfig(enabled=True, cert=cert, key=key)


def test_the_default_is_loopback_and_safe() -> None:
    assert HttpConfig().host == "127.0.0.1"
    assert not HttpConfig().unsafe_network_without_tls_or_password


def test_without_the_section_only_the_socket_is_there(tmp_path: Path) -> None:
    place = serving(None, tmp_path)
    assert not place.reactor.tcpServers
    [(path, _, _, mode, _)] = place.reactor.unixServers
    assert path == str(tmp_path / "api.sock")
    assert mode == 0o600


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_it_takes_nothing(tmp_path: Path, host: str) -> None:
    place = serving(HttpConfig(host=host), tmp_path, password=False)
    assert len(place.reactor.tcpServers) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "gateway.example"])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("password", [False, True])
@pytest.mark.parametrize("unsafe", [False, True])
def test_beyond_this_machine_it_takes_tls_and_a_password(
    tmp_path: Path, host: str, tls: bool, password: bool, unsafe: bool
) -> None:
    config = HttpConfig(
        host=host,
        tls=tls_of(tmp_path) if tls else TlsConfig(),
        unsafe_network_without_tls_or_password=unsafe,
    )
    place = serving(config, tmp_path, password=password)
    assert bool(place.reactor.tcpServers) == (unsafe or (tls and password))
    if not place.reactor.tcpServers:
        assert place.state.word is Word.FAILED
        assert ("iobuffer passwd" if tls else "tls.enabled") in (
            place.state.current.reason
        )


def test_it_listens_once_there_is_a_password(tmp_path: Path) -> None:
    config = HttpConfig(host="0.0.0.0", tls=tls_of(tmp_path))
    place = serving(config, tmp_path, password=False)
    place.reactor.advance(5)
    assert not place.reactor.tcpServers
    place.people.password = True
    place.reactor.advance(5)
    assert len(place.reactor.tcpServers) == 1
    assert place.state.word is Word.RUNNING
