"""Gateways that are broken on purpose: what the torture tests must notice.

A test that passes on the broken build proves nothing (the calibration of the harness).
Run as `twistd -y broken_tap.py` with two environment variables: IOBUFFER_CONFIG, and
IOBUFFER_BROKEN, one of BROKEN. Nothing in the product knows of this file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from twisted.application.service import Application
from twisted.internet.defer import Deferred, succeed
from twisted.logger import globalLogPublisher

from iobuffer.batch import Batch
from iobuffer.channel import Answer, Channel, Confidence
from iobuffer.errors import StorageFailed
from iobuffer.gateway import Gateway
from iobuffer.logs import LogOutput
from iobuffer.registry import KINDS
from iobuffer.settings.load import load
from iobuffer.settings.model import Kind, Kinds
from iobuffer.storage import reading
from iobuffer.storage.base import Store
from iobuffer.storage.rows import Row
from iobuffer.storage.sqlite import SqliteStore

__all__ = ["BROKEN"]

#: What the disk takes for a commit where a build needs that to be visible at all.
_SLOW_COMMIT_SECONDS = 0.03


def _open(store_class: type[SqliteStore], **options: Any) -> Callable[[Any], Store]:
    def open_store(gateway: Any) -> Store:
        return store_class(
            gateway.state_dir, min_free_bytes=gateway.min_free_bytes, **options
        )

    return open_store


# -- the store -------------------------------------------------------------------------


class _SlowStore(SqliteStore):
    """Sound, on a slow disk."""

    def commit(self, now: float) -> None:
        time.sleep(_SLOW_COMMIT_SECONDS)
        super().commit(now)


class _DeafStore(SqliteStore):
    """Takes whatever has failed for done, and goes on."""


def _deaf(name: str, instead: Any) -> Any:
    method = getattr(SqliteStore, name)

    def call(self: SqliteStore, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except StorageFailed:
            return instead

    return call


for _name, _instead in (
    ("append", 1_000_000_000),
    ("advance", None),
    ("commit", None),
    ("read", None),
    ("tally", None),
    ("tidy", False),
):
    setattr(_DeafStore, _name, _deaf(_name, _instead))


class _TrustingRow(Row):
    """Believes whatever bytes the database gives."""

    def fault(self, channel_id: int) -> str:
        return ""


# -- the source ------------------------------------------------------------------------


class _EagerChannel:
    """Says yes to every batch as soon as it is offered."""

    def __init__(self, channel: Channel, reactor: Any) -> None:
        self._channel = channel
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def offer(
        self,
        batch: Batch,
        answer: Answer | None = None,
        marks: Mapping[str, bytes] | None = None,
    ) -> None:
        if answer is not None:
            self._reactor.callFromThread(answer, 1, None)
        self._channel.offer(batch, None, marks)


# -- the destination -------------------------------------------------------------------


class _HastyLink:
    """Takes for delivered whatever it was given to send."""

    def __init__(self, link: Any) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def send(self, batch: Batch) -> Deferred[Confidence]:
        self._link.send(batch).addErrback(lambda failure: None)
        return succeed(Confidence.ACKNOWLEDGED)


def _eager(kind: Kind) -> Kind:
    def build(config: Any, context: Any) -> Any:
        channel = _EagerChannel(context.channel, context.reactor)
        return kind.build(config, attrs.evolve(context, channel=channel))

    return attrs.evolve(kind, build=build)


def _hasty(kind: Kind) -> Kind:
    return attrs.evolve(
        kind, build=lambda config, context: _HastyLink(kind.build(config, context))
    )


def _each(
    change: Callable[[Kind], Kind], kinds: Mapping[str, Kind]
) -> Mapping[str, Kind]:
    return {name: change(kind) for name, kind in kinds.items()}


_EAGER = attrs.evolve(KINDS, sources=_each(_eager, KINDS.sources))
_HASTY = attrs.evolve(KINDS, destinations=_each(_hasty, KINDS.destinations))

#: Name to the store and the kinds of the build.
BROKEN: Mapping[str, tuple[Callable[[Any], Store], Kinds]] = {
    # Not broken: the other side of the comparison for those with the slow disk.
    "slow": (_open(_SlowStore), KINDS),
    "unsynced": (_open(SqliteStore, synchronous="NORMAL"), KINDS),
    "acknowledged-early": (_open(_SlowStore), _EAGER),
    "cursor-early": (_open(SqliteStore), _HASTY),
    "unchecked": (_open(SqliteStore), KINDS),
    "deaf": (_open(_DeafStore), KINDS),
    "wall-clock": (_open(SqliteStore), KINDS),
}


def _build(name: str, config: str) -> Gateway:
    from twisted.internet import reactor

    if name != "wall-clock":
        reactor.seconds = time.monotonic  # type: ignore[attr-defined]
    if name == "unchecked":
        reading.Row = _TrustingRow  # type: ignore[misc]
    open_store, kinds = BROKEN[name]
    settings = load(config, KINDS)
    globalLogPublisher.addObserver(LogOutput(None, "text", "info"))
    return Gateway(
        settings,
        kinds=kinds,
        open_store=open_store,
        reload_settings=lambda: load(config, KINDS),
        reactor=reactor,
        wall=time.time,
    )


if "IOBUFFER_BROKEN" in os.environ:
    application = Application("iobuffer")
    _build(
        os.environ["IOBUFFER_BROKEN"], os.environ["IOBUFFER_CONFIG"]
    ).setServiceParent(application)
