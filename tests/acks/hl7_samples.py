"""HL7 messages and answers that several test files use."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["NOW", "STAMP", "answer_blocks", "hl7_message", "msa", "near_hl7"]

#: 2026-01-01T00:00:00Z and a half, as the caller's wall clock would give it.
NOW = 1767225600.5
STAMP = b"20260101000000+0000"


def hl7_message(
    control_id: bytes = b"MSG00001",
    *,
    accept: bytes = b"",
    application: bytes = b"",
    kind: bytes = b"ADT^A01^ADT_A01",
    charset: bytes = b"",
    end: bytes = b"\r",
) -> bytes:
    """An ADT message whose segments end in `end`."""
    header = b"|".join(
        (
            b"MSH",
            b"^~\\&",
            b"ANALYSER",
            b"WARD3",
            b"LIS",
            b"LAB",
            b"20251231235959",
            b"",
            kind,
            control_id,
            b"T",
            b"2.5.1",
            b"",
            b"",
            accept,
            application,
            b"",
            charset,
        )
    )
    return end.join((header, b"EVN|A01|20251231", b"PID|1||4711||DOE^JOHN", b""))


def answer_blocks(answers: bytes) -> list[bytes]:
    """The payloads of a string of MLLP blocks, and nothing between them."""
    blocks = answers.split(b"\x1c\r")
    assert blocks.pop() == b""
    assert all(block.count(b"\x0b") == 1 and block[0] == 0x0B for block in blocks)
    return [block[1:] for block in blocks]


def msa(answer: bytes) -> list[bytes]:
    """The fields of the answer's MSA segment, MSA-n at index n."""
    header, segment, rest = answer.split(b"\r")
    assert rest == b""
    assert segment.startswith(b"MSA")
    return segment.split(header[3:4])


#: Bytes that come near enough to HL7 to reach every corner of a reader of it.
near_hl7 = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\r",
                b"MSH",
                b"MSH|",
                b"MSHX",
                b"\rMSH|^~\\&|",
                b"\nMSH#^~\\&#",
                b"FHS|^~\\&|||||||||F1\r",
                b"BHS|^~\\&|||||||||B1\r",
                b"BTS|1\r",
                b"FTS|1\r",
                b"MSA|AA|1|fine\r",
                b"MSA|AE|2",
                b"ERR|||207^oops\r",
                b"\r",
                b"\n",
                b"|",
                b"^",
                b"ACK",
                b"NE",
                b"\x0b",
                b"\x1c\r",
                b"\0",
                b"\xef\xbb\xbf",
            ]
        ),
        st.binary(max_size=12),
    ),
    max_size=24,
).map(b"".join)
