"""What holds for every message, whatever is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.decoding import Decoded, Field, as_text, decode, masked
from tests.decoding.samples import SAMPLES
from tests.framing.samples import SAMPLES as STREAMS
from tests.framing.samples import Sample

#: Pieces that the decoders know, in any order.
_PIECES = [
    *(b"MSH|^~\\&|", b"\rPID|1||", b"^", b"~", b"\\", b"&", b"\\X4", b"\\F\\", b"\r"),
    *(b"H|\\^&|", b"\rR|1|", b"\x021", b"\x0317", b"<34>", b"1 ", b"- ", b'[a b="'),
    *(b'"]', b"\x30\x82", b"\x02\x01\x01", b"\x04\x00", b"\xa7", b"\x06\x05", b"\xff"),
    *(b'{"', b'":', b"[", b"]", b"}", b",", b"8859/12", b"|" * 18, b"\x80"),
]


def walk(fields: Sequence[Field]) -> Iterator[Field]:
    for each in fields:
        yield each
        yield from walk(each.fields)


def fields_of(decoded: Decoded) -> list[Field]:
    return [each for segment in decoded.segments for each in walk(segment.fields)]


def check(message: bytes) -> Decoded:
    found = decode(message)
    for segment in found.segments:
        assert 0 <= segment.at <= len(message)
    assert len(found.segments) + len(fields_of(found)) <= 10_000
    assert "\n" not in found.summary
    json.dumps(attrs.asdict(found), allow_nan=False).encode()
    text = as_text(message)
    hidden = masked(message, text)
    assert len(hidden) == len(text)
    return found


@pytest.mark.parametrize(("kind", "message"), SAMPLES)
def test_a_message_is_told_by_its_beginning(kind: str, message: bytes) -> None:
    assert check(message).kind == kind


@pytest.mark.parametrize("message", [message for _, message in SAMPLES])
def test_every_prefix_and_every_rest_of_a_message_is_shown(message: bytes) -> None:
    for end in range(len(message)):
        check(message[:end])
        check(message[end:])


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.title)
def test_what_the_framers_give_is_shown(stream: Sample) -> None:
    for message in [*stream.messages, stream.stream]:
        check(message)


def test_a_character_that_is_cut_in_two_changes_no_other() -> None:
    text = "größe".encode()
    assert as_text(text) == "größe"
    assert as_text(text[:3]) == "grÃ"
    assert as_text(text[:3], whole=False) == "gr"
    assert as_text(b"gr\xffe", whole=False) == "grÿe"
    assert as_text(b"\xe2\x82", whole=False) == ""


@given(st.binary(max_size=300))
def test_any_bytes_are_shown(message: bytes) -> None:
    check(message)


@given(st.lists(st.sampled_from(_PIECES) | st.binary(max_size=3), max_size=40))
def test_any_mixture_of_what_is_known_is_shown(pieces: list[bytes]) -> None:
    check(b"".join(pieces))


@given(st.sampled_from(SAMPLES), st.integers(0, 400), st.integers(0, 255))
def test_a_message_with_a_changed_byte_is_shown(
    sample: tuple[str, bytes], at: int, byte: int
) -> None:
    _, message = sample
    if message:
        changed = bytearray(message)
        changed[at % len(message)] = byte
        check(bytes(changed))


@pytest.mark.parametrize(
    "message",
    [
        b"MSH|^~\\&|" + b"|" * 500_000,
        b"MSH|^~\\&|" + b"^~&" * 300_000,
        b"MSH|^~\\&\r" + b"A\r" * 500_000,
        b"MSH|^~\\&\rOBX|1|ED|||" + b"a" * 2_000_000,
        b"MSH|^~\\&\rOBX|1|ST|||" + b"\\" * 900_000,
        b"H|\\^&|\r" + b"R|" * 400_000,
        b"<13>1 - - - - - " + b'[a b="c"]' * 100_000,
        b"[" * 30 + b"1," * 400_000 + b"1" + b"]" * 30,
        b"[" * 500_000,
        b"x\n" * 600_000,
        b"\x30\x84\x00\x10\x00\x00\x02\x01\x01\x04\x00\xa7\x84\x00\x0f\x00\x00"
        + b"\x30\x00" * 400_000,
    ],
    ids=lambda message: repr(message[:12]),
)
def test_of_a_large_message_a_bounded_part_is_shown_and_said_so(
    message: bytes,
) -> None:
    found = check(message)
    assert sum(len(each.value) for each in fields_of(found)) < 8_000_000
    assert len(found.pretty) < 500_000
    if found.kind != "snmp":
        assert found.note or found.kind == "text"
