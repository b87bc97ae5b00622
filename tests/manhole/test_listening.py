from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from iobuffer.manhole.config import ManholeConfig
from iobuffer.manhole.keys import HOST_KEY
from iobuffer.manhole.listening import Manhole
from iobuffer.manhole.shell import MAX_CONNECTIONS


@pytest.fixture
def logged() -> Iterator[list[tuple[LogLevel, str]]]:
    events: list[tuple[LogLevel, str]] = []

    def observe(event: Any) -> None:
        events.append((event["log_level"], formatEvent(event)))

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def _manhole(tmp_path: Path, config: ManholeConfig | None) -> tuple[Any, Manhole]:
    reactor = MemoryReactorClock()
    manhole = Manhole(
        reactor,
        config,
        state_dir=str(tmp_path),
        namespace={},
        audit=lambda who, what, detail: None,
    )
    return reactor, manhole


def _config(tmp_path: Path, **options: Any) -> ManholeConfig:
    return ManholeConfig(
        enabled=True, authorized_keys=str(tmp_path / "keys"), **options
    )


@pytest.mark.parametrize("config", [None, ManholeConfig()])
def test_nothing_listens_unless_it_is_enabled(
    tmp_path: Path, config: ManholeConfig | None
) -> None:
    reactor, manhole = _manhole(tmp_path, config)

    manhole.startService()

    assert not reactor.tcpServers
    assert not reactor.unixServers
    assert not (tmp_path / HOST_KEY).exists()


def test_it_listens_on_loopback_and_says_so_as_a_warning(
    tmp_path: Path, logged: list[tuple[LogLevel, str]]
) -> None:
    reactor, manhole = _manhole(tmp_path, _config(tmp_path, port=2200))

    manhole.startService()

    ((port, _, _, interface),) = reactor.tcpServers
    assert (port, interface) == (2200, "127.0.0.1")
    text = f"manhole: open on 127.0.0.1:2200 for the keys in {tmp_path}/keys"
    assert (LogLevel.warn, text) in logged


def test_a_unix_socket_is_for_its_owner_alone_and_no_port_is_open(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "manhole")
    reactor, manhole = _manhole(tmp_path, _config(tmp_path, socket=path))

    manhole.startService()

    ((address, _, _, mode, _),) = reactor.unixServers
    assert (address, mode) == (path, 0o600)
    assert not reactor.tcpServers


def test_a_socket_that_a_killed_gateway_has_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "manhole"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    reactor, manhole = _manhole(tmp_path, _config(tmp_path, socket=str(path)))

    manhole.startService()

    assert reactor.unixServers
    assert not path.exists()


def test_a_file_in_the_place_of_the_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "manhole"
    path.write_text("mine")
    _, manhole = _manhole(tmp_path, _config(tmp_path, socket=str(path)))

    manhole.startService()

    assert path.read_text() == "mine"


def test_that_it_cannot_listen_is_logged_and_stops_nothing_else(
    tmp_path: Path, logged: list[tuple[LogLevel, str]]
) -> None:
    _, manhole = _manhole(tmp_path / "nowhere", _config(tmp_path))

    manhole.startService()

    assert any(
        level is LogLevel.error and "cannot listen on 127.0.0.1:2222" in text
        for level, text in logged
    )


def test_a_reload_opens_it_moves_it_and_closes_it(tmp_path: Path) -> None:
    reactor, manhole = _manhole(tmp_path, None)
    manhole.startService()

    manhole.change(_config(tmp_path, port=2200))
    manhole.change(_config(tmp_path, port=2200))
    assert [each[0] for each in reactor.tcpServers] == [2200]

    manhole.change(_config(tmp_path, port=2201))
    assert [each[0] for each in reactor.tcpServers] == [2200, 2201]

    manhole.change(None)
    assert len(reactor.tcpServers) == 2


def test_a_change_before_the_start_opens_nothing_yet(tmp_path: Path) -> None:
    reactor, manhole = _manhole(tmp_path, None)

    manhole.change(_config(tmp_path))

    assert not reactor.tcpServers


def test_no_more_than_a_few_may_be_connected(tmp_path: Path) -> None:
    reactor, manhole = _manhole(tmp_path, _config(tmp_path))
    manhole.startService()
    factory = reactor.tcpServers[0][1]
    factory.doStart()
    for _ in range(MAX_CONNECTIONS):
        factory.connections.add(factory.buildProtocol(None))

    assert factory.buildProtocol(None) is None
