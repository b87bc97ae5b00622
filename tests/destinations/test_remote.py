from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from iobuffer.channel import Confidence
from iobuffer.destinations.base import LinkLost
from iobuffer.destinations.remote import RemoteDestinationConfig, link_over
from iobuffer.links.web_client import WebAnswer, WebFailed
from iobuffer.relay_format import Parcel, decode
from iobuffer.state import Word
from tests.destinations.fakes import batch_of, link_bench
from tests.destinations.web_fakes import ScriptedClient, answer

URL = "https://remote-server:8080/"


def where(seq: int | None, gateway: str | None = "e1") -> WebAnswer:
    return answer(200, json.dumps({"gateway": gateway, "seq": seq}).encode())


class World:
    """A started link to channel `in` over a scripted instance; our store is e1."""

    def __init__(self, *script: WebAnswer | WebFailed | None) -> None:
        self.clock = Clock()
        self.client = ScriptedClient(*script)
        config = RemoteDestinationConfig(url=URL, channel_id="in")
        self.bench = link_bench(self.clock, config.framing)
        self.link = link_over(
            self.client,  # type: ignore[arg-type]
            config,
            attrs.evolve(self.bench.context, epoch=lambda: "e1"),
        )
        self.link.start(self.bench.user)

    def send(self, first_seq: int, *messages: bytes) -> Any:
        results: list[Any] = []
        batch = batch_of(*messages).numbered(first_seq)
        self.link.send(batch).addBoth(results.append)
        (found,) = results
        return found.value if isinstance(found, Failure) else found

    @property
    def parcels(self) -> list[Parcel]:
        found = [decode(body or b"") for body in self.client.bodies]
        return [each for each in found if isinstance(each, Parcel)]


def test_it_asks_first_where_the_other_side_is_and_then_gives_batches_whole() -> None:
    world = World(where(None, None), where(2), where(3))

    assert world.send(1, b"a", b"b") is Confidence.ACKNOWLEDGED
    assert world.send(3, b"c") is Confidence.ACKNOWLEDGED
    assert [(each.after, len(each.batches)) for each in world.parcels] == [
        (0, 0),
        (0, 1),
        (2, 1),
    ]
    assert world.parcels[1].batches[0].messages == [b"a", b"b"]
    assert (world.parcels[1].gateway, world.parcels[1].channel) == ("e1", "ward-3")
    assert world.client.asked[0][:2] == (
        "POST",
        "https://remote-server:8080/api/channels/in/batches",
    )


def test_what_comes_while_a_request_is_under_way_goes_out_with_the_next() -> None:
    world = World(where(0), None)
    told: list[tuple[int, Any]] = []

    def send(first_seq: int, *messages: bytes) -> None:
        sent = world.link.send(batch_of(*messages).numbered(first_seq))
        sent.addBoth(lambda found: told.append((first_seq, found)))

    send(1, b"a")
    assert world.link.writable
    send(2, b"b")
    send(3, b"c", b"d")
    assert [len(each.batches) for each in world.parcels] == [0, 1]
    world.client.script = [where(4)]
    world.client.answer(where(1))

    assert told == [(each, Confidence.ACKNOWLEDGED) for each in (1, 2, 3)]
    assert world.parcels[-1].after == 1
    assert [each.messages for each in world.parcels[-1].batches] == [
        [b"b"],
        [b"c", b"d"],
    ]


def test_when_a_request_fails_what_waits_behind_it_fails_too() -> None:
    world = World(where(0), None)
    lost: list[Any] = []
    for first_seq in (1, 2, 3):
        sent = world.link.send(batch_of(b"x").numbered(first_seq))
        sent.addErrback(lambda failure: lost.append(failure.value))
    world.link.reopen("stalled")

    assert [type(each) for each in lost] == [LinkLost] * 3
    assert [each.delivered for each in lost] == [0, 0, 0]
    world.clock.advance(0.5)
    world.client.script = [where(0), where(3)]
    assert world.send(1, b"x", b"x", b"x") is Confidence.ACKNOWLEDGED


def test_no_more_gathers_than_a_request_holds() -> None:
    world = World(where(0), None)
    world.link.send(batch_of(b"first").numbered(1))
    world.link.send(batch_of(b"x" * (4 << 20)).numbered(2))

    assert not world.link.writable


def test_what_was_parked_here_is_no_gap_there() -> None:
    world = World(where(5), where(8))
    world.send(8, b"x")

    assert world.parcels[1].after == 5


def test_after_a_request_without_an_answer_it_asks_again_where_the_other_is() -> None:
    world = World(where(0), WebFailed("no answer"), where(2), where(3))
    assert isinstance(world.send(1, b"a", b"b"), LinkLost)
    world.clock.advance(0.5)

    assert world.send(1, b"a", b"b", b"c") is Confidence.ACKNOWLEDGED
    assert [each.after for each in world.parcels] == [0, 0, 0, 0]


def test_an_instance_that_has_not_got_it_all_is_not_believed() -> None:
    world = World(where(0), where(1))
    error = world.send(1, b"a", b"b")

    assert isinstance(error, LinkLost)
    assert "has got to 1, and was given up to 2" in error.reason


@pytest.mark.parametrize(
    ("found", "word", "words"),
    [
        (answer(404, b"no channel"), Word.FAILED, "404: no channel"),
        (answer(409, b"left out"), Word.FAILED, "409: left out"),
        (answer(401), Word.FAILED, "does not let us in"),
        (answer(508, b"they go round"), Word.FAILED, "they go round"),
        (answer(503, retry_after="2"), Word.WAITING, "503"),
        (answer(200, b"<html>"), Word.FAILED, "200: <html>"),
        (answer(200, b"[]"), Word.FAILED, "200: []"),
    ],
)
def test_whatever_it_answers_no_message_is_parked(
    found: WebAnswer, word: Word, words: str
) -> None:
    world = World(where(0), found)

    assert isinstance(world.send(1, b"a"), LinkLost)
    assert world.bench.state.word is word
    assert words in world.bench.state.reason


def test_another_store_of_ours_begins_anew_there() -> None:
    world = World(where(70, "e0"), where(1))

    assert world.send(1, b"a") is Confidence.ACKNOWLEDGED
    assert world.parcels[1].after == 0


def test_a_channel_without_a_name_is_a_problem() -> None:
    config = RemoteDestinationConfig(url=URL, channel_id=" ", timeout=90.0)

    assert [name for name, _ in config.problems()] == ["channel_id", "stall"]
