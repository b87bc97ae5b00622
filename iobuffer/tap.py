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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python import usage
from twisted.python.failure import Failure

from .cli.check import check, print_problems
from .errors import ConfigError, ExitStatus, StorageError, StorageFailed
from .gateway import Gateway
from .logs import LogOutput
from .manhole.listening import Manhole
from .people import AuditLog, People
from .precautions import take_precautions, warn_of_root
from .registry import KINDS
from .sd_notify import Notifier, Supervisor, status_words
from .serving import Serving
from .settings.load import load
from .settings.model import Settings
from .state import Word
from .storage.base import Store
from .storage.sqlite import SqliteStore

__all__ = ["NotStarted", "Options", "log_path", "makeService", "open_store"]

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
        "configuration and reopens the log, SIGUSR1 reopens the log, SIGUSR2 logs the "
        "state of every channel."
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
    service = _Whole(_tell if twistd.get("nodaemon") else _log_end)
    notifier = Notifier(
        reactor,
        Supervisor.from_environment(os.environ),
        ask_store=lambda: _round_trip(gateway),
        status=lambda: status_words(_attention(gateway)),
    )
    manhole = Manhole(
        reactor,
        settings.extra.get("manhole"),
        state_dir=settings.gateway.state_dir,
        namespace={"gateway": gateway, "channels": gateway.pairs},
        audit=AuditLog(Path(settings.gateway.state_dir), wall=time.time).append,
    )
    gateway.on_settings.append(lambda new: manhole.change(new.extra.get("manhole")))
    _Signals(reactor, gateway, output, notifier).setServiceParent(service)
    gateway.setServiceParent(service)
    serving = Serving(
        gateway,
        reactor=reactor,
        wall=time.time,
        open_people=lambda state_dir: People(
            state_dir, wall=time.time, seconds=reactor.seconds
        ),
    )
    serving.setServiceParent(service)
    manhole.setServiceParent(service)
    notifier.setServiceParent(service)
    return service


def log_path(twistd: Any) -> str | None:
    """Where twistd would log: for a daemon, twistd.log where it runs."""
    path = twistd.get("logfile")
    if path is None and not twistd.get("nodaemon", True):
        path = "twistd.log"
    if path in (None, "-"):
        return None
    return os.path.join(twistd.get("rundir", "."), path)


def _round_trip(gateway: Gateway) -> Deferred[None] | None:
    """Fires once the store's thread has answered; None while there is none."""
    keeper = gateway.keeper
    return None if keeper is None else keeper.call(lambda store: None)


def _attention(gateway: Gateway) -> dict[str, bool]:
    """Each channel, and whether a person must see to it."""
    return {
        name: pair.channel.full or pair.state.word is Word.FAILED
        for name, pair in gateway.pairs.items()
    }


def _say(level: str, text: str) -> None:
    _log.emit(LogLevel.levelWithName(level), "{text}", text=text)


def _log_fault(failure: Failure, asked: str) -> None:
    _log.failure("{asked}: a fault of the gateway's own", failure, asked=asked)


class NotStarted(SystemExit, Exception):
    """The gateway cannot start, and why has been told.

    An Exception, so that twistd removes the pid file and, of a daemon, tells the parent
    (which prints the beginning of the text and ends with 1); and a SystemExit, so that
    Python ends with the status and without a traceback.
    """

    def __init__(self, text: str, status: ExitStatus) -> None:
        super().__init__(status)
        self.text = text

    def __str__(self) -> str:
        return self.text


class _Whole(MultiService):
    """A store that cannot be opened is one clear line and an exit status, not a
    traceback. `tell` is given the line."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__()
        self._tell = tell

    def startService(self) -> None:
        try:
            super().startService()
        except StorageError as error:
            text = str(error)
            self._tell(text)
            failed = isinstance(error, StorageFailed)
            status = ExitStatus.IO_ERROR if failed else ExitStatus.UNAVAILABLE
            raise NotStarted(text, status) from None


def _tell(text: str) -> None:
    # twistd has turned sys.stderr into a log.
    print(f"iobuffer: {text}", file=sys.__stderr__)


def _log_end(text: str) -> None:
    """A daemon has nobody to read its standard error."""
    _log.critical("not started: {why}", why=text)


class _Signals(Service):
    """SIGHUP reloads and reopens the log, SIGUSR1 does no more than reopen it, as
    twistd has it; SIGUSR2 writes the status into the log."""

    def __init__(
        self, reactor: Any, gateway: Gateway, output: LogOutput, notifier: Notifier
    ) -> None:
        self._reactor = reactor
        self._gateway = gateway
        self._output = output
        self._notifier = notifier

    def startService(self) -> None:
        super().startService()
        take_precautions(_say)
        self._reactor.callWhenRunning(warn_of_root, _say)
        signal.signal(signal.SIGHUP, self._on_hangup)
        signal.signal(signal.SIGUSR1, self._on_rotation)
        signal.signal(signal.SIGUSR2, self._on_user)
        # What exists now exists for good; the collector need not look at it again.
        gc.freeze()

    def stopService(self) -> Deferred[None] | None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        return super().stopService()

    def _on_hangup(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._reload)

    def _on_rotation(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._reopen)

    def _on_user(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._log_status)

    def _log_status(self) -> None:
        self._gateway.log_status().addErrback(_log_fault, "status")

    def _reload(self) -> None:
        self._reopen()
        reloaded = self._notifier.during_reload(self._gateway.reload)
        reloaded.addErrback(_log_fault, "reload")

    def _reopen(self) -> None:
        try:
            self._output.reopen()
        except OSError as error:
            # The old file is still open, and better than none.
            print(f"iobuffer: cannot reopen the log: {error}", file=sys.__stderr__)
