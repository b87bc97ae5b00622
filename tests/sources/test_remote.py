from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, succeed

from iobuffer.batch import Batch, single_peer
from iobuffer.channel import Answer
from iobuffer.errors import StorageDropped, StorageFull
from iobuffer.links.web_client import WebAnswer, WebAuthConfig, WebFailed
from iobuffer.options import specs
from iobuffer.relay_format import CONTENT_TYPE, Parcel, encode
from iobuffer.relay_order import Place
from iobuffer.sources.remote import RemoteConfig, RemoteSource
from iobuffer.state import Word
from tests.destinations.web_fakes import ScriptedClient, answer
from tests.sources.source_fakes import RecordingKeeper, SourceWorld

URL = "https://remote-server:8080"


class MarkingKeeper(RecordingKeeper):
    """Keeps the marks with the batches, as a store does."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[str, bytes] = {}
        self._marks_of: dict[int, Mapping[str, bytes]] = {}

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        def committed(first_seq: int, error: Any) -> None:
            if error is None:
                self.marks.update(marks or {})
            assert answer is not None
            answer(first_seq, error)

        super().append(channel, batch, committed, marks)


class World:
    """A source that follows `out` of the store e1, at a scripted server."""

    def __init__(
        self, *script: WebAnswer | WebFailed | None, marks: Mapping[str, bytes] = {}
    ) -> None:
        self.world = SourceWorld()
        keeper = MarkingKeeper()
        keeper.channel = self.world.channel
        self.world.channel._keeper = keeper
        self.keeper = keeper
        keeper.marks.update(marks)
        self.client = ScriptedClient(*script, None)
        context = attrs.evolve(
            self.world.context,
            epoch=lambda: "here",
            marks=lambda: succeed(dict(keeper.marks)),
        )
        self.source = RemoteSource(
            RemoteConfig(url=URL, channel_id="out"),
            context,
            self.client,  # type: ignore[arg-type]
        )
        self.source.start()

    @property
    def urls(self) -> list[str]:
        return [url for _, url, _, _ in self.client.asked]

    @property
    def state(self) -> Any:
        return self.world.state.current


def parcel(
    first_seq: int,
    *messages: bytes,
    after: int | None = None,
    gateway: str = "e1",
    peer: str = "10.0.0.1:514",
) -> WebAnswer:
    batch = single_peer(list(messages), 900.0, peer).numbered(first_seq)
    behind = first_seq - 1 if after is None else after
    body = encode(Parcel(gateway, "out", behind, (batch,)))
    return answer(200, body, content_type=CONTENT_TYPE)


def test_it_asks_on_behind_what_is_committed() -> None:
    world = World(parcel(5, b"a", b"b"), answer(204), parcel(7, b"c"))

    assert world.keeper.messages == [b"a", b"b", b"c"]
    at_once = f"{URL}/api/channels/out/batches?wait=0"
    base = f"{URL}/api/channels/out/batches?wait=30"
    assert world.urls == [
        at_once,
        f"{base}&after=e1%3A6",
        f"{base}&after=e1%3A6",
        f"{base}&after=e1%3A7",
    ]
    assert world.state.word is Word.RUNNING
    assert world.keeper.marks == {"remote:out": b"e1:7"}
    assert world.world.counters.messages_in_total == 3
    assert world.source.peers()[0]["peer"] == "remote-server:8080"


def test_a_channel_with_nothing_new_is_known_to_work_at_the_first_answer() -> None:
    world = World(answer(204), answer(500), answer(204))

    assert [url.rpartition("?")[2] for url in world.urls] == ["wait=0", "wait=30"]
    world.world.clock.advance(0.5)
    assert world.state.word is Word.RUNNING
    assert [url.rpartition("?")[2] for url in world.urls[2:]] == ["wait=0", "wait=30"]


def test_it_goes_on_where_it_was_before_the_restart() -> None:
    world = World(parcel(5, b"a", b"b"), marks={"remote:out": b"e1:5"})

    assert world.urls[0].endswith("&after=e1%3A5")
    assert world.keeper.messages == [b"b"]


def test_the_trail_and_the_time_of_the_origin_are_kept() -> None:
    world = World(parcel(1, b"a"))

    assert world.keeper.batches[0].peers == (("10.0.0.1:514 via e1/out", 1),)
    assert world.keeper.batches[0].received_at == 900.0


def test_nothing_is_asked_before_the_commit() -> None:
    world = World(answer(500), parcel(1, b"a"))
    world.keeper.at_once = False
    world.world.clock.advance(0.5)
    assert len(world.client.asked) == 2

    world.keeper.commit()
    assert world.urls[-1].endswith("&after=e1%3A1")


def test_no_room_is_waited_for_and_the_same_asked_again() -> None:
    world = World(answer(500), parcel(1, b"a"), parcel(1, b"a"))
    world.keeper.at_once = False
    world.world.clock.advance(0.5)
    world.keeper.refuse(StorageFull("the channel is full"))

    assert world.state.word is Word.WAITING
    assert "the channel is full" in world.state.reason
    world.keeper.at_once = True
    world.world.clock.advance(1.0)
    assert "after" not in world.urls[2]
    assert world.keeper.messages == [b"a"]


def test_messages_left_out_are_refused_and_told() -> None:
    world = World(parcel(9, b"x"), marks={"remote:out": b"e1:5"})

    assert world.keeper.messages == []
    assert world.state.word is Word.FAILED
    assert "messages 6 to 8 are left out" in world.state.reason


def test_messages_that_are_gone_there_are_told_and_passed_over() -> None:
    world = World(parcel(9, b"x", after=5), marks={"remote:out": b"e1:5"})

    assert world.keeper.messages == [b"x"]
    assert any("error: 3 messages" in line for line in world.world.log)


def test_another_store_there_is_told_and_followed() -> None:
    world = World(parcel(1, b"n", gateway="e2"), marks={"remote:out": b"e1:5"})

    assert world.keeper.messages == [b"n"]
    assert world.keeper.marks == {"remote:out": b"e2:1 e1"}
    assert any("has another store now" in line for line in world.world.log)
    place = Place.of_mark(world.keeper.marks, "remote:out")
    assert place == Place("e2", 1, ("e1",))


def test_a_loop_is_refused_and_told() -> None:
    world = World(parcel(1, b"x", peer="10.0.0.1:514 via here/chem-1"))

    assert world.keeper.messages == []
    assert world.state.word is Word.FAILED
    assert "they go round" in world.state.reason


@pytest.mark.parametrize(
    ("found", "word", "words"),
    [
        (WebFailed("nobody listens there"), Word.WAITING, "nobody listens there"),
        (answer(503, b"busy"), Word.WAITING, "503: busy"),
        (answer(401), Word.FAILED, "does not let us in"),
        (answer(404, b"no channel out"), Word.FAILED, "404: no channel out"),
        (answer(302, location="http://evil/"), Word.FAILED, "not followed"),
        (answer(200, b"<html>"), Word.FAILED, "no parcel of batches"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_tried_again(
    found: WebAnswer | WebFailed, word: Word, words: str
) -> None:
    world = World(found, parcel(1, b"a"))

    assert world.state.word is word
    assert words in world.state.reason
    assert "next try in 0." in world.state.reason
    world.world.clock.advance(0.5)
    assert world.keeper.messages == [b"a"]
    assert world.state.word is Word.RUNNING


def test_a_paused_one_asks_nothing_and_goes_on_afterwards() -> None:
    world = World()
    assert len(world.client.asked) == 1
    world.source.pause()
    assert world.state.word is Word.PAUSED

    world.client.script = [parcel(1, b"a"), None]
    world.source.resume()
    assert world.keeper.messages == [b"a"]


def test_a_pause_while_it_stores_takes_the_rest_later_and_nothing_twice() -> None:
    world = World(answer(500), parcel(1, b"a"), None)
    world.keeper.at_once = False
    world.world.clock.advance(0.5)
    world.source.pause()
    world.source.resume()
    assert len(world.client.asked) == 2
    world.keeper.commit()

    assert world.urls[-1].endswith("&after=e1%3A1")
    assert world.keeper.messages == [b"a"]


def test_stop_ends_it_for_good() -> None:
    world = World()
    stopped: Deferred[None] = world.source.stop()
    world.world.clock.advance(100.0)

    assert stopped.called
    assert len(world.client.asked) == 1
    assert world.client.closed
    assert world.state.word is Word.STOPPED
    assert world.source.peers() == []
    assert not world.world.clock.getDelayedCalls()


def url(text: object) -> str:
    _, spec = specs(RemoteConfig)["url"]
    parsed: str = spec.converter.parse(text)  # type: ignore[union-attr]
    return parsed


def test_the_url_of_the_seed_page_is_read() -> None:
    assert url("http://remote-server:8080") == "http://remote-server:8080"


@pytest.mark.parametrize(
    "text",
    [
        "remote-server:8080",
        "ftp://x",
        "http://",
        "http://u:p@x",
        "http://x:y",
        "http://x/?y=1",
        "http://x y",
        "",
        8080,
    ],
)
def test_what_is_no_url_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        url(text)


def test_passwords_and_tokens_are_secrets() -> None:
    found = specs(WebAuthConfig)

    assert found["password"][1].secret  # type: ignore[union-attr]
    assert found["token"][1].secret  # type: ignore[union-attr]


# -- asking ahead ----------------------------------------------------------------------

LARGE = b"x" * (1 << 20)
BASE = f"{URL}/api/channels/out/batches"


def ahead_world(*script: WebAnswer | WebFailed | None) -> World:
    """One that has begun to commit message 6, a large one, and asked ahead."""
    world = World(answer(500), parcel(6, LARGE), *script, marks={"remote:out": b"e1:5"})
    world.keeper.at_once = False
    world.world.clock.advance(0.5)
    return world


def test_while_a_large_parcel_is_committed_the_next_one_comes() -> None:
    world = ahead_world(parcel(7, b"c"), answer(204))

    assert world.urls[2:] == [f"{BASE}?wait=0&after=e1%3A5&ahead=6"]
    assert world.keeper.messages == []
    world.keeper.at_once = True
    world.keeper.commit()
    assert world.keeper.messages == [LARGE, b"c"]
    assert world.urls[3:] == [
        f"{BASE}?wait=30&after=e1%3A7",
        f"{BASE}?wait=30&after=e1%3A7",
    ]
    assert world.keeper.marks == {"remote:out": b"e1:7"}


def test_nothing_ahead_is_asked_for_again_with_the_place_that_was_reached() -> None:
    world = ahead_world(answer(204))
    world.keeper.commit()

    assert world.urls[-1] == f"{BASE}?wait=30&after=e1%3A6"


def test_what_came_ahead_of_a_parcel_without_room_is_forgotten() -> None:
    world = ahead_world(parcel(7, b"c"), parcel(6, LARGE), answer(204))
    world.keeper.refuse(StorageFull("the channel is full"))
    world.keeper.at_once = True
    world.world.clock.advance(1.0)

    assert world.urls[3] == f"{BASE}?wait=0&after=e1%3A5"
    assert world.keeper.messages == [LARGE]


def test_a_pause_forgets_what_was_asked_ahead() -> None:
    world = ahead_world(None)
    world.source.pause()
    world.keeper.at_once = True
    world.keeper.commit()
    world.client.script = [parcel(7, b"c"), None]
    world.source.resume()

    assert world.keeper.messages == [LARGE, b"c"]


def test_what_the_channel_drops_by_its_policy_is_passed_over() -> None:
    world = World(answer(500), parcel(6, b"a"), None, marks={"remote:out": b"e1:5"})
    world.keeper.at_once = False
    world.world.clock.advance(0.5)
    world.keeper.refuse(StorageDropped("the channel is full"))

    assert world.urls[-1] == f"{BASE}?wait=30&after=e1%3A6"
    assert world.state.word is Word.RUNNING
