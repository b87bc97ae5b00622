from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iobuffer.batch import single_peer
from iobuffer.relay_format import Parcel
from iobuffer.relay_order import Place, Refusal, Taken, stop_name, take, trail_of

NOW = 2000.0
HERE = stop_name("here", "in")


def parcel(
    first_seq: int, *messages: bytes, after: int | None = None, gateway: str = "e1"
) -> Parcel:
    batch = single_peer(list(messages), 1000.0, "10.0.0.1:514").numbered(first_seq)
    behind = first_seq - 1 if after is None else after
    return Parcel(gateway, "out", behind, (batch,))


def taken(place: Place | None, found: Parcel) -> Taken:
    judged = take(place, found, HERE, NOW)
    assert isinstance(judged, Taken), judged
    return judged


def refused(place: Place | None, found: Parcel) -> Refusal:
    judged = take(place, found, HERE, NOW)
    assert isinstance(judged, Refusal), judged
    return judged


def messages(judged: Taken) -> list[bytes]:
    return [message for batch, _ in judged.batches for message in batch.messages]


def test_the_first_parcel_ever_begins_wherever_the_sender_begins() -> None:
    judged = taken(None, parcel(41, b"a", b"b"))

    assert messages(judged) == [b"a", b"b"]
    assert judged.place == Place("e1", 42)
    assert (judged.missing, judged.known, judged.renewed) == (0, 0, False)


def test_what_comes_twice_is_taken_once() -> None:
    judged = taken(Place("e1", 42), parcel(41, b"a", b"b"))

    assert messages(judged) == []
    assert judged.known == 2
    assert judged.place == Place("e1", 42)


def test_of_what_is_known_in_part_the_rest_is_taken() -> None:
    judged = taken(Place("e1", 42), parcel(41, b"a", b"b", b"c"))

    assert messages(judged) == [b"c"]
    assert judged.place == Place("e1", 43)


def test_one_that_overtook_another_is_refused_with_what_is_left_out() -> None:
    assert (
        "messages 43 to 49 are left out"
        in refused(Place("e1", 42), parcel(50, b"x")).reason
    )


def test_what_the_sender_says_is_gone_there_is_missing_and_no_reason_to_stop() -> None:
    judged = taken(Place("e1", 42), parcel(50, b"x", after=42))

    assert messages(judged) == [b"x"]
    assert judged.missing == 7


def test_a_new_store_is_followed_and_the_old_one_no_more() -> None:
    judged = taken(Place("e1", 42), parcel(1, b"n", gateway="e2"))

    assert judged.renewed
    assert judged.place == Place("e2", 1, ("e1",))
    assert "long ago" in refused(judged.place, parcel(43, b"old")).reason


def test_messages_that_have_been_here_are_a_loop() -> None:
    batch = single_peer([b"x"], 1.0, f"10.0.0.1:514 via {HERE} via b/c").numbered(1)
    found = refused(None, Parcel("e1", "out", 0, (batch,)))

    assert found.loop
    assert f"{HERE} -> b/c -> e1/out -> {HERE}" in found.reason


def test_a_channel_that_follows_itself_is_a_loop() -> None:
    batch = single_peer([b"x"], 1.0, "10.0.0.1:514").numbered(1)

    assert refused(None, Parcel("here", "in", 0, (batch,))).loop


def test_another_channel_of_a_gateway_where_they_have_been_is_none() -> None:
    batch = single_peer([b"x"], 1.0, "p via here/other").numbered(1)

    assert messages(taken(None, Parcel("e1", "out", 0, (batch,)))) == [b"x"]


def test_the_trail_grows_with_each_hop() -> None:
    judged = taken(None, parcel(1, b"x"))
    ((peer, _),) = judged.batches[0][0].peers

    assert peer == "10.0.0.1:514 via e1/out"
    assert trail_of(peer) == ("e1/out",)


def test_a_way_without_end_is_refused() -> None:
    peer = "p" + "".join(f" via g{n}/c" for n in range(16))
    batch = single_peer([b"x"], 1.0, peer).numbered(1)

    assert refused(None, Parcel("e1", "out", 0, (batch,))).loop


def test_the_time_of_the_origin_stays_unless_it_is_of_the_future() -> None:
    early = single_peer([b"x"], 7.0, "p").numbered(1)
    late = single_peer([b"y"], 9e9, "p").numbered(2)
    judged = taken(None, Parcel("e1", "out", 0, (early, late)))

    assert [batch.received_at for batch, _ in judged.batches] == [7.0, NOW]


def test_a_place_is_read_as_it_was_written() -> None:
    place = Place("e:1", 7, ("e0", "e-1"))

    assert Place.of_mark({"m": place.as_mark()}, "m") == place
    assert Place.read("e1:7") == Place("e1", 7)
    assert Place.of_mark({}, "m") is None


@given(st.text(max_size=30))
def test_a_place_that_is_none_is_none(text: str) -> None:
    found = Place.read(text)

    assert found is None or str(found).split(":")[0] == text.split(":")[0]


@given(st.data())
def test_whatever_the_network_does_each_message_is_taken_once_and_in_order(
    data: st.DataObject,
) -> None:
    """Parcels cut anywhere, sent twice, late and in any order: what is taken is always
    a beginning of what was sent, and asking on completes it."""
    sent = [b"%d" % number for number in range(1, 31)]
    place: Place | None = None
    stored: list[bytes] = []
    first = parcel(1, *sent[:1])
    on_the_way = [first]
    for _ in range(40):
        reached = place.seq if place else 0
        start = data.draw(st.integers(0, max(0, reached)))
        stop = min(30, start + data.draw(st.integers(1, 8)))
        if start < stop:
            on_the_way.append(parcel(start + 1, *sent[start:stop]))
        arriving = data.draw(st.sampled_from(on_the_way))
        if place is None and arriving.after:
            continue
        judged = take(place, arriving, HERE, NOW)
        if isinstance(judged, Taken):
            stored += messages(judged)
            place = judged.place
        assert stored == sent[: len(stored)]
    reached = place.seq if place else 0
    if reached < 30:
        stored += messages(taken(place, parcel(reached + 1, *sent[reached:])))
    assert stored == sent
