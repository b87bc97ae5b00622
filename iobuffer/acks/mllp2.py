"""`ack = mllp2`: the commit blocks of MLLP Release 2 (ANSI/HL7 V3 TRMLLP R2-2006).

The receiver answers each block with `0B 06 1C 0D` once it is safely stored, or with
`0B 15 1C 0D` when the sender should send it again. Nothing else is sent: a gateway
has no application to write the HL7 ACK message that may follow in a block of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from .base import Answers, Receipt, Receipts, Verdict
from .timing import AckTiming

__all__ = ["Mllp2AckConfig", "Mllp2Answers", "Mllp2Receipts"]

_VT = b"\x0b"
_ACK = b"\x0b\x06\x1c\r"
_NAK = b"\x0b\x15\x1c\r"
#: A commit block is known by these; its CR is sometimes late, or missing.
_KNOWN_BY_BYTES = 3


class Mllp2Answers:
    """One commit block for each block received."""

    per_message = False

    def split(self, messages: list[bytes]) -> list[bytes]:
        """The messages as they are: one block is one answer, whatever it holds."""
        return messages

    def stored(self, messages: Sequence[bytes], now: float) -> bytes:
        """A commit acknowledgement for each."""
        return _ACK * len(messages)

    def failed(self, messages: Sequence[bytes], now: float) -> bytes:
        """A negative commit acknowledgement for each."""
        return _NAK * len(messages)

    def rejected(self, messages: Sequence[bytes], now: float) -> bytes:
        """As `failed`: R2 has one NAK, and the sender's count of attempts ends it."""
        return _NAK * len(messages)

    def answer_each(self, messages: Sequence[bytes], now: float) -> list[bytes | None]:
        """A commit acknowledgement for each, as byte strings of their own."""
        return [_ACK] * len(messages)


class Mllp2Receipts:
    """Reads commit blocks; content blocks between them are counted and skipped."""

    def __init__(self) -> None:
        self.unmatched_total = 0
        self._expecting = False
        self._held = b""

    def expect(self, message: bytes) -> None:
        """A block has been sent; the next commit block is its answer."""
        self._expecting = True

    def feed(self, chunk: bytes) -> Receipt | None:
        """The commit answer, once its FS is there."""
        stream = self._held + chunk
        receipt = None
        at = stream.find(_VT)
        while 0 <= at <= len(stream) - _KNOWN_BY_BYTES:
            found = stream[at : at + _KNOWN_BY_BYTES]
            answer = found == _ACK[:3] or found == _NAK[:3]
            if answer and self._expecting:
                self._expecting = False
                receipt = _receipt(found)
            else:
                self.unmatched_total += 1
            at = stream.find(_VT, at + (_KNOWN_BY_BYTES if answer else 1))
        # At most two bytes: a VT with what follows, still too little to be known.
        self._held = stream[at:] if at >= 0 else b""
        return receipt


def _receipt(block: bytes) -> Receipt:
    if block == _ACK[:3]:
        return Receipt(Verdict.ACCEPTED)
    return Receipt(Verdict.ERROR, "commit NAK (0B 15 1C 0D)")


@attrs.frozen(kw_only=True)
class Mllp2AckConfig(AckTiming):
    """For peers that speak MLLP Release 2; goes with `framing = mllp`."""

    type_name: ClassVar[str] = "mllp2"

    def answers(self, framing: str) -> Answers | None:
        """Commit blocks, whatever the framing is called."""
        return Mllp2Answers()

    def receipts(self, framing: str) -> Receipts | None:
        """A reader of commit blocks."""
        return Mllp2Receipts()
