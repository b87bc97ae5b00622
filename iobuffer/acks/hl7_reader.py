"""Takes the stream that an HL7 receiver sends back apart into answers.

Lenient, because a destination must understand whatever its peer calls an ACK: framed
`0B ... 1C 0D`, with the CR missing or an LF for it, with LF, NUL or text between the
blocks, or bare, without any block (Mirth Connect, issue 1153).
"""

from __future__ import annotations

import re

__all__ = ["MAX_ANSWER_BYTES", "AnswerReader"]

#: An ACK has two or three segments; what is longer is no ACK, and is skipped.
MAX_ANSWER_BYTES = 64 * 1024

_START = re.compile(rb"\x0b|MSH")
_BLOCK_STOP = re.compile(rb"[\x0b\x1c]")
_BARE_STOP = re.compile(rb"[\r\n\x0b\x1c]")


class AnswerReader:
    """A chunk in, a list of answers out, without their block bytes.

    A block is complete at its FS. A bare answer is complete at the end of its MSA
    segment, which is the first moment at which it can be understood; segments behind it
    are skipped. `dropped_total` counts answers that were cut short by the next one, or
    were longer than `MAX_ANSWER_BYTES`.
    """

    def __init__(self) -> None:
        self.dropped_total = 0
        self._held = bytearray()
        #: What may end the answer that has begun; None while none has.
        self._stop: re.Pattern[bytes] | None = None
        self._searched = 0
        self._segment_start = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The answers that this chunk completes, in order."""
        self._held += chunk
        answers: list[bytes] = []
        while (stop := self._stop or self._begin()) is not None:
            found = stop.search(self._held, self._searched)
            # Judged by the place alone, or the outcome would hang on how the bytes
            # were cut.
            if (found.start() if found else len(self._held) - 1) >= MAX_ANSWER_BYTES:
                self.dropped_total += 1
                del self._held[:MAX_ANSWER_BYTES]
                self._stop = None
            elif found:
                self._stop_at(found.start(), answers)
            else:
                self._searched = len(self._held)
                break
        return answers

    def _begin(self) -> re.Pattern[bytes] | None:
        """Find a block or a bare MSH, and drop what stands before it."""
        held = self._held
        found = _START.search(held)
        if found is None:
            # The first two letters of MSH may be there already.
            del held[: max(0, len(held) - 2)]
            return None
        self._searched = self._segment_start = 0
        if found[0] == b"\x0b":
            self._stop = _BLOCK_STOP
            del held[: found.end()]
        else:
            self._stop = _BARE_STOP
            del held[: found.start()]
        return self._stop

    def _stop_at(self, at: int, answers: list[bytes]) -> None:
        held = self._held
        bare = self._stop is _BARE_STOP
        in_msa = bare and held.startswith(b"MSA", self._segment_start)
        if held[at] in b"\r\n" and not in_msa:
            self._searched = self._segment_start = at + 1
            return
        cut_short = held[at] == 0x0B
        # A block needs its FS; bare, an MSA segment may end where the next one begins.
        if at and cut_short and not in_msa:
            self.dropped_total += 1
        elif at:
            answers.append(bytes(held[:at]))
        # VT stays: the next answer begins with it.
        del held[: at if cut_short else at + 1]
        self._stop = None
