"""`twistd iobuffer`: its options, and the parts list.

The configuration is read and checked in postOptions, before twistd forks and changes
directory; what is wrong with it is printed, all of it, and the exit status is 78.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher
from twisted.python import usage
from twisted.python.failure import Failure

from .cli.check import check, print_problems
from .errors import ConfigError, ExitStatus, StorageError, StorageFailed
from .gateway import Gateway
from .logs import LogOutput
from .registry import KINDS
from .settings.load import load
from .settings.model import Settings
from .storage.base import Store
from .storage.sqlite import SqliteStore

__all__ = ["Options", "log_path", "makeService", "open_store"]

_log = Logger(namespace="iobuffer")


class Options(usage.Options):
    """What `twistd iobuffer` takes."""

    synopsis = "[options]"
    longdesc = (
        "Takes messages from devices, has each one safe on disk before it says "
        "received, and delivers them in order. etc/iobuffer.ini.example explains the "
        "configuration, docs/operations.rst the rest. twistd's own options stand "
        "before the word iobuffer: -n stays in the foreground and logs to standard "
        "output, as a supervisor wants it. SIGTERM stops, SIGHUP reloads the "
        "configuration and reopens the log, SIGUSR2 logs the state of every channel."
    )
    optParameters = [
        ["config", "c", "/etc/iobuffer/iobuffer.ini", "The configuration file."],
    ]
    optFlags = [
        ["check", None, "Check the configuration and end, as iobuffer check does."],
    ]

    settings: Settings

    def postOptions(self) -> None:
        if self["check"]:
            sys.exit(check(self["config"], KINDS, sys.stdout))
        # twistd changes directory when it becomes a daemon; a reload must find the
        # file all the same.
        self["config"] = os.path.abspath(self["config"])
        try:
            self.settings = load(self["config"], KINDS)
        except ConfigError as error:
            print_problems(error.problems, sys.stderr)
            sys.exit(ExitStatus.CONFIG)
        if self.parent is not None:
            # The gateway brings its own observer (see logs.py); twistd still wants one.
            self.parent["logger"] = "iobuffer.logs.no_observer"


def open_store(gateway: Any) -> Store:
    """The store of a `[gateway]` section."""
    return SqliteStore(
        gateway.state_dir,
        secure_delete=gateway.secure_delete == "on",
        min_free_bytes=gateway.min_free_bytes,
    )


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service tree for twistd: the gateway, and the signals that steer it."""
    if reactor is None:
        from twisted.internet import reactor
    # Twisted's clock is the wall clock: set back an hour, every timeout would freeze
    # for an hour (DESIGN 11). Before the first callLater, or the queue is mixed.
    reactor.seconds = time.monotonic
    config, settings = options["config"], options.settings
    twistd = options.parent if options.parent is not None else {}
    output = LogOutput(
        log_path(twistd), settings.gateway.log_format, settings.gateway.log_level
    )
    globalLogPublisher.addObserver(output)
    gateway = Gateway(
        settings,
        kinds=KINDS,
        open_store=open_store,
        reload_settings=lambda: load(config, KINDS),
        reactor=reactor,
        wall=time.time,
    )
    service = _Foreground() if twistd.get("nodaemon") else MultiService()
    _Signals(reactor, gateway, output).setServiceParent(service)
    gateway.setServiceParent(service)
    return service


def log_path(twistd: Any) -> str | None:
    """Where twistd would log: for a daemon, twistd.log where it runs."""
    path = twistd.get("logfile")
    if path is None and not twistd.get("nodaemon", True):
        path = "twistd.log"
    if path in (None, "-"):
        return None
    return os.path.join(twistd.get("rundir", "."), path)


def _log_fault(failure: Failure, asked: str) -> None:
    _log.failure("{asked}: a fault of the gateway's own", failure, asked=asked)


class _Foreground(MultiService):
    """Without a daemon there is somebody to read: a store that cannot be opened is one
    clear line and an exit status, not a traceback."""

    def startService(self) -> None:
        try:
            super().startService()
        except StorageError as error:
            # twistd has turned sys.stderr into a log.
            print(f"iobuffer: {error}", file=sys.__stderr__)
            failed = isinstance(error, StorageFailed)
            sys.exit(ExitStatus.IO_ERROR if failed else ExitStatus.UNAVAILABLE)


class _Signals(Service):
    """SIGHUP reloads and reopens the log; SIGUSR2 writes the status into the log."""

    def __init__(self, reactor: Any, gateway: Gateway, output: LogOutput) -> None:
        self._reactor = reactor
        self._gateway = gateway
        self._output = output

    def startService(self) -> None:
        super().startService()
        signal.signal(signal.SIGHUP, self._on_hangup)
        signal.signal(signal.SIGUSR2, self._on_user)
        # What exists now exists for good; the collector need not look at it again.
        gc.freeze()

    def stopService(self) -> Deferred[None] | None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        return super().stopService()

    def _on_hangup(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._reload)

    def _on_user(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._log_status)

    def _log_status(self) -> None:
        self._gateway.log_status().addErrback(_log_fault, "status")

    def _reload(self) -> None:
        try:
            self._output.reopen()
        except OSError as error:
            # The old file is still open, and better than none.
            print(f"iobuffer: cannot reopen the log: {error}", file=sys.__stderr__)
        reloaded = self._gateway.reload()
        reloaded.addErrback(_log_fault, "reload")
