"""Looks at the gateway every few seconds: its figures, its alarms, its reactor.

Floor 4. Nothing here is on the path of a message: the store is asked in its own thread,
a few channels at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from .alarms import Alarm, Alarms, Change
from .counters import Histogram
from .errors import StorageError
from .figures import ChannelFigures, GatewayFigures, PartFigures
from .links.backoff import Backoff
from .links.expiry import Expiries, certificate_path
from .notifier import AlarmsConfig, Notifier, ways
from .pair import ChannelPair
from .settings.model import Settings
from .storage.base import ChannelState, Store, StoreStats
from .storekeeper import Storekeeper
from .surroundings import Surroundings

__all__ = ["Watch"]

_LOOK_SECONDS = 5.0
_PULSE_SECONDS = 0.5
#: Channels that the store is asked for in one go, between two commits.
_SLICE_CHANNELS = 50
#: Between two attempts to send an alarm, at most.
_RETRY_SECONDS = 300.0

_REACTOR_BOUNDS_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)

_log = Logger(namespace="iobuffer")


class Watch:
    """Samples the gateway while it runs.

    Args:
        settings: gives the settings as they are now.
        pairs: the channels that run, by name; looked at anew each time.
        keeper: whose store is asked; None once it has stopped.
        reactor: with monotonic timers.
        wall: epoch seconds.
        local: what a wall clock shows for epoch seconds.
    """

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        pairs: Mapping[str, ChannelPair],
        keeper: Callable[[], Storekeeper | None],
        reactor: Any,
        wall: Callable[[], float],
        local: Callable[[float], time.struct_time] = time.localtime,
    ) -> None:
        self._settings = settings
        self._pairs = pairs
        self._keeper = keeper
        self._reactor = reactor
        self._wall = wall
        self._local = local
        #: Told (what, detail) when the clock was set or a certificate replaced.
        self.on_surroundings: Callable[[str, str], None] | None = None
        self._surroundings = Surroundings()
        self._started_at = wall()
        self._alarms = Alarms()
        self._expiries = Expiries()
        self._expires_at: dict[str, float] = {}
        self._stats: StoreStats | None = None
        self._stored: dict[str, ChannelState] = {}
        self._store_is_unreadable = False
        self._reactor_seconds = Histogram(_REACTOR_BOUNDS_SECONDS)
        self._pulse_due_at = 0.0
        self._pulse_call: Any = None
        self._looking: LoopingCall | None = None
        self._alarms_config: AlarmsConfig | None = None
        self._notifiers: list[Notifier] = []

    def start(self) -> None:
        """Look now, and then every few seconds."""
        self._started_at = self._wall()
        self._looking = LoopingCall(self._look)
        self._looking.clock = self._reactor
        self._looking.start(_LOOK_SECONDS)
        self._expect_pulse()

    def stop(self) -> None:
        """Look no more; alarms that could not be sent yet are left out."""
        if self._looking is not None and self._looking.running:
            self._looking.stop()
        if self._pulse_call is not None:
            self._pulse_call.cancel()
            self._pulse_call = None
        for notifier in self._notifiers:
            notifier.stop()

    # -- what it shows -----------------------------------------------------------------

    @property
    def raised(self) -> tuple[Alarm, ...]:
        """The alarms that are on now."""
        return self._alarms.raised

    @property
    def stored(self) -> Mapping[str, ChannelState]:
        """What the store said of each channel, a few seconds ago."""
        return self._stored

    @property
    def is_ready(self) -> bool:
        """Whether the gateway runs and its store answers."""
        return (
            self._keeper() is not None
            and self._stats is not None
            and not self._store_is_unreadable
        )

    def figures(self) -> GatewayFigures:
        """The gateway now; what the store says of it is a few seconds old."""
        settings, keeper = self._settings(), self._keeper()
        return GatewayFigures(
            at=self._wall(),
            seconds=self._reactor.seconds(),
            name=settings.gateway.name,
            started_at=self._started_at,
            channels={name: self._channel(pair) for name, pair in self._pairs.items()},
            page_certificate_expires_at=self.expiry(settings.extra.get("http")),
            store=self._stats,
            pending_bytes=keeper.pending_bytes if keeper else 0,
            recent_bytes=keeper.recent_bytes if keeper else 0,
            commit_seconds=keeper.commit_seconds.figures() if keeper else None,
            reactor_seconds=self._reactor_seconds.figures(),
        )

    def _channel(self, pair: ChannelPair) -> ChannelFigures:
        settings = pair.settings
        states, counters = pair.states(), pair.counters()
        configs = {name: each.config for name, each in settings.destinations.items()}
        source = None
        if pair.source is not None and settings.source is not None:
            source = self._part(
                settings.source.config, states["source"], counters["source"]
            )
        return ChannelFigures(
            name=pair.name,
            policy=settings.policy,
            state=pair.state,
            source=source,
            destinations={
                name: self._part(configs.get(name), states[name], counters[name])
                for name in pair.deliveries
            },
            full_reason=pair.channel.full_reason if pair.channel.full else "",
            stored=self._stored.get(pair.name),
        )

    def _part(
        self, config: Any, state: Any, counters: Mapping[str, Any]
    ) -> PartFigures:
        return PartFigures(
            state=state,
            counters=counters,
            certificate_expires_at=self.expiry(config),
        )

    def expiry(self, config: Any) -> float | None:
        """When the certificate that a part shows expires, epoch seconds; None without
        one, or when none could be read yet."""
        return self._expires_at.get(certificate_path(config))

    # -- looking -----------------------------------------------------------------------

    def _look(self) -> Deferred[None]:
        looked = ensureDeferred(self._look_once())
        # The next look is as due as this one was.
        return looked.addErrback(_log_fault)

    async def _look_once(self) -> None:
        keeper = self._keeper()
        if keeper is None:
            return
        try:
            await self._sample(keeper)
        except StorageError as error:
            # One that is being closed answers nobody, and that is no news.
            if self._is_looking() and not self._store_is_unreadable:
                self._store_is_unreadable = True
                _log.warn("the store cannot be looked at: {error}", error=str(error))
        else:
            self._store_is_unreadable = False
        if not self._is_looking():
            return
        settings = self._settings()
        self._expires_at = self._expiries.look(_certificates(settings))
        self._look_around()
        self._follow(settings)
        figures = self.figures()
        local = self._local(figures.at)
        minute = local.tm_hour * 60 + local.tm_min
        for change in self._alarms.look(figures, local.tm_wday, minute):
            self._tell(change)

    def _look_around(self) -> None:
        changes = self._surroundings.look(
            self._wall(), self._reactor.seconds(), self._expiries.files
        )
        for what, detail in changes:
            _log.info("{what}: {detail}", what=what, detail=detail)
            if self.on_surroundings is not None:
                self.on_surroundings(what, detail)

    def _is_looking(self) -> bool:
        return self._looking is not None and self._looking.running

    async def _sample(self, keeper: Storekeeper) -> None:
        names = iter(tuple(self._pairs))
        stored: dict[str, ChannelState] = {}
        while some := tuple(islice(names, _SLICE_CHANNELS)):
            stored |= await keeper.call(_states_of(some))
        self._stats = await keeper.call(_stats_of)
        self._stored = stored
        for name, state in stored.items():
            if name in self._pairs:
                ledgers = state.destinations.items()
                self._pairs[name].channel.saw_in_store(
                    {each: ledger.cursor for each, ledger in ledgers}
                )

    def _tell(self, change: Change) -> None:
        alarm = change.alarm
        word = "ALARM" if change.is_raised else "alarm cleared,"
        text = f"{word} {alarm.kind.value}: {change.text}"
        level = LogLevel.warn if change.is_raised else LogLevel.info
        _log.emit(
            level,
            "{place}: {text}",
            place=alarm.place,
            text=text,
            channel=alarm.channel,
            part=alarm.part,
        )
        pair = self._pairs.get(alarm.channel)
        if pair is not None:
            pair.voice.note(alarm.part, level.name, text)
        for notifier in self._notifiers:
            notifier.tell(change)

    def _follow(self, settings: Settings) -> None:
        """Send where `[alarms]` says now: a reload may have changed it."""
        config = settings.extra.get("alarms")
        if config == self._alarms_config:
            return
        self._alarms_config = config
        for notifier in self._notifiers:
            notifier.stop()
        self._notifiers = []
        if config is None:
            return
        found = ways(config, gateway=settings.gateway.name, reactor=self._reactor)
        self._notifiers = [
            Notifier(
                way,
                max_per_hour=config.max_per_hour,
                reactor=self._reactor,
                backoff=Backoff(initial_seconds=2.0, max_seconds=_RETRY_SECONDS),
            )
            for way in found
        ]

    # -- the reactor -------------------------------------------------------------------

    def _expect_pulse(self) -> None:
        self._pulse_due_at = self._reactor.seconds() + _PULSE_SECONDS
        self._pulse_call = self._reactor.callLater(_PULSE_SECONDS, self._pulse)

    def _pulse(self) -> None:
        late_seconds = self._reactor.seconds() - self._pulse_due_at
        self._reactor_seconds.observe(max(0.0, late_seconds))
        self._expect_pulse()


def _certificates(settings: Settings) -> set[str]:
    configs = [settings.extra.get("http")]
    for channel in settings.channels.values():
        if channel.source is not None:
            configs.append(channel.source.config)
        configs += [each.config for each in channel.destinations.values()]
    return set(filter(None, map(certificate_path, configs)))


def _states_of(names: tuple[str, ...]) -> Callable[[Store], dict[str, ChannelState]]:
    def states(store: Store) -> dict[str, ChannelState]:
        # One that was forgotten in the meantime has no state.
        known = set(store.channels())
        return {name: store.state(name) for name in names if name in known}

    return states


def _stats_of(store: Store) -> StoreStats:
    return store.stats()


def _log_fault(failure: Failure) -> None:
    _log.failure("alarms: a fault of the gateway's own", failure)
