from __future__ import annotations

import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.batch import Batch, single_peer
from iobuffer.relay_format import Malformed, Parcel, decode, encode


def a_parcel(*messages: bytes, first_seq: int = 8, after: int = 7) -> Parcel:
    batch = single_peer(list(messages), 1_700_000_000.5, "10.0.0.1:514")
    return Parcel("e1", "chem-1", after, (batch.numbered(first_seq),))


def sealed(body: bytes) -> bytes:
    """With the checksum that belongs to it."""
    return body + struct.pack(">I", crc32(body))


def whole(parcel: Parcel) -> tuple[object, ...]:
    return (
        parcel.gateway,
        parcel.channel,
        parcel.after,
        [
            (each.first_seq, each.messages, each.received_at, each.peers)
            for each in parcel.batches
        ],
    )


def reason(data: bytes) -> str:
    found = decode(data)
    assert isinstance(found, Malformed)
    return found.reason


@st.composite
def parcels(draw: st.DrawFn) -> Parcel:
    after = draw(st.integers(0, 2**40))
    seq = after
    batches = []
    for _ in range(draw(st.integers(0, 4))):
        seq += draw(st.integers(1, 1000))
        runs = draw(
            st.lists(
                st.tuples(
                    st.text(st.characters(codec="utf-8"), max_size=40),
                    st.lists(st.binary(max_size=60), min_size=1, max_size=5),
                ),
                min_size=1,
                max_size=3,
            )
        )
        messages = [message for _, group in runs for message in group]
        batches.append(
            Batch(
                messages,
                draw(st.floats(0, 4e9)),
                tuple((peer, len(group)) for peer, group in runs),
                sum(map(len, messages)),
                seq,
            )
        )
        seq += len(messages) - 1
    gateway = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
    return Parcel(gateway, "c-1", after, tuple(batches))


@given(parcels())
def test_what_is_put_in_comes_out(parcel: Parcel) -> None:
    found = decode(encode(parcel))

    assert isinstance(found, Parcel)
    assert whole(found) == whole(parcel)
    assert found.last_seq == parcel.last_seq


@given(st.binary(max_size=300))
def test_garbage_is_told_not_raised(data: bytes) -> None:
    assert isinstance(decode(data), Malformed)
    assert isinstance(decode(sealed(b"ioBr\x01\x00" + data)), Parcel | Malformed)


@given(st.data())
def test_a_changed_byte_is_seen_and_one_with_a_good_checksum_never_raises(
    data: st.DataObject,
) -> None:
    good = encode(a_parcel(b"one", b"", b"three" * 9))
    at = data.draw(st.integers(0, len(good) - 5))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))

    assert isinstance(decode(bytes(bad)), Malformed)
    assert isinstance(decode(sealed(bytes(bad[:-4]))), Parcel | Malformed)


def test_every_cut_is_seen() -> None:
    good = encode(a_parcel(b"one", b"two"))

    for size in range(len(good) - 4):
        assert isinstance(decode(good[:size]), Malformed)
        assert isinstance(decode(sealed(good[:size])), Malformed)


def test_a_count_that_lies_allocates_nothing() -> None:
    good = encode(a_parcel(b"one"))[:-4]
    count = good.index(b"chem-1") + 6 + 8 + 4 + 8
    lying = good[:count] + b"\xff\xff\xff\xff" + good[count + 4 :]

    assert "do not add up" in reason(sealed(lying))


@pytest.mark.parametrize(
    ("parcel", "words"),
    [
        (a_parcel(b"x", first_seq=7, after=7), "not in order"),
        (a_parcel(b"x", first_seq=2**63, after=7), "beyond all others"),
        (a_parcel(first_seq=8), "without messages"),
        (Parcel("", "c", 0, ()), "without gateway"),
        (
            Parcel("e", "c", 0, (Batch([b"x"], float("nan"), (("p", 1),), 1, 1),)),
            "a time that is none",
        ),
        (
            Parcel("e", "c", 0, (Batch([b"x"], 1.0, (("p", 2),), 1, 1),)),
            "peers do not add up",
        ),
    ],
)
def test_what_cannot_be_is_refused(parcel: Parcel, words: str) -> None:
    assert words in reason(encode(parcel))


def test_another_version_says_what_to_do() -> None:
    good = bytearray(encode(a_parcel(b"x")))
    good[4] = 2

    assert "version 2" in reason(bytes(good))
    assert "upgrade" in reason(bytes(good))


def test_a_page_of_a_proxy_is_named_as_what_it_is() -> None:
    assert "is the address an iobuffer's" in reason(b"<html>Please log in</html>")


def test_a_peer_that_is_no_utf8_still_travels() -> None:
    batch = single_peer([b"x"], 1.0, "/dev/\udcff" + "x" * 5000).numbered(1)
    found = decode(encode(Parcel("e", "c", 0, (batch,))))

    assert isinstance(found, Parcel)
    assert found.batches[0].peers[0][0].startswith("/dev/?xxx")
