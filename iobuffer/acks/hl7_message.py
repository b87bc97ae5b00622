"""The header of an HL7 v2 message, read as bytes, and where one message ends.

Nothing is decoded: MSH-10 goes back to the sender as the very bytes that it sent, in
its own separators. The usual message (MSH first, one of them) costs two short `find`s
and one split of its first segment; one more `find` tells that it is the only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

__all__ = [
    "MAX_HEADER_BYTES",
    "MAX_MESSAGES_PER_BLOCK",
    "batch_control_id",
    "control_id",
    "header_fields",
    "holds_several",
    "is_batch",
    "split_block",
]

#: A header segment longer than this is none: the fields that an answer copies are at
#: most 227 bytes each by the standard (HL7 2.5.1, 2.15.9), and answers stay bounded.
MAX_HEADER_BYTES = 16 * 1024

#: A block is not split into more than this: at 5 bytes for the shortest `MSH`, a block
#: of 16 MiB could otherwise become three million objects.
MAX_MESSAGES_PER_BLOCK = 100_000

#: MSH-1 to MSH-18; the rest of the header is nothing to an answer.
_FIELDS = 18
_PADDING = [b""] * _FIELDS

_PUNCTUATION = rb"[!-/:-@\[-`{-~]"

#: What MSH-1 may be. A letter, digit, blank or control byte there means that this is no
#: header, only text that begins like one.
_SEPARATORS = frozenset(
    bytes([code]) for code in range(33, 127) if not chr(code).isalnum()
)

#: Before the very first segment blanks, NULs and a byte order mark are met.
_BLANK = b"\0\t\r\n "
_LEAD = rb"(?:\xef\xbb\xbf)?[\0\t\r\n ]*+"
_FIRST_HEADER = re.compile(_LEAD + rb"(?=MSH" + _PUNCTUATION + rb")")
_BATCH = re.compile(_LEAD + rb"(?=[FB]HS" + _PUNCTUATION + rb")")

#: MSH behind CR or LF. It looks back from the letters because a pattern that begins
#: with a literal is searched for at 0.5 ns a byte, and 37 with the line end in front.
_NEXT_HEADER = re.compile(rb"MSH(?<=[\r\n]MSH)" + _PUNCTUATION)

_ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")
_ENVELOPE = re.compile(rb"(?<![^\r\n])(?:FHS|BHS|BTS|FTS)[^\r\n]*[\r\n]*")
_SEGMENT_END = re.compile(rb"[\r\n]+")


def header_fields(message: bytes) -> list[bytes] | None:
    """MSH-1 to MSH-18 of the first header, MSH-n at index n-1; absent ones are empty.

    None when there is no MSH at the start of a segment, its separator is not a
    punctuation byte, the segment is longer than `MAX_HEADER_BYTES`, or it holds block
    bytes (0B, 1C), which would end the block of an answer that copies them.
    """
    start = 0
    if message[:3] != b"MSH" or message[3:4] not in _SEPARATORS:
        start = next(_header_starts(message), -1)
        if start < 0:
            return None
    # CR by the standard; LF and CRLF are met. The first search bounds the second.
    limit = start + MAX_HEADER_BYTES
    end = message.find(b"\r", start, limit)
    line_end = message.find(b"\n", start, limit if end < 0 else end)
    if line_end >= 0:
        end = line_end
    elif end < 0:
        if len(message) > limit:
            return None
        end = len(message)
    separator = message[start + 3 : start + 4]
    header = message[start:end]
    if b"\x0b" in header or b"\x1c" in header:
        return None
    fields = header.split(separator, _FIELDS)
    # MSH-1 is the separator itself; so MSH-n stands at n-1.
    fields[0] = separator
    fields += _PADDING[len(fields) :]
    return fields


def is_batch(message: bytes) -> bool:
    """Whether it begins with a file or batch header (FHS, BHS)."""
    return message[:3] != b"MSH" and _BATCH.match(message) is not None


def holds_several(message: bytes) -> bool:
    """Whether more than one message, or a batch, is in it: one answer is not enough."""
    if message[:3] == b"MSH" and message.find(b"MSH", 3) < 0:
        return False
    return is_batch(message) or len(list(islice(_header_starts(message), 2))) > 1


def split_block(block: bytes) -> list[bytes]:
    """The messages of a block, each with its bytes as they came.

    A message begins at each MSH; FHS, BHS, BTS and FTS segments are left out when
    there is more than one message, or a batch header (as python-hl7's `split_file`).
    What else stands before the first MSH stays with the first message: nothing is
    lost. A block without MSH, or with more than `MAX_MESSAGES_PER_BLOCK`, comes back
    whole.
    """
    if block[:3] == b"MSH" and block.find(b"MSH", 3) < 0:
        return [block]
    starts = list(islice(_header_starts(block), MAX_MESSAGES_PER_BLOCK + 1))
    if not starts or len(starts) > MAX_MESSAGES_PER_BLOCK:
        return [block]
    batch = _BATCH.match(block)
    if len(starts) == 1 and batch is None:
        return [block]
    lead = block[batch.end() if batch else 0 : starts[0]]
    messages = [
        _without_envelope(block[start:end])
        for start, end in zip(starts, [*starts[1:], len(block)], strict=True)
    ]
    messages[0] = _without_envelope(lead) + messages[0]
    return messages


def _header_starts(message: bytes) -> Iterator[int]:
    """Where each MSH stands that begins a segment."""
    first = _FIRST_HEADER.match(message)
    if first:
        yield first.end()
    for found in _NEXT_HEADER.finditer(message, first.end() + 1 if first else 0):
        yield found.start()


def _without_envelope(part: bytes) -> bytes:
    if any(name in part for name in _ENVELOPES):
        return _ENVELOPE.sub(b"", part)
    return part


def batch_control_id(batch: bytes) -> bytes:
    """FHS-11 or BHS-11, whichever is outermost and not empty; else empty.

    The outermost names everything that is in the block.
    """
    head = batch[:MAX_HEADER_BYTES].lstrip(b"\xef\xbb\xbf" + _BLANK)
    for segment in _SEGMENT_END.split(head):
        if segment[:3] not in (b"FHS", b"BHS"):
            break
        fields = segment.split(segment[3:4] or b"|", 11)
        # Block bytes would end the block of the answer, as in `header_fields`.
        if len(fields) > 10 and fields[10] and not re.search(b"[\x0b\x1c]", fields[10]):
            return fields[10]
    return b""


def control_id(message: bytes) -> bytes:
    """What an answer to this message or batch names in MSA-2; empty if nothing."""
    if is_batch(message):
        return batch_control_id(message)
    fields = header_fields(message)
    return fields[9] if fields else b""
