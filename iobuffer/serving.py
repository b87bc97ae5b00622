"""The page and the API as a Twisted service, beside the gateway.

Floor 4: the tables of every room, put together, and what their calls can reach.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger, LogLevel

from .gateway import Gateway
from .operations import GatewayOperations
from .people import People, PeopleError
from .settings.model import Settings
from .state import StateCell
from .transitions import Transitions
from .trials import Trials
from .upkeep import ChannelFiles
from .web import (
    api_channels,
    api_export,
    api_gateway,
    api_kinds,
    api_live,
    api_messages,
    api_parked,
    api_past,
    api_tail,
    api_trials,
    metrics,
    page,
    relay,
    reveals,
    sign_in,
)
from .web.base import Route, Site
from .web.server import WebServer

__all__ = ["ROUTES", "SOCKET_NAME", "Serving"]

#: Below `state_dir`: how the command line finds the gateway.
SOCKET_NAME = "api.sock"

ROUTES: tuple[Route, ...] = (
    *api_gateway.ROUTES,
    *api_channels.ROUTES,
    *api_kinds.ROUTES,
    *api_trials.ROUTES,
    *api_messages.ROUTES,
    *api_parked.ROUTES,
    *api_export.ROUTES,
    *api_tail.ROUTES,
    *reveals.ROUTES,
    *api_past.ROUTES,
    *api_live.ROUTES,
    *sign_in.ROUTES,
    *metrics.ROUTES,
    *relay.ROUTES,
    *page.ROUTES,
)

#: What is listened on -> what a browser on this machine can open.
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_log = Logger(namespace="iobuffer")


class Serving(Service):
    """Serves the routes over a gateway; to be started after it and stopped before.

    Args:
        gateway: the running one.
        reactor: with monotonic timers.
        wall: epoch seconds.
        open_people: opens the people of a state directory.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        reactor: Any,
        wall: Callable[[], float],
        open_people: Callable[[Path], People],
    ) -> None:
        self._gateway = gateway
        self._reactor = reactor
        self._wall = wall
        self._open_people = open_people
        self.server: WebServer | None = None
        self._trials: Trials | None = None

    def startService(self) -> None:
        super().startService()
        gateway = self._gateway
        state_dir = Path(gateway.settings.gateway.state_dir)
        people = self._open_people(state_dir)
        files = ChannelFiles(gateway)
        self._trials = Trials(gateway, files, self._reactor, self._wall)
        gateway.on_settings.append(self._end_trials)
        gateway.watch.on_surroundings = partial(self._note, people)
        site = Site(
            operations=GatewayOperations(gateway, files, self._reactor),
            people=people,
            reactor=self._reactor,
            wall=self._wall,
            counters=gateway,
            routes=ROUTES,
            trials=self._trials,
        )
        self.server = WebServer(
            site,
            config=gateway.settings.extra.get("http"),
            socket_path=os.path.join(state_dir, SOCKET_NAME),
            reactor=self._reactor,
            state=StateCell(self._wall, Transitions(_say)),
            log=_say,
        )
        self.server.start()
        self._offer_set_up(people)

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        self._gateway.watch.on_surroundings = None
        server, self.server = self.server, None
        trials, self._trials = self._trials, None
        if server is None or trials is None:
            return None
        self._gateway.on_settings.remove(self._end_trials)
        return trials.stop().addCallback(lambda _: server.stop())

    def _end_trials(self, settings: Settings) -> None:
        """What is configured from now on may need what a trial has taken."""
        if self._trials is not None:
            self._trials.end_all("the configuration was read again")

    def _note(self, people: People, what: str, detail: str) -> None:
        """Into the audit log, in a thread: a line is synced."""
        noting = deferToThreadPool(
            self._reactor,
            self._reactor.getThreadPool(),
            people.audit.note,
            "iobuffer",
            what,
            detail,
        )
        noting.addErrback(
            lambda failure: _log.failure("the audit log was not told", failure)
        )

    def _offer_set_up(self, people: People) -> None:
        """Print the one-time link while there is no administrator. Not into the log:
        whoever has it becomes one."""
        config = self._gateway.settings.extra.get("http")
        if config is None:
            return
        try:
            secret = people.set_up.begin()
        except PeopleError as error:
            _say("error", str(error))
            return
        if secret:
            url = ""
            # It may wait for the very password that a link would give it.
            if self.server is not None and self.server.listener is not None:
                scheme = "https" if config.tls.enabled else "http"
                host = _EVERY_ADDRESS.get(config.host, config.host)
                host = f"[{host}]" if ":" in host else host
                url = f"{scheme}://{host}:{config.port}"
            # twistd has turned sys.stderr into a log.
            words = sign_in.set_up_words(url, secret)
            print(words, file=sys.__stderr__, flush=True)


def _say(level: str, text: str) -> None:
    _log.emit(LogLevel.levelWithName(level), "http: {text}", text=text)
