"""What systemd is told: that the gateway is ready, how it is, and that it is alive.

The protocol of sd_notify(3): a datagram of `NAME=value` lines to the Unix socket that
the environment names. The unit is `etc/iobuffer.service`. Where there is no such socket
nothing is told, and nothing is different.

The watchdog's sign of life is a round trip: from the reactor to the store's thread and
back. A gateway whose thread hangs would otherwise look well for ever, take bytes until
its buffers are full, and acknowledge nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeVar

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

__all__ = ["Notifier", "Supervisor", "status_words"]

_T = TypeVar("_T")

#: How often the status is looked at where there is no watchdog.
_STATUS_SECONDS = 10.0

#: How many channels a status names; `systemctl status` shows one line of it.
_NAMED = 5

_log = Logger(namespace="iobuffer")


@attrs.frozen
class Supervisor:
    """Where to tell, and how often a sign of life is expected.

    `address` is empty without a supervisor; `watchdog_seconds` is 0 without a watchdog.
    """

    address: str = ""
    watchdog_seconds: float = 0.0

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Supervisor:
        """Take what systemd has set, also out of the environment: a program that we
        start must not speak in our name."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", "")
        watched = microseconds.isdecimal() and pid in ("", str(os.getpid()))
        # Beside paths there are abstract names, with an "@" for the NUL.
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, int(microseconds) / 1e6 if watched else 0.0)

    def tell(self, *lines: str) -> None:
        """Send one datagram. That nobody takes it is logged, and stops nothing."""
        if not self.address:
            return
        address = self.address
        if address.startswith("@"):
            address = "\0" + address[1:]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
            # The reactor waits for nobody, not for its supervisor either.
            telling.setblocking(False)
            try:
                telling.sendto("\n".join(lines).encode(), address)
            except OSError as error:
                _log.warn(
                    "the supervisor at {address} could not be told {lines}: {why}",
                    address=self.address,
                    lines=" ".join(lines),
                    why=error.strerror,
                )


class Notifier(Service):
    """Tells a supervisor how the gateway is. The last child of the service tree: what
    stands before it has been started when it says READY.

    Args:
        reactor: with monotonic timers.
        supervisor: told of it.
        ask_store: a round trip to the store's thread; None while there is none. That it
            fires is all that matters: a store that refuses (a full disk) is alive.
        status: a line for people.
    """

    def __init__(
        self,
        reactor: Any,
        supervisor: Supervisor,
        *,
        ask_store: Callable[[], Deferred[Any] | None],
        status: Callable[[], str],
    ) -> None:
        self._reactor = reactor
        self._supervisor = supervisor
        self._ask_store = ask_store
        self._status = status
        self._told = ""
        self._ready = False
        self._next: IDelayedCall | None = None
        # Half of it, so that one sign may come late (sd_watchdog_enabled(3)).
        self._period_seconds = supervisor.watchdog_seconds / 2 or _STATUS_SECONDS

    def startService(self) -> None:
        super().startService()
        if self._supervisor.address:
            self._reactor.callWhenRunning(self._ask)

    def stopService(self) -> None:
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._supervisor.tell("STOPPING=1", "STATUS=stopping")

    def during_reload(self, reload: Callable[[], Deferred[_T]]) -> Deferred[_T]:
        """Call `reload`, and say when it begins and ends: `systemctl reload` waits."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._supervisor.tell("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        reloading = reload()

        def reloaded(result: Any) -> Any:
            self._tell("READY=1")
            return result

        return reloading.addBoth(reloaded)

    def _ask(self) -> None:
        self._next = None
        if not self.running:
            return
        asked = self._ask_store()
        if asked is None:
            self._again()
        else:
            # Until it fires nothing more is asked and nothing told.
            asked.addBoth(self._answered)

    def _answered(self, _: object) -> None:
        # What it failed with is of no account here; whoever it concerns was told.
        if not self.running:
            return
        if not self._ready:
            self._ready = True
            self._tell("READY=1")
        elif self._supervisor.watchdog_seconds:
            self._tell("WATCHDOG=1")
        else:
            self._tell()
        self._again()

    def _again(self) -> None:
        self._next = self._reactor.callLater(self._period_seconds, self._ask)

    def _tell(self, *lines: str) -> None:
        status = self._status()
        if status != self._told:
            self._told = status
            lines += (f"STATUS={status}",)
        if lines:
            self._supervisor.tell(*lines)


def status_words(channels: Mapping[str, bool]) -> str:
    """How many channels there are, and which of them need a person.

    `channels` maps each name to whether it does.
    """
    count = len(channels)
    words = f"{count} channel{'' if count == 1 else 's'}"
    names = [name for name, needs in channels.items() if needs]
    if not names:
        return f"{words}, none needs attention"
    named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    verb = "needs" if len(names) == 1 else "need"
    return f"{words}, {len(names)} {verb} attention: {named}"
