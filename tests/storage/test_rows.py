"""The body's coding and what the CRC covers."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.batch import Peers
from iobuffer.storage.rows import Row, encode_body, encode_peers, row_crc

MESSAGES = st.lists(st.binary(max_size=40), min_size=1, max_size=12)


def row_of(messages: list[bytes], peers: Peers = (("p", 1),), first: int = 5) -> Row:
    body = encode_body(messages)
    text = encode_peers(peers)
    crc = row_crc(1, first, len(messages), 2.5, text, 77, body)
    return Row(9, first, len(messages), 2.5, text, crc, 77, len(body), body)


def test_the_body_is_lengths_then_messages() -> None:
    assert encode_body([b"ab", b"", b"c"]) == (b"\x02\0\0\0\0\0\0\0\x01\0\0\0abc")


def test_the_crc_covers_header_peers_and_body_as_documented() -> None:
    header = (
        (1).to_bytes(8, "little")
        + (2).to_bytes(8, "little")
        + (3).to_bytes(8, "little")
        + bytes.fromhex("0000000000000440")
        + (77).to_bytes(4, "little")
    )
    expected = zlib.crc32(header + b'[["p",3]]' + b"body")
    assert row_crc(1, 2, 3, 2.5, '[["p",3]]', 77, b"body") == expected


@given(MESSAGES)
def test_decoding_undoes_encoding(messages: list[bytes]) -> None:
    row = row_of(messages, (("p", len(messages)),))
    assert row.fault(1) == ""
    batch = row.batch(4, 100, 1 << 20)
    assert batch.messages == messages
    assert batch.size_bytes == sum(map(len, messages))
    assert (batch.first_seq, batch.last_seq) == (5, 4 + len(messages))


@given(MESSAGES, st.data())
def test_any_cut_is_what_a_slice_would_be(
    messages: list[bytes], data: st.DataObject
) -> None:
    runs = (("a", 1), ("b", len(messages) - 1)) if len(messages) > 1 else (("a", 1),)
    row = row_of(messages, runs)
    start = data.draw(st.integers(0, len(messages) - 1))
    count = data.draw(st.integers(1, 12))
    batch = row.batch(4 + start, count, 1 << 20)
    assert batch.messages == messages[start : start + count]
    assert sum(number for _, number in batch.peers) == len(batch)
    assert batch.first_seq == 5 + start


@pytest.mark.parametrize("channel_id", [2, 0])
def test_a_row_of_another_channel_is_a_fault(channel_id: int) -> None:
    assert "CRC" in row_of([b"x"]).fault(channel_id)


def test_every_flipped_bit_is_a_fault() -> None:
    row = row_of([b"abc", b"de"], (("peer", 2),))
    for bit in range(len(row.body) * 8):
        body = bytearray(row.body)
        body[bit // 8] ^= 1 << bit % 8
        other = row_of([b"abc", b"de"], (("peer", 2),))
        other.body = bytes(body)
        assert other.fault(1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("first_seq", 6),
        ("count", 3),
        ("received_at", 2.0),
        ("peers", '[["q",1]]'),
        ("prev_crc", 78),
        ("size", 1),
        ("body", None),
        ("count", "3"),
        ("prev_crc", 1 << 40),
    ],
)
def test_every_changed_column_is_a_fault(column: str, value: object) -> None:
    row = row_of([b"x"])
    setattr(row, column, value)
    assert row.fault(1)
