"""Sending alarms: in order, again when it fails, and never too many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from iobuffer.alarms import Alarm, AlarmKind, Change
from iobuffer.links.backoff import Backoff
from iobuffer.links.web_client import WebAnswer, WebFailed
from iobuffer.notifier import (
    AlarmsConfig,
    MailWay,
    Notifier,
    NotSent,
    WebhookWay,
    ways,
)
from tests.fakes import WALL


def change(number: int = 1, is_raised: bool = True) -> Change:
    alarm = Alarm(AlarmKind.SILENCE, "chem-1", "", f"no message {number}", WALL)
    text = alarm.text if is_raised else "a message has come"
    return Change(alarm, is_raised, text, WALL + 1)


class FakeWay:
    name = "pigeon"
    closed = False
    broken = False

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.outcomes: list[Any] = []

    def close(self) -> None:
        self.closed = True

    def send(self, change: Change, left_out: int) -> Deferred[None]:
        if self.broken:
            raise ValueError("a fault of its own")
        self.sent.append((change.text, left_out))
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Deferred):
            return outcome
        return succeed(None) if outcome is None else fail(outcome)


class Post:
    def __init__(self, max_per_hour: int = 60) -> None:
        self.clock = Clock()
        self.way = FakeWay()
        self.notifier = Notifier(
            self.way,
            max_per_hour=max_per_hour,
            reactor=self.clock,
            backoff=Backoff(initial_seconds=2.0, max_seconds=10.0, jitter=0.0),
        )

    @property
    def sent(self) -> list[str]:
        return [text for text, _ in self.way.sent]


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


# -- the queue -------------------------------------------------------------------------


def test_one_message_is_sent_at_a_time_and_in_order() -> None:
    post = Post()
    first: Deferred[None] = Deferred()
    post.way.outcomes = [first]
    post.notifier.tell(change(1))
    post.notifier.tell(change(2))
    assert post.sent == ["no message 1"]

    first.callback(None)
    assert post.sent == ["no message 1", "no message 2"]
    assert post.notifier.waiting == 0


def test_what_fails_is_tried_again_with_growing_pauses(logged: list[str]) -> None:
    post = Post()
    post.way.outcomes = [NotSent("no route"), NotSent("no route")]
    post.notifier.tell(change(1))
    post.notifier.tell(change(2))
    post.clock.advance(1.9)
    assert len(post.sent) == 1
    post.clock.advance(0.1)
    assert len(post.sent) == 2
    post.clock.advance(3.9)
    assert len(post.sent) == 2
    post.clock.advance(0.1)
    assert post.sent == ["no message 1"] * 3 + ["no message 2"]
    assert logged == [
        "alarms: cannot be sent by pigeon: no route; trying again until it works",
        "alarms: pigeon works again",
    ]


def test_no_more_than_the_limit_is_sent_in_an_hour_and_the_rest_is_counted(
    logged: list[str],
) -> None:
    post = Post(max_per_hour=2)
    for number in range(5):
        post.notifier.tell(change(number))
    assert post.sent == ["no message 0", "no message 1"]

    post.clock.advance(3600.0)
    post.notifier.tell(change(9))
    assert post.way.sent[-1] == ("no message 9", 3)
    post.notifier.tell(change(10))
    assert post.way.sent[-1] == ("no message 10", 0)
    assert len(logged) == 1


def test_what_is_left_out_while_one_is_sent_is_counted_by_the_next() -> None:
    post = Post(max_per_hour=10_000)
    stuck: Deferred[None] = Deferred()
    post.way.outcomes = [stuck]
    for number in range(203):
        post.notifier.tell(change(number))
    stuck.callback(None)

    assert post.way.sent[:3] == [
        ("no message 0", 0),
        ("no message 4", 3),
        ("no message 5", 0),
    ]


def test_a_way_that_breaks_keeps_nobody_from_telling_and_is_tried_again() -> None:
    post = Post()
    post.way.broken = True
    post.notifier.tell(change(1))
    post.notifier.tell(change(2))
    post.way.broken = False
    post.clock.advance(2.0)

    assert post.sent == ["no message 1", "no message 2"]


def test_the_queue_is_bounded_and_lets_the_oldest_go() -> None:
    post = Post(max_per_hour=10_000)
    stuck: Deferred[None] = Deferred()
    post.way.outcomes = [stuck]
    for number in range(203):
        post.notifier.tell(change(number))
    assert post.notifier.waiting == 200

    stuck.callback(None)
    assert post.sent[:2] == ["no message 0", "no message 4"]
    assert post.sent[-1] == "no message 202"


def test_what_is_on_its_way_is_not_let_go() -> None:
    post = Post(max_per_hour=10_000)
    stuck: Deferred[None] = Deferred()
    post.way.outcomes = [stuck]
    for number in range(203):
        post.notifier.tell(change(number))
    stuck.errback(NotSent("no route"))
    post.clock.advance(2.0)

    assert post.sent[:3] == ["no message 0", "no message 0", "no message 4"]


def test_pauses_begin_anew_once_something_was_sent() -> None:
    post = Post()
    for number in range(2):
        post.way.outcomes = [NotSent("no route")]
        post.notifier.tell(change(number))
        post.clock.advance(2.0)

    assert len(post.sent) == 4


def test_stopping_leaves_no_timer_and_sends_nothing_more() -> None:
    post = Post()
    post.way.outcomes = [NotSent("no")]
    post.notifier.tell(change())
    post.notifier.stop()
    post.notifier.tell(change(2))
    post.clock.advance(100.0)

    assert len(post.sent) == 1
    assert not post.clock.getDelayedCalls()


def test_stopping_ends_what_is_on_its_way() -> None:
    post = Post()
    stuck: Deferred[None] = Deferred()
    post.way.outcomes = [stuck]
    post.notifier.tell(change())
    post.notifier.stop()

    assert stuck.called
    assert post.way.closed
    assert not post.clock.getDelayedCalls()


# -- the webhook -----------------------------------------------------------------------


class FakeClient:
    def __init__(self, outcome: int | WebFailed) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, str, dict[str, Any], float]] = []
        self.closed = False

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Any,
        timeout_seconds: float,
    ) -> WebAnswer:
        self.asked.append((method, url, json.loads(body), timeout_seconds))
        if isinstance(self.outcome, WebFailed):
            raise self.outcome
        return WebAnswer(self.outcome, {}, b"")

    def close(self) -> None:
        self.closed = True


def webhook_way(client: FakeClient) -> WebhookWay:
    config = AlarmsConfig(webhook=URL, timeout=7.0)
    return WebhookWay(config, gateway="ward-3", client=client)  # type: ignore[arg-type]


URL = "https://alerts.example/secret-path"


def outcome_of(deferred: Deferred[None]) -> Any:
    results: list[Any] = []
    deferred.addBoth(results.append)
    (result,) = results
    return result.value if isinstance(result, Failure) else result


def test_a_webhook_gets_the_alarm_as_json() -> None:
    client = FakeClient(204)
    way = webhook_way(client)

    assert outcome_of(way.send(change(is_raised=False), 2)) is None
    ((method, url, document, timeout_seconds),) = client.asked
    assert (method, url, timeout_seconds) == ("POST", URL, 7.0)
    assert document == {
        "gateway": "ward-3",
        "alarm": "silence",
        "channel": "chem-1",
        "part": "",
        "text": "a message has come",
        "raised_at": WALL,
        "raised": False,
        "at": WALL + 1,
        "left_out": 2,
    }
    way.close()
    assert client.closed


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (500, "the server answered with 500"),
        (302, "the server answered with 302"),
        (WebFailed("no answer within 7 s"), "no answer within 7 s"),
    ],
)
def test_any_other_answer_is_not_sent(outcome: Any, why: str) -> None:
    error = outcome_of(webhook_way(FakeClient(outcome)).send(change(), 0))

    assert isinstance(error, NotSent)
    assert str(error) == why


# -- mail ------------------------------------------------------------------------------


class FakeTransport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.signals: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def closeStdin(self) -> None:
        self.closed = True

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)


class ProcessReactor(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.transport = FakeTransport()
        self.protocol: Any = None

    def spawnProcess(self, protocol: Any, path: str, words: list[str], env: Any) -> Any:
        assert path == words[0]
        assert set(env) == {"PATH"}
        self.words, self.protocol = words, protocol
        protocol.makeConnection(self.transport)


def mail_way(reactor: Any, **options: Any) -> MailWay:
    config = AlarmsConfig(mail_to="lab@hospital.example", **options)
    return MailWay(config, gateway="ward-3", reactor=reactor)


def test_a_mail_goes_into_the_command_with_all_that_it_needs() -> None:
    reactor = ProcessReactor()
    sending = mail_way(reactor).send(change(), 2)
    mail = message_from_bytes(reactor.transport.written)

    assert reactor.words == ["/usr/sbin/sendmail", "-t"]
    assert reactor.transport.closed
    assert mail["To"] == "lab@hospital.example"
    assert mail["Subject"] == "ALARM silence chem-1 (ward-3)"
    body = mail.get_payload()
    assert "chem-1: no message 1\n" in body
    assert "2 messages before this one were left out" in body
    assert not sending.called
    reactor.protocol.processExited(Failure(ProcessDone(0)))
    assert outcome_of(sending) is None
    assert not reactor.getDelayedCalls()


def test_a_command_that_has_ended_well_is_believed_though_its_pipes_are_open() -> None:
    # Some leave the delivery to a child, which holds them for minutes.
    reactor = ProcessReactor()
    sending = mail_way(reactor, timeout=5.0).send(change(), 0)
    reactor.protocol.processExited(Failure(ProcessDone(0)))

    assert outcome_of(sending) is None
    reactor.advance(5.0)
    assert reactor.transport.signals == []
    reactor.protocol.processEnded(Failure(ProcessDone(0)))


def test_a_name_that_is_no_text_can_be_mailed() -> None:
    reactor = ProcessReactor()
    alarm = Alarm(AlarmKind.LINK_DOWN, "c", "lis", "no /dev/\udcff there", WALL)
    mail_way(reactor).send(Change(alarm, True, alarm.text, WALL), 0)

    assert b"no /dev/? there" in reactor.transport.written


def test_a_mail_that_clears_says_what_it_was() -> None:
    reactor = ProcessReactor()
    mail_way(reactor).send(change(is_raised=False), 0)
    mail = message_from_bytes(reactor.transport.written)

    assert mail["Subject"] == "cleared silence chem-1 (ward-3)"
    assert "it was    no message 1\n" in mail.get_payload()


def test_a_command_that_fails_tells_why() -> None:
    reactor = ProcessReactor()
    sending = mail_way(reactor).send(change(), 0)
    reactor.protocol.errReceived(b"no such mailbox\n")
    reactor.protocol.processEnded(Failure(ProcessTerminated(67)))
    error = outcome_of(sending)

    assert isinstance(error, NotSent)
    assert str(error).endswith("exit code 67. no such mailbox")


def test_a_command_that_is_not_there_is_told_with_the_option() -> None:
    class NoSuchFile(Clock):
        def spawnProcess(self, *args: Any, **named: Any) -> Any:
            raise FileNotFoundError(2, "No such file or directory")

    error = outcome_of(mail_way(NoSuchFile()).send(change(), 0))

    assert isinstance(error, NotSent)
    assert str(error) == (
        "cannot run /usr/sbin/sendmail: No such file or directory; see mail_command"
    )


def test_a_command_that_hangs_is_killed() -> None:
    reactor = ProcessReactor()
    sending = mail_way(reactor, timeout=5.0).send(change(), 0)
    reactor.advance(5.0)
    error = outcome_of(sending)

    assert reactor.transport.signals == ["KILL"]
    assert str(error) == "the mail command took longer than 5 s and was killed"
    reactor.protocol.processEnded(Failure(ProcessTerminated(None, 9)))


# -- the section -----------------------------------------------------------------------


def test_each_way_is_taken_that_the_section_names() -> None:
    config = AlarmsConfig(webhook=URL, mail_to="a@b.example")

    assert [way.name for way in ways(config, gateway="g", reactor=MemoryReactor())] == [
        "webhook",
        "mail",
    ]
    assert ways(AlarmsConfig(), gateway="g", reactor=Clock()) == []


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"mail_to": "a@b.example\nBcc: c@d.example"}, "mail_to"),
        ({"mail_from": "a\r\nX: y"}, "mail_from"),
        ({"timeout": 0.0}, "timeout"),
        ({"mail_command": "sendmail -t"}, "mail_command"),
        ({"mail_command": "/usr/sbin/sendmail '-t"}, "mail_command"),
    ],
)
def test_what_could_not_work_is_a_problem(options: dict[str, Any], option: str) -> None:
    assert [name for name, _ in AlarmsConfig(**options).problems()] == [option]


def test_the_defaults_have_no_problem_and_the_url_is_a_secret() -> None:
    assert list(AlarmsConfig().problems()) == []
    assert URL not in repr(AlarmsConfig(webhook=URL))
