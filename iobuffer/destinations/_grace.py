"""A moment's patience before a link closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

__all__ = ["GRACE_SECONDS", "grace"]

#: What is under way when a link is stopped is nearly always confirmed within this;
#: without it, each stop of the gateway would send up to a window of messages again.
GRACE_SECONDS = 1.0

_LOOK_SECONDS = 0.01


def grace(reactor: Any, settled: Callable[[], bool]) -> Deferred[None]:
    """Fires when `settled()`, and after GRACE_SECONDS at the latest."""
    if settled():
        return succeed(None)
    done: Deferred[None] = Deferred()
    until = reactor.seconds() + GRACE_SECONDS

    def look() -> None:
        if settled() or reactor.seconds() >= until:
            done.callback(None)
        else:
            reactor.callLater(_LOOK_SECONDS, look)

    reactor.callLater(_LOOK_SECONDS, look)
    return done
