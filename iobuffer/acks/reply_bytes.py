r"""`ack = bytes`: fixed bytes for yes and for no, once for each message.

What barcode scanners, balances and many serial devices call their ACK/NAK mode: 06 for
"done", 15 for "send it again" (Honeywell 3310g, page 2-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import attrs

from ..options import BYTES, Converter, option
from .base import Answers, Receipt, Receipts, Verdict
from .timing import AckTiming

__all__ = ["BytesAckConfig", "BytesAnswers", "BytesReceipts"]

#: Longer replies are messages; what is held while waiting for one is bounded by it.
_MAX_REPLY_BYTES = 64


def _parse_reply(value: Any) -> bytes:
    found: bytes = BYTES.parse(value)
    if not 1 <= len(found) <= _MAX_REPLY_BYTES:
        raise ValueError(value)
    return found


_REPLY = Converter(
    rf"1 to {_MAX_REPLY_BYTES} bytes such as \x06 or OK\r\n", _parse_reply, BYTES.show
)


class BytesAnswers:
    """`ok` or `error`, once for each message."""

    per_message = False

    def __init__(self, ok: bytes, error: bytes) -> None:
        self._ok = ok
        self._error = error

    def split(self, messages: list[bytes]) -> list[bytes]:
        """The messages as they are."""
        return messages

    def stored(self, messages: Sequence[bytes], now: float) -> bytes:
        """`ok` for each."""
        return self._ok * len(messages)

    def failed(self, messages: Sequence[bytes], now: float) -> bytes:
        """`error` for each."""
        return self._error * len(messages)

    def rejected(self, messages: Sequence[bytes], now: float) -> bytes:
        """`error` for each: these devices know no other no."""
        return self._error * len(messages)

    def answer_each(self, messages: Sequence[bytes], now: float) -> list[bytes | None]:
        """`ok` for each, as byte strings of their own."""
        return [self._ok] * len(messages)


class BytesReceipts:
    """Finds `ok` and `error` in the stream; other bytes are skipped.

    Neither may hold the other, or the answer would depend on how the bytes were cut.
    """

    def __init__(self, ok: bytes, error: bytes) -> None:
        self.unmatched_total = 0
        self._ok = ok
        self._either = re.compile(re.escape(ok) + b"|" + re.escape(error))
        self._tail_bytes = max(len(ok), len(error)) - 1
        self._expecting = False
        self._held = b""

    def expect(self, message: bytes) -> None:
        """A message has been sent; the next `ok` or `error` is its answer."""
        self._expecting = True

    def feed(self, chunk: bytes) -> Receipt | None:
        """The answer, once its last byte is there."""
        stream = self._held + chunk
        receipt = None
        end = 0
        for found in self._either.finditer(stream):
            end = found.end()
            if not self._expecting:
                self.unmatched_total += 1
                continue
            self._expecting = False
            if found[0] == self._ok:
                receipt = Receipt(Verdict.ACCEPTED)
            else:
                receipt = Receipt(Verdict.ERROR, "answered " + BYTES.show(found[0]))
        self._held = stream[max(end, len(stream) - self._tail_bytes) :]
        return receipt


@attrs.frozen(kw_only=True)
class BytesAckConfig(AckTiming):
    """For devices with an ACK/NAK mode, on any framing."""

    type_name: ClassVar[str] = "bytes"

    ok: bytes = option(
        _REPLY,
        default=b"\x06",
        help="Bytes that say yes, once for each message: sent by a source, awaited by "
        "a destination.",
    )
    error: bytes = option(
        _REPLY,
        default=b"\x15",
        help="Bytes that say no: a source sends them when the message could not be "
        "stored, a destination that reads them delivers again. Must not hold `ok`, "
        "nor be held by it.",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the loader is to refuse: answers that cannot be told apart."""
        if self.ok in self.error or self.error in self.ok:
            yield (
                "error",
                f"{BYTES.show(self.error)} and ok = {BYTES.show(self.ok)}: one holds "
                "the other, so they cannot be told apart; choose bytes that differ",
            )

    def answers(self, framing: str) -> Answers | None:
        """`ok` and `error`, whatever the framing."""
        return BytesAnswers(self.ok, self.error)

    def receipts(self, framing: str) -> Receipts | None:
        """A reader of `ok` and `error`."""
        return BytesReceipts(self.ok, self.error)
