"""A destination's link opened for a trial: connected, listened on or opened, and let go
again. Nothing is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from ..counters import DestinationCounters
from ..destinations.base import Link, LinkContext
from ..framing import FRAMINGS
from ..settings.model import DestinationSettings
from ..state import State, StateCell, Word
from .told import Told

__all__ = ["LinkAttempt"]

#: A peer that does not want us hangs up within this.
_STEADY_SECONDS = 1.0

#: What a link's reason says of its next attempt, which a trial does not come to.
_AGAIN = re.compile(r"; (?:next try|trying again) in ")


class LinkAttempt:
    """See `told.Attempt`, and `LinkUser`.

    Args:
        build: as the registry has it.
        finish: ends the trial, with the reason.
    """

    def __init__(
        self,
        settings: DestinationSettings,
        build: Callable[..., Link],
        told: Told,
        *,
        channel: str,
        reactor: Any,
        wall: Callable[[], float],
        finish: Callable[[str], object],
    ) -> None:
        self._told = told
        self._reactor = reactor
        self._finish = finish
        self._type_name = settings.type_name
        self._config = settings.config
        self._up_at: float | None = None
        self._state = StateCell(wall, self._changed)
        self._stopping = self._reported = False
        self._ok: bool | None = None
        self._link = build(
            settings.config,
            LinkContext(
                reactor=reactor,
                channel=channel,
                name=settings.name,
                framing=settings.config.framing or FRAMINGS["line"](),
                counters=DestinationCounters(),
                state=self._state,
                wall=wall,
                log=self._log,
                note=self._log,
            ),
        )

    # -- told.Attempt ------------------------------------------------------------------

    def start(self) -> None:
        self._link.start(self)

    def stop(self) -> Deferred[None]:
        # Its last word as a link is "stopped", which says nothing of whether it works.
        self._stopping = True
        if not self._reported:
            reason = self._state.current.reason or "nothing has come of it"
            self._told.report(self._ok, _AGAIN.split(reason)[0])
        return self._link.stop()

    def look(self, now: float) -> None:
        if self._up_at is not None and now - self._up_at >= _STEADY_SECONDS:
            self._finish("it works, as far as a trial can tell")

    @property
    def ok(self) -> bool | None:
        return self._ok

    # -- LinkUser ----------------------------------------------------------------------

    def link_up(self) -> None:
        if self._up_at is None:
            self._up_at = self._reactor.seconds()
            self._ok = True
            self._reported = True
            self._told.report(True, self._how())

    def link_down(self, reason: str) -> None:
        self._up_at = None
        if not self._stopping:
            self._ok = False
            self._told.report(False, f"it did not last: {reason}")

    # -- within ------------------------------------------------------------------------

    def _how(self) -> str:
        """What is known once the link is up."""
        words = self._state.current.reason or "it is open"
        tls = getattr(self._config, "tls", None)
        if self._type_name == "tcp_client" and tls is not None and tls.enabled:
            checked = "its certificate holds" if tls.verify else "nobody checked who"
            words += f", with TLS ({checked})"
        if self._type_name == "udp":
            words += "; UDP has no answers, so whether anybody listens nobody can say"
        return words

    def _changed(self, old: State, new: State) -> None:
        if self._stopping:
            return
        if new.word is Word.FAILED:
            self._ok = False
        elif self._type_name == "tcp_server" and new.word in (
            Word.WAITING,
            Word.RUNNING,
        ):
            # To listen is all that it does until somebody connects.
            self._ok = True
        elif new.word is Word.WAITING and self._up_at is None:
            self._ok = False
        self._told.say("state", word=new.word.value, reason=new.reason)

    def _log(self, level: str, text: str) -> None:
        self._told.say("log", level=level, text=text)
