"""Opens the manhole and closes it, as the configuration says."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger, LogLevel

from .config import ManholeConfig

if TYPE_CHECKING:
    from .shell import ShellFactory

__all__ = ["Manhole"]

_BANNER = """\
Python inside the running gateway. While what you type runs, nothing else does.
  list(channels)             the names of the channels
  channels["NAME"].state     how one is; .states() its parts, .counters() its figures
  gateway.log_status()       all of them, into the log
  gateway.reload()           read the configuration again
Every line is logged. Ctrl-D ends."""

_LEVELS = {"info": LogLevel.info, "warn": LogLevel.warn, "error": LogLevel.error}

_log = Logger(namespace="iobuffer")


class Manhole(Service):
    """Listens for SSH while `[manhole]` says so. That it cannot is logged, with the
    reason, and stops nothing else.

    Args:
        config: as loaded; None without that section.
        state_dir: holds the host key, once the store has made it.
        namespace: what the prompt knows.
        audit: audit(who, what, detail), as AuditLog.append.
    """

    def __init__(
        self,
        reactor: Any,
        config: ManholeConfig | None,
        *,
        state_dir: str,
        namespace: Mapping[str, Any],
        audit: Callable[[str, str, str], None],
    ) -> None:
        self._reactor = reactor
        self._config = config
        self._state_dir = Path(state_dir)
        self._namespace = namespace
        self._audit = audit
        self._changing = DeferredLock()
        self._opened: tuple[Any, ShellFactory] | None = None

    def startService(self) -> None:
        super().startService()
        self._open()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._changing.run(self._close)

    def change(self, config: ManholeConfig | None) -> Deferred[None]:
        """Take another configuration; one that is the same disturbs nobody."""
        return self._changing.run(lambda: ensureDeferred(self._change(config)))

    async def _change(self, config: ManholeConfig | None) -> None:
        if config == self._config:
            return
        self._config = config
        await self._close()
        if self.running:
            self._open()

    def _open(self) -> None:
        config = self._config
        if config is None or not config.enabled:
            return
        # Here, where somebody has switched it on: conch and what it needs cost every
        # other gateway 5 MB and a tenth of a second for nothing.
        from .keys import KeyFileError, host_key
        from .shell import ShellFactory

        assert config.authorized_keys is not None
        place = config.socket or _place(config.host, config.port)
        try:
            factory = ShellFactory(
                self._reactor,
                keys_path=Path(config.authorized_keys),
                user=config.user,
                own_key=host_key(self._state_dir),
                namespace=self._namespace,
                banner=_BANNER,
                audit=self._audit,
                log=_say,
            )
            self._opened = (self._listen(config, factory), factory)
        except (CannotListenError, KeyFileError, OSError) as error:
            words = f"cannot listen on {place}: {error}; see to it and reload"
            _say("error", words)
            return
        _say("warn", f"open on {place} for the keys in {config.authorized_keys}")

    def _listen(self, config: ManholeConfig, factory: ShellFactory) -> Any:
        if config.socket is None:
            return self._reactor.listenTCP(
                config.port, factory, backlog=5, interface=config.host
            )
        _clear(config.socket)
        # Bound with nothing for others, and not only made so a moment later.
        umask = os.umask(0o177)
        try:
            return self._reactor.listenUNIX(
                config.socket, factory, backlog=5, mode=0o600
            )
        finally:
            os.umask(umask)

    def _close(self) -> Deferred[None]:
        opened, self._opened = self._opened, None
        if opened is None:
            return maybeDeferred(lambda: None)
        port, factory = opened
        factory.disconnect()
        _say("info", "closed")
        return maybeDeferred(port.stopListening)


def _say(level: str, text: str) -> None:
    _log.emit(_LEVELS[level], "manhole: {text}", text=text)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _clear(path: str) -> None:
    """Remove a socket that a gateway which was killed has left."""
    if not os.path.exists(path) or not stat.S_ISSOCK(os.stat(path).st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
