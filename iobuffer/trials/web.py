"""A web server asked for a trial, in ways that change nothing there.

Another iobuffer is asked who we are to it, which also says whether the account may take
or give the channel's messages. Any other server gets OPTIONS; nothing is posted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..links.web_answers import sample, trouble_in
from ..links.web_client import WebAnswer, WebClient, WebFailed
from .told import Told

__all__ = ["WebAttempt"]

_MAX_ANSWER_BYTES = 64 * 1024
_ANSWER_SECONDS = 15.0

_log = Logger(namespace="iobuffer")


class WebAttempt:
    """See `told.Attempt`.

    Args:
        config: of a source or destination `remote_icombuffer`, or of `http`.
        finish: ends the trial, with the reason.
    """

    def __init__(
        self,
        config: Any,
        told: Told,
        *,
        reactor: Any,
        wall: Callable[[], float],
        finish: Callable[[str], object],
    ) -> None:
        self._config = config
        self._told = told
        self._wall = wall
        self._finish = finish
        self._client = WebClient(
            reactor,
            tls=config.tls,
            headers={"Accept": "application/json", **config.auth.header()},
            max_answer_bytes=_MAX_ANSWER_BYTES,
        )
        self._asking: Deferred[Any] | None = None
        self._ok: bool | None = None

    # -- told.Attempt ------------------------------------------------------------------

    def start(self) -> None:
        self._told.say("state", word="waiting", reason=f"asking {self._config.url}")
        asking = self._asking = Deferred.fromCoroutine(self._ask())
        asking.addCallbacks(self._asked, self._not_asked)

    def look(self, now: float) -> None:
        """The answer comes by itself."""

    def stop(self) -> Deferred[None]:
        waiting: Deferred[None] = succeed(None)
        if self._asking is not None:
            waiting, self._asking = self._asking, None
            waiting.cancel()
        return waiting.addCallback(lambda _: self._client.close())

    @property
    def ok(self) -> bool | None:
        return self._ok

    # -- within ------------------------------------------------------------------------

    def _asked(self, verdict: str) -> None:
        self._asking = None
        self._finish(verdict)

    def _not_asked(self, failure: Failure) -> None:
        self._asking = None
        if failure.check(CancelledError):
            return
        # A fault of our own: the trial ends all the same, and the log has it.
        _log.failure("a trial has failed", failure)
        self._finish(f"ended by a fault that the log shows: {failure.value}")

    async def _ask(self) -> str:
        remote = hasattr(self._config, "channel_id")
        url = self._config.url
        if remote:
            url = url.rstrip("/") + "/api/whoami"
        try:
            answer = await self._client.ask(
                "GET" if remote else "OPTIONS", url, timeout_seconds=_ANSWER_SECONDS
            )
        except WebFailed as error:
            return self._report(False, f"{self._config.url}: {error}")
        self._told.report(True, f"{self._config.url} answers ({answer.status})")
        trouble = trouble_in(answer, self._config.url, self._wall())
        if trouble is not None and answer.status not in (405, 501):
            return self._report(False, trouble.reason)
        return self._judge_instance(answer) if remote else self._judge_server(answer)

    def _judge_server(self, answer: WebAnswer) -> str:
        unknown = (
            "nothing was posted, so whether it takes messages the first one will tell"
        )
        if answer.status == 404:
            return self._report(
                None, f"it knows no such path, at least not for OPTIONS; {unknown}"
            )
        return self._report(True, f"it is there; {unknown}")

    def _judge_instance(self, answer: WebAnswer) -> str:
        try:
            found = json.loads(answer.body)
            role, channels = found["role"], found["channels"]
            name = found["name"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return self._report(
                False, f"a web server answers, but it is no iobuffer{sample(answer)}"
            )
        channel = self._config.channel_id
        if role != "relay":
            return self._report(
                False,
                f"the account {name} has the role {role} there: taking and giving "
                "messages takes the role relay",
            )
        if channel not in channels:
            bound = ", ".join(map(str, channels)) or "none"
            return self._report(
                False,
                f"the relay {name} is not bound to the channel {channel} there; its "
                f"channels: {bound}",
            )
        return self._report(
            True, f"the account {name} is a relay of the channel {channel} there"
        )

    def _report(self, ok: bool | None, text: str) -> str:
        self._ok = ok
        self._told.report(ok, text)
        return text
