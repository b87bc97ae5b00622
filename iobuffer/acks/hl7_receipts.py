"""What an HL7 receiver said of the message that we sent it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from .base import Receipt, Verdict
from .hl7_message import control_id
from .hl7_reader import AnswerReader

__all__ = ["AcceptOn", "Hl7Receipts", "Match", "read_answers"]

_TEXT_CHARACTERS = 200

_SEGMENT_END = re.compile(rb"[\r\n]+")

_VERDICTS: Mapping[bytes, Verdict] = {
    b"AA": Verdict.ACCEPTED,
    b"CA": Verdict.ACCEPTED,
    b"AE": Verdict.ERROR,
    b"CE": Verdict.ERROR,
    b"AR": Verdict.REJECTED,
    b"CR": Verdict.REJECTED,
}

#: Where ERR says it in words, best first: ERR-8 user message, ERR-3 error code, ERR-1.
#: ERR-7 (diagnostic information) is left out: it quotes the message.
_ERR_FIELDS = (8, 3, 1)


class Match(Enum):
    """`ack.match`: how an answer is known to belong to the message sent."""

    CONTROL_ID = "control_id"
    ORDER = "order"


class AcceptOn(Enum):
    """`ack.accept_on`: which yes settles a message in enhanced mode."""

    COMMIT = "commit"
    APPLICATION = "application"


class Answer(NamedTuple):
    """An MSA segment, with the words of the ERR behind it."""

    code: bytes
    control_id: bytes
    text: bytes


def read_answers(block: bytes) -> list[Answer]:
    """The answers in a block: one for each MSA segment with a code of table 0008."""
    answers: list[Answer] = []
    for segment in _SEGMENT_END.split(block):
        name = segment[:3]
        if name == b"MSA":
            fields = segment.split(segment[3:4] or b"|", 4)
            fields += [b""] * (4 - len(fields))
            code = fields[1].strip().upper()
            if code in _VERDICTS:
                answers.append(Answer(code, fields[2], fields[3].strip()))
        elif name == b"ERR" and answers and not answers[-1].text:
            fields = segment.split(segment[3:4] or b"|", 9)
            texts = [fields[at].strip() for at in _ERR_FIELDS if at < len(fields)]
            text = next(filter(None, texts), b"")
            answers[-1] = answers[-1]._replace(text=text)
    return answers


class Hl7Receipts:
    """Matches answers with the one message in flight.

    `late_total` counts answers to the message that was settled last: the application's
    word after the commit's, or a repeated answer. They are no mismatch.
    """

    def __init__(
        self,
        *,
        match: Match = Match.CONTROL_ID,
        accept_on: AcceptOn = AcceptOn.COMMIT,
    ) -> None:
        self.late_total = 0
        self._unmatched = 0
        self._in_order = match is Match.ORDER
        self._commit_is_enough = accept_on is AcceptOn.COMMIT
        self._reader = AnswerReader()
        self._expected: bytes | None = None
        self._settled: bytes | None = None

    @property
    def unmatched_total(self) -> int:
        """Blocks that were no answer, and answers that matched no message."""
        return self._unmatched + self._reader.dropped_total

    def expect(self, message: bytes) -> None:
        """This message has just been sent; a batch answers to its own control id."""
        self._expected = control_id(message)

    def feed(self, chunk: bytes) -> Receipt | None:
        """The receipt, once the answer that settles the message is complete."""
        receipt = None
        for block in self._reader.feed(chunk):
            answers = read_answers(block)
            if not answers:
                self._unmatched += 1
            for answer in answers:
                # `or`, because at most one of them can settle the one in flight.
                receipt = self._settle(answer) or receipt
        return receipt

    def _settle(self, answer: Answer) -> Receipt | None:
        if self._expected is None or not (
            self._in_order or answer.control_id == self._expected
        ):
            if answer.control_id and answer.control_id == self._settled:
                self.late_total += 1
            else:
                self._unmatched += 1
            return None
        if answer.code == b"CA" and not self._commit_is_enough:
            return None
        self._settled = answer.control_id
        self._expected = None
        return Receipt(_VERDICTS[answer.code], _words(answer))


def _words(answer: Answer) -> str:
    """The code unless it says yes, and the peer's words, in printable ASCII."""
    text = "".join(
        chr(byte) if 32 <= byte < 127 else "?"
        for byte in answer.text[:_TEXT_CHARACTERS]
    )
    if _VERDICTS[answer.code] is not Verdict.ACCEPTED:
        code = answer.code.decode("ascii")
        text = f"{code}: {text}" if text else code
    return text[:_TEXT_CHARACTERS]
