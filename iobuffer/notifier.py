"""Sends raised and cleared alarms where `[alarms]` says: to a webhook, by mail.

What cannot be sent is tried again with back-off, in its order; it waits in a queue of
bounded length, and no more is sent in an hour than the section allows. What was left
out is counted, and the next message says how many.
"""

from __future__ import annotations

import json
import shlex
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Protocol

import attrs
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    ensureDeferred,
    maybeDeferred,
)
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from .alarms import Change
from .errors import IobufferError
from .links.backoff import Backoff
from .links.web_client import URL, WebClient, WebFailed, WebTlsConfig
from .options import DURATION, PATH, TEXT, group, integer, option, optional

__all__ = ["AlarmsConfig", "MailWay", "NotSent", "Notifier", "WebhookWay", "ways"]

_HOUR_SECONDS = 3600.0
_MOST_WAITING = 200
#: Of what a program says when it fails.
_MOST_WORDS_BYTES = 2000
#: Of what a server answers, which nobody reads.
_MOST_ANSWER_BYTES = 64 * 1024
#: Nothing of ours, such as $CREDENTIALS_DIRECTORY.
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

_log = Logger(namespace="iobuffer")


@attrs.frozen(kw_only=True)
class AlarmsConfig:
    """`[alarms]`: where raised and cleared alarms are sent, beside the log, the page
    and the metrics. When they are raised is said in each channel."""

    webhook: str | None = option(
        optional(URL),
        default=None,
        secret=True,
        help="A URL, such as https://alerts.example/iobuffer, that gets a POST with a "
        "JSON object for each alarm: gateway, alarm, channel, part, text, raised "
        "(true, or false once it is over), raised_at and at (epoch seconds), left_out. "
        "Redirects are not followed. An answer of 2xx means that it has arrived.",
    )
    tls: WebTlsConfig = group(WebTlsConfig, help="TLS of an https URL.")
    mail_to: str = option(
        TEXT,
        default="",
        example="lab-it@hospital.example",
        help="Addresses, between commas, that get a mail for each alarm.",
    )
    mail_from: str = option(
        TEXT,
        default="iobuffer",
        help="The sender of these mails.",
    )
    mail_command: str = option(
        PATH,
        default="/usr/sbin/sendmail -t",
        help="The program that takes a mail from its standard input and sends it, with "
        "its arguments. It is run without a shell.",
    )
    timeout: float = option(
        DURATION,
        default=20.0,
        help="How long the webhook or the mail command may take before it is tried "
        "again.",
    )
    max_per_hour: int = option(
        integer(1, 10_000),
        default=60,
        help="How many messages are sent in an hour, by each of the two ways; what is "
        "more is left out, and the next message says how many.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        for name in ("mail_to", "mail_from"):
            if not getattr(self, name).isprintable():
                yield name, "expected a single line"
        if self.timeout <= 0:
            yield "timeout", "expected more than 0"
        try:
            words = shlex.split(self.mail_command)
        except ValueError as error:
            yield "mail_command", f"expected a command: {error}"
        else:
            if not words or not words[0].startswith("/"):
                yield "mail_command", "expected a program by its full path"


class NotSent(IobufferError):
    """One attempt has failed; the message says why."""


class Way(Protocol):
    """One way to tell people."""

    #: For the log: "webhook", "mail".
    name: str

    def send(self, change: Change, left_out: int) -> Deferred[None]:
        """Send it; fails with NotSent. `left_out` were not sent before it."""

    def close(self) -> None:
        """Let go of what is kept open between two messages."""


class Notifier:
    """Feeds one way, one message at a time.

    Args:
        way: sends a single message.
        max_per_hour: see AlarmsConfig.
        reactor: with monotonic timers.
    """

    def __init__(
        self, way: Way, *, max_per_hour: int, reactor: Any, backoff: Backoff
    ) -> None:
        self._way = way
        self._max_per_hour = max_per_hour
        self._reactor = reactor
        self._backoff = backoff
        self._waiting: deque[Change] = deque()
        self._sent_at: deque[float] = deque()
        self._left_out = 0
        self._sending: Deferred[None] | None = None
        self._retry_call: Any = None
        self._is_failing = False
        self._stopped = False

    @property
    def waiting(self) -> int:
        """Messages that are not sent yet."""
        return len(self._waiting)

    def tell(self, change: Change) -> None:
        """Send this as soon as it can be."""
        if len(self._waiting) >= _MOST_WAITING:
            # The first may be on its way.
            del self._waiting[1]
            self._leave_out()
        self._waiting.append(change)
        self._go_on()

    def stop(self) -> None:
        """Send nothing more; what waits is left out."""
        self._stopped = True
        if self._retry_call is not None:
            self._retry_call.cancel()
            self._retry_call = None
        if self._sending is not None:
            self._sending.cancel()
        self._way.close()

    def _leave_out(self) -> None:
        self._left_out += 1
        if self._left_out == 1:
            _log.warn(
                "alarms: more than can be sent by {way}; some are left out, the log "
                "and the page have them all",
                way=self._way.name,
            )

    def _go_on(self) -> None:
        while (
            self._waiting
            and not self._stopped
            and self._sending is None
            and self._retry_call is None
        ):
            now = self._reactor.seconds()
            while self._sent_at and self._sent_at[0] <= now - _HOUR_SECONDS:
                self._sent_at.popleft()
            if len(self._sent_at) >= self._max_per_hour:
                self._waiting.popleft()
                self._leave_out()
                continue
            left_out = self._left_out
            sending = maybeDeferred(self._way.send, self._waiting[0], left_out)
            self._sending = sending
            sending.addCallbacks(
                self._has_sent, self._has_failed, callbackArgs=(left_out,)
            )

    def _has_sent(self, _: object, told_left_out: int) -> None:
        self._sending = None
        self._waiting.popleft()
        self._sent_at.append(self._reactor.seconds())
        # More may have been left out meanwhile.
        self._left_out -= told_left_out
        self._backoff.reset()
        if self._is_failing:
            self._is_failing = False
            _log.info("alarms: {way} works again", way=self._way.name)
        self._go_on()

    def _has_failed(self, failure: Failure) -> None:
        self._sending = None
        if self._stopped:
            return
        seconds = self._backoff.next()
        if not self._is_failing:
            self._is_failing = True
            if failure.check(NotSent, CancelledError):
                why = failure.getErrorMessage()
            else:
                why = repr(failure.value)
            _log.error(
                "alarms: cannot be sent by {way}: {why}; trying again until it works",
                way=self._way.name,
                why=why,
            )
        self._retry_call = self._reactor.callLater(seconds, self._retry)

    def _retry(self) -> None:
        self._retry_call = None
        self._go_on()


class WebhookWay:
    """POSTs JSON.

    Args:
        client: asks; closed with the way.
    """

    name = "webhook"

    def __init__(
        self, config: AlarmsConfig, *, gateway: str, client: WebClient
    ) -> None:
        self._config = config
        self._gateway = gateway
        self._client = client

    def send(self, change: Change, left_out: int) -> Deferred[None]:
        """As Way.send."""
        return ensureDeferred(self._send(change, left_out))

    def close(self) -> None:
        """As Way.close."""
        self._client.close()

    async def _send(self, change: Change, left_out: int) -> None:
        document = {
            "gateway": self._gateway,
            **change.alarm.as_json(),
            "text": change.text,
            "raised": change.is_raised,
            "at": change.at,
            "left_out": left_out,
        }
        assert self._config.webhook is not None
        try:
            answer = await self._client.ask(
                "POST",
                self._config.webhook,
                body=json.dumps(document).encode(),
                headers={"Content-Type": "application/json"},
                timeout_seconds=self._config.timeout,
            )
        except WebFailed as error:
            raise NotSent(str(error)) from error
        if not 200 <= answer.status < 300:
            raise NotSent(f"the server answered with {answer.status}")


class MailWay:
    """Gives a mail to a program, as `sendmail -t` takes it."""

    name = "mail"

    def __init__(self, config: AlarmsConfig, *, gateway: str, reactor: Any) -> None:
        self._config = config
        self._gateway = gateway
        self._reactor = reactor

    def send(self, change: Change, left_out: int) -> Deferred[None]:
        """As Way.send."""
        words = shlex.split(self._config.mail_command)
        run = _Run(self._mail(change, left_out))
        try:
            self._reactor.spawnProcess(run, words[0], words, env=_ENVIRONMENT)
        except OSError as error:
            why = f"cannot run {words[0]}: {error.strerror}; see mail_command"
            run.done.errback(NotSent(why))
        else:
            run.done.addTimeout(
                self._config.timeout, self._reactor, onTimeoutCancel=_too_long
            )
        return run.done

    def close(self) -> None:
        """As Way.close: nothing is kept open."""

    def _mail(self, change: Change, left_out: int) -> bytes:
        alarm = change.alarm
        word = "ALARM" if change.is_raised else "cleared"
        at = datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines = [
            f"{alarm.place}: {change.text}",
            "",
            f"gateway  {self._gateway}",
            f"alarm    {alarm.kind.value}",
            f"at       {at}",
        ]
        if not change.is_raised:
            lines.append(f"it was    {alarm.text}")
        if left_out:
            lines += ["", f"{left_out} messages before this one were left out."]
        mail = EmailMessage()
        mail["To"] = self._config.mail_to
        mail["From"] = self._config.mail_from
        subject = f"{word} {alarm.kind.value} {alarm.place} ({self._gateway})"
        mail["Subject"] = " ".join(subject.split())
        mail["Auto-Submitted"] = "auto-generated"
        # Surrogates stand for bytes of a device's name that are no UTF-8.
        text = "\n".join(lines).encode(errors="replace").decode()
        mail.set_content(text + "\n")
        return mail.as_bytes()


class _Run(ProcessProtocol):
    """One run of the mail command: the mail goes in, its exit status is the outcome."""

    def __init__(self, mail: bytes) -> None:
        self.done: Deferred[None] = Deferred(self._cancelled)
        self._mail = mail
        self._words = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._mail)
        self.transport.closeStdin()

    def errReceived(self, data: bytes) -> None:
        self._words = (self._words + data)[:_MOST_WORDS_BYTES]

    def processExited(self, reason: Failure) -> None:
        # A child that goes on delivering may hold the pipes for minutes; to wait for
        # it would send the mail twice.
        if not self.done.called and reason.check(ProcessDone):
            self.done.callback(None)

    def processEnded(self, reason: Failure) -> None:
        if self.done.called:
            return
        words = self._words.decode(errors="replace").strip()
        self.done.errback(NotSent(f"{reason.getErrorMessage()} {words}".strip()))

    def _cancelled(self, _: object) -> None:
        assert self.transport is not None
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            # Its end is told next, and nobody waits for it any more.
            return


def _too_long(result: object, seconds: float) -> None:
    raise NotSent(f"the mail command took longer than {seconds:g} s and was killed")


def ways(config: AlarmsConfig, *, gateway: str, reactor: Any) -> list[Way]:
    """Those that the section asks for."""
    found: list[Way] = []
    if config.webhook:
        client = WebClient(
            reactor, tls=config.tls, headers={}, max_answer_bytes=_MOST_ANSWER_BYTES
        )
        found.append(WebhookWay(config, gateway=gateway, client=client))
    if config.mail_to:
        found.append(MailWay(config, gateway=gateway, reactor=reactor))
    return found
