from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from iobuffer.batch import Batch
from iobuffer.channel import Confidence
from iobuffer.destinations.base import LinkLost, Refused
from iobuffer.destinations.http import HttpDestinationConfig, link_over
from iobuffer.framing import FRAMINGS
from iobuffer.links.web_client import WebAnswer, WebFailed
from iobuffer.options import specs
from iobuffer.state import Word
from tests.destinations.fakes import LinkBench, batch_of, link_bench
from tests.destinations.web_fakes import ScriptedClient, answer

URL = "http://lis.example/in"


class World:
    """A started link over a scripted server."""

    def __init__(self, *script: WebAnswer | WebFailed | None, **options: Any) -> None:
        self.clock = Clock()
        self.client = ScriptedClient(*script)
        config = HttpDestinationConfig(url=URL, **options)
        self.bench: LinkBench = link_bench(self.clock, config.framing)
        self.link = link_over(
            self.client,  # type: ignore[arg-type]
            config,
            self.bench.context,
        )
        self.link.start(self.bench.user)

    def send(self, *messages: bytes, first_seq: int = 1) -> list[Any]:
        return told(self.link.send(numbered(*messages, first_seq=first_seq)))


def numbered(*messages: bytes, first_seq: int = 1) -> Batch:
    return batch_of(*messages).numbered(first_seq)


def told(deferred: Deferred[Any]) -> list[Any]:
    """What it fires with, as soon as it does; a failure's error."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    return [
        each.value if isinstance(each, Failure) else each for each in results
    ] or results


def test_each_message_is_a_post_of_its_own() -> None:
    world = World()

    assert world.send(b"a", b"b", first_seq=7) == [Confidence.ACKNOWLEDGED]
    assert world.client.bodies == [b"a", b"b"]
    assert world.client.keys == ['"/ward-3/7"', '"/ward-3/8"']
    assert world.bench.state.word is Word.RUNNING
    assert world.link.writable


def test_a_batch_goes_in_requests_of_so_many() -> None:
    world = World(batch=2, framing=FRAMINGS["line"]())

    assert world.send(b"a", b"b", b"c") == [Confidence.ACKNOWLEDGED]
    assert world.client.bodies == [b"a\nb\n", b"c\n"]
    assert world.client.keys == ['"/ward-3/1-2"', '"/ward-3/3"']


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_the_servers_trouble_is_tried_again(status: int) -> None:
    world = World(answer(200), answer(status))
    (error,) = world.send(b"a", b"b")

    assert isinstance(error, LinkLost)
    assert (error.delivered, error.confidence) == (1, Confidence.ACKNOWLEDGED)
    assert world.bench.user.told[-1].startswith("down: ")
    assert world.bench.state.word is Word.WAITING
    assert not world.link.writable
    world.clock.advance(0.5)
    assert world.bench.user.told[-1] == "up"
    assert world.send(b"b") == [Confidence.ACKNOWLEDGED]


def test_retry_after_is_kept_to() -> None:
    world = World(answer(503, retry_after="7"))
    world.send(b"a")

    world.clock.advance(6.9)
    assert not world.link.writable
    world.clock.advance(0.2)
    assert world.link.writable


@pytest.mark.parametrize("value", ["x", "-1", "Mon, 99 Nov", "9" * 40, ""])
def test_a_retry_after_that_is_none_is_not_waited_for(value: str) -> None:
    world = World(answer(503, retry_after=value))
    world.send(b"a")

    world.clock.advance(0.5)
    assert world.link.writable


def test_a_refusal_is_final_and_says_why() -> None:
    world = World(answer(200), answer(422, b"no  patient\nid"))
    (error,) = world.send(b"a", b"b", b"c")

    assert isinstance(error, Refused)
    assert (error.index, error.final) == (1, True)
    assert error.reason == "HTTP status 422: no patient id"
    assert world.link.writable
    assert world.client.bodies == [b"a", b"b"]


def test_of_a_refused_batch_only_the_bad_message_is_refused() -> None:
    world = World(batch=10, framing=FRAMINGS["line"]())
    world.client.judge = lambda body: answer(400 if b"bad" in (body or b"") else 200)
    (error,) = world.send(b"a", b"bad", b"c")

    assert isinstance(error, Refused)
    assert error.index == 1
    assert len(world.client.bodies) == 3


def test_what_the_framing_cannot_carry_is_refused_behind_what_went_before() -> None:
    world = World(batch=10, framing=FRAMINGS["mllp"]())
    (error,) = world.send(b"a", b"x\x1c\ry", b"c")

    assert isinstance(error, Refused)
    assert (error.index, error.final) == (1, True)
    assert len(world.client.bodies) == 1


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_wrong_password_parks_nothing(status: int) -> None:
    world = World(answer(status))
    (error,) = world.send(b"a")

    assert isinstance(error, LinkLost)
    assert world.bench.state.word is Word.FAILED
    assert "auth." in world.bench.state.reason


def test_a_redirect_is_told_and_not_followed() -> None:
    world = World(answer(302, location="https://elsewhere/"))
    (error,) = world.send(b"a")

    assert isinstance(error, LinkLost)
    assert "https://elsewhere/" in world.bench.state.reason
    assert len(world.client.asked) == 1


def test_no_answer_is_a_lost_link() -> None:
    world = World(WebFailed("no answer within 30 s"))
    (error,) = world.send(b"a")

    assert isinstance(error, LinkLost)
    assert error.delivered == 0
    assert "no answer within 30 s" in world.bench.state.reason


def test_pauses_grow_until_something_is_taken() -> None:
    world = World(answer(500), answer(500), answer(200), answer(500))
    world.send(b"a")
    world.clock.advance(0.5)
    world.send(b"a")
    world.clock.advance(0.5)
    assert not world.link.writable
    world.clock.advance(0.5)
    world.send(b"a", b"b")
    world.clock.advance(0.5)

    assert world.link.writable


def test_a_stall_gives_the_request_up() -> None:
    world = World(None)
    outcome = world.link.send(numbered(b"a"))
    world.link.reopen("stalled")
    (error,) = told(outcome)

    assert isinstance(error, LinkLost)
    assert "stalled" in error.reason


def test_stop_leaves_what_is_not_confirmed() -> None:
    world = World(answer(200), None)
    outcome = world.link.send(numbered(b"a", b"b"))
    stopped = world.link.stop()
    (error,) = told(outcome)

    assert isinstance(error, LinkLost)
    assert error.delivered == 1
    assert stopped.called
    assert world.client.closed
    assert world.bench.state.word is Word.STOPPED
    assert not world.clock.getDelayedCalls()


def test_a_batch_without_bounds_between_its_messages_is_a_problem() -> None:
    assert [name for name, _ in HttpDestinationConfig(url=URL, batch=2).problems()] == [
        "framing"
    ]


def test_a_timeout_beyond_the_stall_is_a_problem() -> None:
    config = HttpDestinationConfig(url=URL, timeout=90.0)

    assert [name for name, _ in config.problems()] == ["stall"]


@pytest.mark.parametrize("text", ["text", "a/b\r\nX: y", "/", 7])
def test_a_media_type_that_is_none_is_refused(text: object) -> None:
    _, spec = specs(HttpDestinationConfig)["content_type"]
    with pytest.raises(ValueError):
        spec.converter.parse(text)  # type: ignore[union-attr]
