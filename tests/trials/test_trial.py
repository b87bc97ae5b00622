"""How long a trial lasts, who hears what of it, and that nothing of it stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from iobuffer.trials.told import Told, sentence
from iobuffer.trials.trial import Trial


class Attempt:
    """Closes when it is told to."""

    def __init__(self) -> None:
        self.ok: bool | None = None
        self.running = False
        self.broken = False
        self.closing: Deferred[None] | None = None

    def start(self) -> None:
        self.running = True

    def look(self, now: float) -> None:
        if self.broken:
            raise ValueError("one of its own")

    def stop(self) -> Deferred[None]:
        self.running = False
        self.closing = Deferred()
        return self.closing


class Listener:
    def __init__(self) -> None:
        self.ready = True
        self.open = True
        self.heard: list[tuple[str, Any]] = []

    def send(self, event: str, data: bytes) -> None:
        assert self.ready
        self.heard.append((event, json.loads(data)))

    def close(self) -> None:
        self.open = False

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.heard]


class World:
    def __init__(self, seconds: float = 60.0) -> None:
        self.clock = Clock()
        self.attempt = Attempt()
        self.told = Told(lambda: 1000.0)
        self.forgotten: list[Trial] = []
        self.trial = Trial(
            "id",
            self.attempt,
            self.told,
            claims=(),
            seconds=seconds,
            reactor=self.clock,
            on_forgotten=self.forgotten.append,
        )
        self.trial.start()

    def joined(self) -> Listener:
        listener = Listener()
        self.trial.join(listener)
        return listener

    def pass_seconds(self, seconds: float) -> None:
        self.clock.pump([0.1] * round(seconds * 10))

    def close(self) -> None:
        assert self.attempt.closing is not None
        self.attempt.closing.callback(None)


def test_without_anybody_who_listens_it_ends_after_ten_seconds() -> None:
    world = World()
    world.pass_seconds(9.5)
    assert world.attempt.running
    world.pass_seconds(1)
    assert not world.attempt.running
    world.close()
    late = world.joined()
    assert late.heard[-1][1]["reason"] == "Nobody has looked at it for 10 s."


def test_with_a_listener_it_lasts_its_time() -> None:
    world = World(seconds=30)
    listener = world.joined()
    world.pass_seconds(29.5)
    assert world.attempt.running
    world.pass_seconds(1)
    world.close()
    assert listener.heard[-1] == (
        "end",
        {"at": 1000.0, "reason": "Its 30 s are over.", "ok": None},
    )
    assert not listener.open


def test_the_ten_seconds_begin_when_the_last_listener_leaves() -> None:
    world = World()
    first, second = world.joined(), world.joined()
    world.pass_seconds(20)
    world.trial.leave(first)
    world.pass_seconds(20)
    assert world.attempt.running
    world.trial.leave(second)
    world.pass_seconds(9.5)
    assert world.attempt.running
    world.pass_seconds(1)
    assert not world.attempt.running


def test_the_end_is_told_once_all_is_closed() -> None:
    world = World()
    listener = world.joined()
    ended: list[None] = []
    world.trial.end("enough").addCallback(ended.append)
    world.trial.end("again").addCallback(ended.append)
    world.pass_seconds(1)
    assert (ended, listener.events) == ([], [])
    world.close()
    assert ended == [None, None]
    assert [value["reason"] for _, value in listener.heard] == ["Enough."]
    assert world.trial.ended


def test_what_cannot_be_closed_ends_all_the_same() -> None:
    world = World()
    listener = world.joined()
    world.trial.end("enough")
    assert world.attempt.closing is not None
    world.attempt.closing.errback(OSError("gone"))
    assert listener.events == ["end"]


def test_a_fault_in_a_look_ends_the_trial_and_is_told() -> None:
    world = World()
    listener = world.joined()
    world.attempt.broken = True
    world.pass_seconds(0.2)
    world.close()
    world.pass_seconds(0.2)

    assert [value["reason"] for _, value in listener.heard] == [
        "Ended by a fault that the log shows: one of its own."
    ]
    assert world.forgotten == [world.trial], "what it had taken is free again"


def test_somebody_late_hears_everything_and_then_it_is_forgotten() -> None:
    world = World()
    world.told.say("state", word="running")
    world.trial.end("enough")
    world.close()
    world.pass_seconds(5)
    assert not world.forgotten
    listener = world.joined()
    assert listener.events == ["state", "end"]
    world.pass_seconds(0.2)
    assert world.forgotten == [world.trial]
    assert world.clock.getDelayedCalls() == []


def test_what_nobody_has_heard_is_forgotten_ten_seconds_after_its_end() -> None:
    world = World()
    stuck = world.joined()
    stuck.ready = False
    world.trial.end("enough")
    world.close()
    world.pass_seconds(9.5)
    assert not world.forgotten
    world.pass_seconds(1)
    assert world.forgotten == [world.trial]
    assert not stuck.open
    assert world.clock.getDelayedCalls() == []


def test_a_slow_listener_is_told_the_rest_when_it_can_take_more() -> None:
    world = World()
    slow, quick = world.joined(), world.joined()
    slow.ready = False
    for number in range(3):
        world.told.say("chunk", number=number)
    world.pass_seconds(0.2)
    assert (len(quick.heard), len(slow.heard)) == (3, 0)
    slow.ready = True
    world.pass_seconds(0.2)
    assert slow.heard == quick.heard


def test_of_some_events_only_the_latest_is_kept() -> None:
    told = Told(lambda: 0.0)
    told.say("chunk", number=1)
    for total in (1, 2, 2, 2):
        told.say_latest("connections", total=total)
    seen = [(event, json.loads(data)) for _, event, data in told.after(0)]
    assert seen[1:] == [("connections", {"total": 2})]
    assert told.last == 3, "the same again tells nothing"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("it is there", "It is there."),
        ("http://h answers", "http://h answers."),
        ("/tmp/f can be written", "/tmp/f can be written."),
        ("Look at the cable.", "Look at the cable."),
    ],
)
def test_what_is_reported_is_a_sentence(text: str, told: str) -> None:
    assert sentence(text) == told


def test_what_is_told_is_bounded() -> None:
    told = Told(lambda: 0.0)
    for number in range(10_000):
        told.say("state", number=number)
    kept = list(told.after(0))
    assert len(kept) == 3000
    assert kept[-1][0] == told.last == 10_000
