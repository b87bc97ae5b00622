from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from iobuffer.errors import StorageFull
from iobuffer.sd_notify import Notifier, Supervisor, status_words
from iobuffer.storage.memory import MemoryStore
from iobuffer.storekeeper import Storekeeper
from tests.fakes import WALL, ManualReactor


class Listening:
    """The supervisor's end: a real datagram socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def told(self) -> list[str]:
        """What has come since the last call."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


class StartedReactor(Clock):
    """Runs already: what waits for that is called at once."""

    def callWhenRunning(self, call: Callable[..., object], *args: Any) -> None:
        call(*args)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    opened = Listening(str(tmp_path / "notify"))
    yield opened
    opened.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    return Supervisor(str(tmp_path / "notify"), watchdog_seconds=30.0)


def _answers_at_once() -> Deferred[None]:
    return succeed(None)


def _notifier(
    reactor: Any,
    supervisor: Supervisor,
    ask_store: Callable[[], Deferred[Any] | None] = _answers_at_once,
    status: Callable[[], str] = lambda: "2 channels",
) -> Notifier:
    return Notifier(reactor, supervisor, ask_store=ask_store, status=status)


# -- the environment -------------------------------------------------------------------


def test_the_environment_is_taken_and_nothing_of_it_is_left() -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }

    found = Supervisor.from_environment(environment)

    assert found == Supervisor("/run/systemd/notify", 30.0)
    assert environment == {"HOME": "/"}


def test_a_watchdog_for_another_process_is_not_ours() -> None:
    environment = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}

    assert Supervisor.from_environment(environment) == Supervisor("/n", 0.0)


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1"])
def test_without_a_socket_of_this_machine_nobody_is_told(address: str) -> None:
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}

    assert Supervisor.from_environment(environment) == Supervisor()


def test_an_abstract_name_is_told_too() -> None:
    name = f"iobuffer-test-{os.getpid()}"
    abstract = Listening("\0" + name)

    Supervisor("@" + name).tell("READY=1", "STATUS=well")

    assert abstract.told() == ["READY=1\nSTATUS=well"]
    abstract.close()


def test_a_supervisor_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    Supervisor(str(tmp_path / "nobody")).tell("READY=1")


# -- its life --------------------------------------------------------------------------


def test_ready_is_said_once_the_store_has_answered(
    listening: Listening, supervisor: Supervisor
) -> None:
    asked: Deferred[None] = Deferred()
    notifier = _notifier(StartedReactor(), supervisor, lambda: asked)

    notifier.startService()
    assert listening.told() == []

    asked.callback(None)
    assert listening.told() == ["READY=1\nSTATUS=2 channels"]


def test_signs_of_life_come_at_half_the_interval(
    listening: Listening, supervisor: Supervisor
) -> None:
    reactor = StartedReactor()
    _notifier(reactor, supervisor).startService()
    listening.told()

    reactor.advance(14.9)
    assert listening.told() == []
    reactor.advance(0.2)
    assert listening.told() == ["WATCHDOG=1"]
    reactor.advance(15.0)
    assert listening.told() == ["WATCHDOG=1"]


def test_no_sign_of_life_while_the_thread_of_the_store_hangs(
    listening: Listening, supervisor: Supervisor
) -> None:
    """With a real thread, that is held in the middle of a call by an event."""
    reactor = ManualReactor()
    reactor.callWhenRunning = lambda call: call()  # type: ignore[attr-defined]
    goes_on = threading.Event()
    keeper = Storekeeper(
        reactor,
        MemoryStore(),
        max_pending_bytes=1024,
        recent_bytes=1024,
        wall=lambda: WALL,
        on_fatal=lambda error: None,
        on_findings=lambda findings: None,
    )
    keeper.start()
    said: list[str] = []

    def heard() -> list[str]:
        said.extend(listening.told())
        return said

    notifier = _notifier(reactor, supervisor, lambda: keeper.call(lambda store: None))
    notifier.startService()
    reactor.run_until(heard)

    held = keeper.call(lambda store: goes_on.wait(10))
    said.clear()
    for _ in range(8):
        reactor.advance(15.0)
    assert heard() == []

    goes_on.set()
    reactor.run_until(heard)
    assert said == ["WATCHDOG=1"]
    assert reactor.result_of(held)
    notifier.stopService()
    reactor.result_of(keeper.stop())


def test_a_store_that_refuses_is_alive(
    listening: Listening, supervisor: Supervisor
) -> None:
    reactor = StartedReactor()
    _notifier(reactor, supervisor, lambda: fail(StorageFull("full"))).startService()
    reactor.advance(15.0)

    assert listening.told() == ["READY=1\nSTATUS=2 channels", "WATCHDOG=1"]


def test_ready_waits_for_a_store_that_is_not_there_yet(
    listening: Listening, supervisor: Supervisor
) -> None:
    reactor = StartedReactor()
    there: list[Deferred[None] | None] = [None, succeed(None)]
    _notifier(reactor, supervisor, lambda: there.pop(0)).startService()
    assert listening.told() == []

    reactor.advance(15.0)
    assert listening.told() == ["READY=1\nSTATUS=2 channels"]


def test_a_status_is_told_when_it_changes_with_a_watchdog_or_without(
    listening: Listening, supervisor: Supervisor
) -> None:
    reactor = StartedReactor()
    words = ["well"]
    unwatched = Supervisor(supervisor.address)
    notifier = _notifier(reactor, unwatched, status=lambda: words[0])
    notifier.startService()
    reactor.advance(10.0)
    assert listening.told() == ["READY=1\nSTATUS=well"]

    words[0] = "worse"
    reactor.advance(10.0)
    assert listening.told() == ["STATUS=worse"]


def test_stopping_is_said_and_nothing_after_it(
    listening: Listening, supervisor: Supervisor
) -> None:
    reactor = StartedReactor()
    notifier = _notifier(reactor, supervisor)
    notifier.startService()
    listening.told()

    notifier.stopService()
    reactor.advance(60.0)

    assert listening.told() == ["STOPPING=1\nSTATUS=stopping"]
    assert not reactor.getDelayedCalls()


def test_an_answer_that_comes_after_the_stop_is_not_told(
    listening: Listening, supervisor: Supervisor
) -> None:
    asked: Deferred[None] = Deferred()
    notifier = _notifier(StartedReactor(), supervisor, lambda: asked)
    notifier.startService()
    notifier.stopService()
    listening.told()

    asked.callback(None)

    assert listening.told() == []


def test_a_reload_is_told_from_its_beginning_to_its_end(
    listening: Listening, supervisor: Supervisor
) -> None:
    notifier = _notifier(StartedReactor(), supervisor)
    notifier.startService()
    listening.told()
    reloading: Deferred[bool] = Deferred()
    results: list[bool] = []

    notifier.during_reload(lambda: reloading).addCallback(results.append)
    begun, stamp = listening.told()[0].split("\n")
    assert begun == "RELOADING=1"
    assert stamp.removeprefix("MONOTONIC_USEC=").isdecimal()
    assert listening.told() == []

    reloading.callback(False)
    assert listening.told() == ["READY=1"]
    assert results == [False]


def test_without_a_supervisor_nothing_is_asked_and_no_timer_runs() -> None:
    reactor = StartedReactor()
    asked: list[None] = []
    notifier = _notifier(reactor, Supervisor(), lambda: asked.append(None))

    notifier.startService()
    reactor.advance(60.0)
    notifier.stopService()

    assert not asked


# -- the status ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ({}, "0 channels, none needs attention"),
        ({"a": False}, "1 channel, none needs attention"),
        ({"a": False, "b": True}, "2 channels, 1 needs attention: b"),
        ({"a": True, "b": True}, "2 channels, 2 need attention: a, b"),
        (
            dict.fromkeys("abcdef", True),
            "6 channels, 6 need attention: a, b, c, d, e, ...",
        ),
    ],
)
def test_the_status_names_the_channels_that_need_somebody(
    channels: dict[str, bool], words: str
) -> None:
    assert status_words(channels) == words
