"""Batches: joined, cut and numbered, with their peers as runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iobuffer.batch import Batch, cut, join, single_peer

AT = 1_700_000_000.0


def batches() -> st.SearchStrategy[Batch]:
    messages = st.lists(st.binary(max_size=4), min_size=1, max_size=6)
    return st.builds(
        lambda found, peer: single_peer(found, AT, peer),
        messages,
        st.sampled_from(["a", "b"]),
    )


def senders(batch: Batch) -> list[str]:
    return [peer for peer, count in batch.peers for _ in range(count)]


def test_a_batch_of_one_peer_counts_payload_and_nothing_else() -> None:
    batch = single_peer([b"one", b"", b"three"], AT, "10.0.0.1:5")
    assert batch.size_bytes == 8
    assert batch.peers == (("10.0.0.1:5", 3),)
    assert len(batch) == 3
    assert batch.first_seq == 0


def test_a_numbered_batch_knows_its_last_number_and_shares_its_messages() -> None:
    batch = single_peer([b"one", b"two"], AT, "p")
    numbered = batch.numbered(7)
    assert (numbered.first_seq, numbered.last_seq) == (7, 8)
    assert numbered.messages is batch.messages
    assert batch.first_seq == 0


def test_joining_one_batch_gives_that_batch() -> None:
    batch = single_peer([b"one"], AT, "p")
    assert join([batch]) is batch


def test_neighbours_of_one_peer_become_one_run() -> None:
    first, second = single_peer([b"1"], AT, "a"), single_peer([b"2"], AT + 1, "a")
    joined = join([first, second, single_peer([b"3"], AT, "b")])
    assert joined.peers == (("a", 2), ("b", 1))
    assert joined.received_at == AT


def test_joining_does_not_touch_what_is_joined() -> None:
    first = single_peer([b"1"], AT, "a")
    join([first, single_peer([b"2"], AT, "a")])
    assert first.messages == [b"1"]
    assert first.peers == (("a", 1),)


def test_cutting_everything_gives_the_batch_itself() -> None:
    batch = single_peer([b"1", b"2"], AT, "a").numbered(4)
    assert cut(batch, 0, 2) is batch
    assert cut(batch, -1, 9) is batch


def test_a_cut_keeps_numbers_and_an_unnumbered_one_stays_so() -> None:
    batch = single_peer([b"1", b"22", b"333"], AT, "a")
    assert cut(batch, 1, 2).first_seq == 0
    part = cut(batch.numbered(10), 1, 3)
    assert (part.first_seq, part.last_seq) == (11, 12)
    assert part.messages == [b"22", b"333"]
    assert part.size_bytes == 5


@given(st.lists(batches(), min_size=1, max_size=5), st.data())
def test_join_and_cut_lose_no_message_and_no_peer(
    several: list[Batch], data: st.DataObject
) -> None:
    joined = join(several).numbered(1)
    messages = [message for batch in several for message in batch.messages]
    peers = [peer for batch in several for peer in senders(batch)]
    assert joined.messages == messages
    assert senders(joined) == peers
    assert joined.size_bytes == sum(map(len, messages))

    start = data.draw(st.integers(0, len(joined) - 1))
    stop = data.draw(st.integers(start + 1, len(joined)))
    part = cut(joined, start, stop)
    assert part.messages == messages[start:stop]
    assert senders(part) == peers[start:stop]
    assert part.first_seq == 1 + start
    assert part.size_bytes == sum(map(len, messages[start:stop]))
