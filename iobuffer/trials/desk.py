"""The trials under way: which may begin, and that all end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList

from ..gateway import Gateway
from ..settings.claims import Claim, claims_of, in_the_way, own_claims
from ..settings.model import ChannelSettings
from ..upkeep import ChannelFiles
from ..web.base import Problem
from .destination import LinkAttempt
from .file import FileAttempt
from .source import SourceAttempt
from .told import Attempt, Told
from .trial import LONELY_SECONDS, Trial
from .web import WebAttempt

__all__ = ["Trials"]

_MAX_TRIALS = 4
#: With those that have ended, and wait for somebody to hear of it.
_MAX_KEPT = 8
_MAX_SECONDS = 60.0
_LINK_SECONDS = 15.0

_NAME = "trial"


class Trials:
    """Begins, finds and ends trials.

    Args:
        gateway: its channels hold ports and lines of their own.
        files: has the secrets that a form shows masked.
        reactor: with monotonic timers.
        wall: epoch seconds.
    """

    def __init__(
        self,
        gateway: Gateway,
        files: ChannelFiles,
        reactor: Any,
        wall: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._files = files
        self._reactor = reactor
        self._wall = wall
        self._trials: dict[str, Trial] = {}

    def begin(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Open what is asked for: `source`, or `destination` (called `name`), as a
        channel file has it, for `seconds`. `channel` is whose it is or will be: a
        masked secret is that of its file.

        Raises:
            Problem: 409, a channel or a trial holds what it needs; 429, there are as
                many as may be.
            ConfigError: the object has errors.
        """
        if ("source" in asked) == ("destination" in asked):
            raise Problem(400, "Give source or destination, one of them")
        channel = self._built(asked)
        claims = [each for each in _claims(channel) if each.what != "file"]
        self._look_for_room(claims)
        seconds = asked.get("seconds")
        if seconds is None:
            seconds = _MAX_SECONDS if "source" in asked else _LINK_SECONDS
        told = Told(self._wall)
        id = secrets.token_hex(8)
        trial = Trial(
            id,
            self._attempt(channel, told, lambda reason: self._trials[id].end(reason)),
            told,
            claims=claims,
            seconds=min(seconds, _MAX_SECONDS),
            reactor=self._reactor,
            on_forgotten=self._forgotten,
        )
        self._make_room()
        self._trials[id] = trial
        trial.start()
        return {"id": id, "seconds": seconds, "listen_within_seconds": LONELY_SECONDS}

    def trial(self, id: str) -> Trial:
        """The one of this id. Problem (404) if there is none any more."""
        found = self._trials.get(id)
        if found is None:
            raise Problem(404, "There is no such trial", "It has ended; begin another.")
        return found

    def end_all(self, reason: str) -> Deferred[Any]:
        """End every one, for this reason. Fires once all are closed."""
        return DeferredList([each.end(reason) for each in tuple(self._trials.values())])

    def stop(self) -> Deferred[Any]:
        """End every one, and let go of who listens."""
        stopped = self.end_all("the gateway stops")
        return stopped.addCallback(lambda _: self._forget_all())

    # -- within ------------------------------------------------------------------------

    def _make_room(self) -> None:
        ended = [each for each in self._trials.values() if each.ended]
        if len(self._trials) >= _MAX_KEPT and ended:
            ended[0].forget()

    def _forgotten(self, trial: Trial) -> None:
        self._trials.pop(trial.id, None)

    def _forget_all(self) -> None:
        for trial in tuple(self._trials.values()):
            trial.forget()

    def _built(self, asked: Mapping[str, Any]) -> ChannelSettings:
        name = asked.get("channel") or _NAME
        if "source" in asked:
            return self._files.built(name, {"source": asked["source"]})
        part = asked.get("name") or _NAME
        # A destination has no source here, which only a channel at rest may lack.
        found = {"enabled": False, "destinations": {part: asked["destination"]}}
        return self._files.built(name, found)

    def _attempt(
        self, channel: ChannelSettings, told: Told, finish: Callable[[str], object]
    ) -> Attempt:
        kinds, reactor, wall = self._gateway.kinds, self._reactor, self._wall
        if channel.source is not None:
            source = channel.source
            if source.type_name == "remote_icombuffer":
                # To take from it would leave a cursor there, for which it keeps all
                # that follows.
                return WebAttempt(
                    source.config, told, reactor=reactor, wall=wall, finish=finish
                )
            build = kinds.sources[source.type_name].build
            return SourceAttempt(source, build, told, reactor=reactor, wall=wall)
        [destination] = channel.destinations.values()
        if destination.type_name in ("http", "remote_icombuffer"):
            return WebAttempt(
                destination.config, told, reactor=reactor, wall=wall, finish=finish
            )
        if destination.type_name == "file":
            return FileAttempt(
                destination,
                told,
                channel=channel.name,
                reactor=reactor,
                wall=wall,
                finish=finish,
            )
        return LinkAttempt(
            destination,
            kinds.destinations[destination.type_name].build,
            told,
            channel=channel.name,
            reactor=reactor,
            wall=wall,
            finish=finish,
        )

    def _look_for_room(self, claims: list[Claim]) -> None:
        running = [each for each in self._trials.values() if not each.ending]
        if len(running) >= _MAX_TRIALS:
            raise Problem(
                429,
                f"There are {_MAX_TRIALS} trials already",
                "End one of them, or wait for a minute.",
                headers=(("Retry-After", "10"),),
            )
        for claim in claims:
            for trial in running:
                if any(in_the_way(claim, other) for other in trial.claims):
                    raise Problem(
                        409,
                        f"Another trial has {claim.thing}",
                        "End it first, or wait for a minute.",
                    )
            for holder in self._held():
                if in_the_way(claim, holder):
                    raise _held_by(holder, claim)

    def _held(self) -> Iterator[Claim]:
        """What the channels that run have taken."""
        for pair in self._gateway.pairs.values():
            for claim in claims_of(pair.settings):
                source = claim.part == "source" and pair.source is not None
                if source or claim.part in pair.deliveries:
                    yield claim
        yield from own_claims(self._gateway.settings.extra)


def _claims(channel: ChannelSettings) -> Iterator[Claim]:
    enabled = attrs.evolve(channel.policy, enabled=True)
    return claims_of(attrs.evolve(channel, policy=enabled))


def _held_by(holder: Claim, claim: Claim) -> Problem:
    thing = claim.thing[:1].upper() + claim.thing[1:]
    if not holder.channel:
        return Problem(
            409, f"{thing} is held by {holder.owner}", "Choose another port."
        )
    if holder.part != "source":
        return Problem(
            409,
            f"{thing} is held by {holder.owner}",
            "Stop that destination to try other settings.",
            channel=holder.channel,
            part=holder.part,
        )
    return Problem(
        409,
        f"{thing} is held by {holder.owner}",
        "What that channel receives is in its live view. To try other settings here, "
        "stop its source first.",
        channel=holder.channel,
        part="source",
        tail=f"/api/channels/{holder.channel}/tail",
    )
