"""The gateway as a Twisted service: the store, its keeper, and the channel pairs.

Floor 4, the parts list. Nothing here is on the path of a message.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.defer import (
    Deferred,
    DeferredList,
    DeferredLock,
    ensureDeferred,
)
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from .errors import ConfigError, ExitStatus, Problem, StorageError
from .heap import keep_freed_memory
from .history import History
from .pair import ChannelPair, limits_of
from .settings.model import ChannelSettings, Kinds, Settings
from .status_words import status_lines
from .storage.base import ChannelState, DestinationLedger, Finding, Store
from .storekeeper import Storekeeper
from .watch import Watch

__all__ = ["RELAY_CURSOR", "Gateway", "open_channel"]

#: What the cursor of a relay begins with (see relays.py); no destination is named so.
RELAY_CURSOR = "relay:"

_TALLY_SECONDS = 1.0

_log = Logger(namespace="iobuffer")


class Gateway(Service):
    """Runs every channel of a configuration.

    Args:
        settings: as loaded.
        kinds: the registry.
        open_store: opens the store of a `[gateway]` section; called in startService,
            after twistd has forked, for locks and threads do not survive that.
        reload_settings: reads the configuration again, or raises ConfigError.
        reactor: its timers must run on the monotonic clock (DESIGN 11).
        wall: epoch seconds, for labels.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        kinds: Kinds,
        open_store: Callable[[Any], Store],
        reload_settings: Callable[[], Settings],
        reactor: Any,
        wall: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.pairs: dict[str, ChannelPair] = {}
        self.keeper: Storekeeper | None = None
        self.kinds = kinds
        self._open_store = open_store
        self._reload_settings = reload_settings
        self._reactor = reactor
        self.wall = wall
        self.started_at = 0.0
        self._changing = DeferredLock()
        self._tallying: LoopingCall | None = None
        #: What the channels did in the last day.
        self.history = History()
        self.watch = Watch(
            settings=lambda: self.settings,
            pairs=self.pairs,
            keeper=lambda: self.keeper,
            reactor=reactor,
            wall=wall,
        )
        #: Called with the settings that a reload has taken.
        self.on_settings: list[Callable[[Settings], object]] = []

    # -- life --------------------------------------------------------------------------

    def startService(self) -> None:
        """Open the store and start every channel.

        Raises:
            StorageError: another gateway holds the state directory, or the store
                cannot be used; nothing was started.
        """
        super().startService()
        keep_freed_memory()
        gateway = self.settings.gateway
        for warning in self.settings.warnings:
            _log.warn("{warning}", warning=_told(warning))
        store = self._open_store(gateway)
        keeper = Storekeeper(
            self._reactor,
            store,
            max_pending_bytes=gateway.max_pending_bytes,
            recent_bytes=gateway.recent_bytes,
            wall=self.wall,
            on_fatal=_end_process,
            on_findings=self._log_findings,
        )
        self._log_findings(list(store.findings))
        store.findings.clear()
        try:
            found = {
                channel.name: open_channel(store, channel)
                for channel in self.settings.channels.values()
            }
            for name in store.channels():
                if name not in found:
                    self._log_abandoned(store.state(name))
        except StorageError:
            store.close()
            raise
        self.keeper = keeper
        self.started_at = self.wall()
        keeper.start()
        for name, channel in self.settings.channels.items():
            self._add_pair(channel, found[name])
        self._tallying = LoopingCall(self._tally)
        self._tallying.clock = self._reactor
        self._tallying.start(_TALLY_SECONDS, now=False)
        self.watch.start()
        _log.info(
            "started: {channels}, store in {state_dir}",
            channels=_channels(len(self.pairs)),
            state_dir=gateway.state_dir,
        )

    def stopService(self) -> Deferred[None]:
        """Stop sources, then destinations, then commit and close the store."""
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        if self._tallying is not None and self._tallying.running:
            self._tallying.stop()
        self.watch.stop()
        await self._changing.acquire()
        try:
            stopping = [pair.stop() for pair in self.pairs.values()]
            for _, result in await DeferredList(stopping, consumeErrors=True):
                # Whatever one of them could not do, the store is closed in good order.
                _log_failed(result, "a channel could not be stopped in good order")
            self.pairs.clear()
            if self.keeper is not None:
                unstored = await self.keeper.stop()
                if unstored:
                    _log.error(
                        "{count} messages without an acknowledgement were not stored: "
                        "there was no room for them",
                        count=unstored,
                    )
                self.keeper = None
        finally:
            self._changing.release()
        _log.info("stopped")

    # -- reload ------------------------------------------------------------------------

    def reload(self) -> Deferred[bool]:
        """Read the configuration again and take what has changed.

        Fires with False, and changes nothing, when it has errors; they are logged.
        With False also when a channel could not be opened in the store: that one stays
        as it was, and the next reload tries it again.
        """
        return self._changing.run(lambda: ensureDeferred(self._reload()))

    async def _reload(self) -> bool:
        try:
            return await self._take(self._reload_settings)
        except ConfigError as error:
            for problem in error.problems:
                level = LogLevel.error if problem.severity == "error" else LogLevel.warn
                _log.emit(level, "reload: {problem}", problem=_told(problem))
            _log.error("reload: nothing was changed")
            return False

    def take(self, read: Callable[[], Settings] | None = None) -> Deferred[bool]:
        """As reload(), for somebody who waits for the answer: fails with ConfigError
        when the configuration has errors. `read` may change a file before it reads,
        and takes that back when it raises."""
        reading = read if read is not None else self._reload_settings
        return self._changing.run(lambda: ensureDeferred(self._take(reading)))

    def alone(self, change: Callable[[], Awaitable[None]]) -> Deferred[None]:
        """Make a change that no reload, and no other such change, runs beside."""
        return self._changing.run(lambda: ensureDeferred(_awaited(change)))

    def reread(self) -> Settings:
        """The configuration as a reload would take it now, for a look; ConfigError."""
        return _until_restart(self.settings, self._reload_settings())

    async def _take(self, read: Callable[[], Settings]) -> bool:
        keeper = self.keeper
        if keeper is None:
            return False
        settings = _until_restart(self.settings, read())
        for warning in settings.warnings:
            _log.warn("reload: {warning}", warning=_told(warning))
        # What runs, not what was read last: a channel that could not be opened then (a
        # full disk) is taken up by the next reload.
        old = {name: pair.settings for name, pair in self.pairs.items()}
        new = settings.channels
        self.settings = settings
        for told in self.on_settings:
            told(settings)
        removed = [name for name in old if name not in new]
        changed = [name for name in new if name in old and new[name] != old[name]]
        added = [name for name in new if name not in old]
        done = True
        for names, change in (
            (removed, self._remove_pair),
            (changed, self._change_pair),
            (added, self._open_pair),
        ):
            for name in names:
                try:
                    await change(keeper, name)
                except Exception as error:
                    # One channel that cannot be changed does not keep the others from
                    # theirs; nobody else sees this error, so it is told whole.
                    done = False
                    _log_failed(Failure(error), f"reload: {name}: not changed")
        for pair in self.pairs.values():
            pair.resume_halted()
        _log.info(
            "reloaded: {added} added, {changed} changed, {removed} removed, "
            "{same} as before",
            added=_channels(len(added)),
            changed=len(changed),
            removed=len(removed),
            same=len(new) - len(added) - len(changed),
        )
        return done

    async def _remove_pair(self, keeper: Storekeeper, name: str) -> None:
        await self.pairs.pop(name).stop()
        self._log_abandoned(await keeper.call(_state_of(name)))

    async def _change_pair(self, keeper: Storekeeper, name: str) -> None:
        channel = self.settings.channels[name]
        await self.pairs[name].change(channel, await keeper.call(_opening(channel)))

    async def _open_pair(self, keeper: Storekeeper, name: str) -> None:
        channel = self.settings.channels[name]
        self._add_pair(channel, await keeper.call(_opening(channel)))

    # -- what it shows -----------------------------------------------------------------

    def log_status(self) -> Deferred[None]:
        """Each channel and each of its parts, in words, into the log."""
        return ensureDeferred(self._log_status())

    async def _log_status(self) -> None:
        ledgers: dict[str, Mapping[str, DestinationLedger]] = {}
        try:
            if self.keeper is not None:
                ledgers = await self.keeper.call(_ledgers)
        except StorageError as error:
            # A full disk is when somebody asks; what is in memory is told all the same.
            _log.warn("the ledger cannot be read: {why}", why=str(error))
        for name, pair in self.pairs.items():
            for line in status_lines(pair, ledgers.get(name, {})):
                _log.info("{line}", line=line)

    # -- within ------------------------------------------------------------------------

    def _add_pair(self, channel: ChannelSettings, found: ChannelState) -> None:
        assert self.keeper is not None
        for destination, missed in found.orphans.items():
            if missed:
                _log.warn(
                    "{channel}: {missed} messages wait for the destination "
                    "{destination}, which is no longer configured; they are kept "
                    "until it is, or until iobuffer store forget CONFIG {channel} "
                    "{destination}",
                    channel=channel.name,
                    destination=destination,
                    missed=missed,
                )
        pair = ChannelPair(
            channel,
            kinds=self.kinds,
            keeper=self.keeper,
            found=found,
            reactor=self._reactor,
            wall=self.wall,
        )
        self.pairs[channel.name] = pair
        pair.start()

    def _tally(self) -> None:
        for pair in self.pairs.values():
            pair.tally()
        seconds = self._reactor.seconds()
        if self.history.is_due(seconds):
            looks = {name: pair.look() for name, pair in self.pairs.items()}
            self.history.take(seconds, self.wall(), looks)

    def _log_findings(self, findings: list[Finding]) -> None:
        for finding in findings:
            place = f"{finding.channel}: " if finding.channel else ""
            _log.error("store: {place}{text}", place=place, text=finding.text)

    def _log_abandoned(self, state: ChannelState) -> None:
        waiting = max(
            [each.queued for each in state.destinations.values()]
            + list(state.orphans.values()),
            default=0,
        )
        if waiting:
            _log.warn(
                "{channel}: not configured any more, but {waiting} messages of it were "
                "not delivered; they are kept until it is configured again, or until "
                "iobuffer store forget CONFIG {channel}",
                channel=state.channel,
                waiting=waiting,
            )


def _until_restart(running: Settings, read: Settings) -> Settings:
    """What was read, but for the sections that hold until the next start: so they are
    shown as they are, and each reload warns until there was one."""
    waiting = ["[gateway]"] if read.gateway != running.gateway else []
    extra = dict(read.extra)
    http = running.extra.get("http")
    if extra.pop("http", None) != http:
        waiting.append("[http]")
    if http is not None:
        extra["http"] = http
    warnings = read.warnings + tuple(
        Problem(f"a change in {section} takes a restart", severity="warning")
        for section in waiting
    )
    return attrs.evolve(read, gateway=running.gateway, extra=extra, warnings=warnings)


async def _awaited(change: Callable[[], Awaitable[None]]) -> None:
    await change()


def open_channel(
    store: Store, channel: ChannelSettings, further: Sequence[str] = ()
) -> ChannelState:
    """Make the channel known to the store, with its destinations, the cursors of the
    relays that it had before, and `further` ones."""
    names = [*channel.destinations, *further]
    if channel.name in store.channels():
        known = store.state(channel.name)
        names += [
            name
            for name in (*known.destinations, *known.orphans)
            if name.startswith(RELAY_CURSOR) and name not in names
        ]
    store.open_channel(channel.name, limits_of(channel), names)
    return store.state(channel.name)


def _opening(channel: ChannelSettings) -> Callable[[Store], ChannelState]:
    return lambda store: open_channel(store, channel)


def _state_of(name: str) -> Callable[[Store], ChannelState]:
    return lambda store: store.state(name)


def _ledgers(store: Store) -> dict[str, Mapping[str, DestinationLedger]]:
    return {name: store.state(name).destinations for name in store.channels()}


def _log_failed(result: object, text: str) -> None:
    if isinstance(result, Failure):
        if result.check(StorageError):
            _log.error("{text}: {why}", text=text, why=result.getErrorMessage())
        else:
            _log.failure("{text}", result, text=text)


def _end_process(error: BaseException) -> None:
    """The store's thread cannot go on. No acknowledgement, no further sync, no tidy
    shutdown that could checkpoint: out, and let the supervisor start us again."""
    if isinstance(error, StorageError):
        _log.critical("the store has failed, ending at once: {error}", error=str(error))
        status = ExitStatus.IO_ERROR
    else:
        _log.failure("the store's thread has failed, ending at once")
        status = ExitStatus.SOFTWARE
    # twistd has turned sys.stderr into a log, which has this line already.
    print(f"iobuffer: the store has failed: {error}", file=sys.__stderr__, flush=True)
    os._exit(status)


def _told(problem: Problem) -> str:
    """The line's level says already that it is a warning."""
    return str(attrs.evolve(problem, severity="error"))


def _channels(count: int) -> str:
    return f"{count} channel{'' if count == 1 else 's'}"
