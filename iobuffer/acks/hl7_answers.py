"""HL7 acknowledgements: who gets AA, AE, AR, CA, CE, CR, and who gets nothing.

Original and enhanced mode are told apart by MSH-15 and MSH-16 (HL7 2.5.1, 2.9; tables
0008 and 0155). iobuffer stores and forwards, so in enhanced mode it gives the *commit*
answer. A message whose header cannot be answered (no MSH, no MSH-10, several messages
under one id) is stored like any other, and the sender hears AR or AE: never AA.
An acknowledgement is never acknowledged.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import count

from .hl7_message import (
    batch_control_id,
    header_fields,
    holds_several,
    is_batch,
    split_block,
)

__all__ = ["BatchMode", "ControlIds", "Enhanced", "Hl7Answers", "OnBadHeader"]


class Enhanced(Enum):
    """`ack.enhanced`: what MSH-15 and MSH-16 may silence."""

    #: As table 0155 says, silence included.
    STRICT = "strict"
    #: Exactly one answer to each message; where STRICT is silent, original mode's.
    ALWAYS = "always"


class OnBadHeader(Enum):
    """`ack.on_bad_header`: the answer to a message whose header is unusable."""

    REJECT = "reject"
    ERROR = "error"


class BatchMode(Enum):
    """`ack.batch`: whether FHS/BHS batches are taken apart."""

    SPLIT = "split"
    WHOLE = "whole"


class ControlIds:
    """MSH-10 of what we send: a prefix and a counter, 20 bytes at most.

    One object for all connections of a source, so that no two answers share an id; the
    prefix (drawn once, at most 12 bytes) keeps sources and restarts apart.
    """

    def __init__(self, prefix: bytes | None = None) -> None:
        self._prefix = (
            secrets.token_hex(6).upper().encode() if prefix is None else prefix
        )
        if len(self._prefix) > 12:
            raise ValueError(
                f"a control id prefix of {len(self._prefix)} bytes; 12 fit"
            )
        self._numbers = count(1)

    def draw(self) -> bytes:
        """The next one."""
        return b"%b%08X" % (self._prefix, next(self._numbers) & 0xFFFFFFFF)


#: Codes for (stored, failed, rejected); empty means silence.
_Codes = tuple[bytes, bytes, bytes]
_STORED, _FAILED, _REJECTED = range(3)

_ORIGINAL: _Codes = (b"AA", b"AE", b"AR")
_COMMIT: _Codes = (b"CA", b"CE", b"CR")
_SILENCE: _Codes = (b"", b"", b"")

#: By MSH-15. NE with NE in MSH-16 is silence; NE alone is original mode.
_BY_MSH_15: Mapping[Enhanced, Mapping[bytes, _Codes]] = {
    Enhanced.STRICT: {
        b"AL": _COMMIT,
        b"SU": (b"CA", b"", b""),
        b"ER": (b"", b"CE", b"CR"),
        b"NE": _ORIGINAL,
    },
    Enhanced.ALWAYS: {
        b"AL": _COMMIT,
        b"SU": (b"CA", b"AE", b"AR"),
        b"ER": (b"AA", b"CE", b"CR"),
        b"NE": _ORIGINAL,
    },
}

#: MSA-3. ASCII, and never a byte of what was received.
_TEXTS = (b"", b"not accepted, send it again", b"refused")
_BAD_HEADER_TEXT = b"header cannot be acknowledged"

#: For a message without any header. MSH-11 and MSH-12 must not be empty in ours.
_DEFAULT_HEADER = [b"|", b"^~\\&", *([b""] * 8), b"P", b"2.3", *([b""] * 6)]


class Hl7Answers:
    """Answers for one connection.

    `framed` puts each answer in an MLLP block of its own. The two totals are for the
    page: messages whose header was unusable, and values of MSH-15 outside table 0155
    (taken as empty).
    """

    def __init__(
        self,
        *,
        control_ids: ControlIds,
        enhanced: Enhanced = Enhanced.STRICT,
        on_bad_header: OnBadHeader = OnBadHeader.REJECT,
        batch: BatchMode = BatchMode.SPLIT,
        framed: bool = True,
        per_message: bool = False,
    ) -> None:
        self.per_message = per_message
        self.bad_headers_total = 0
        self.unknown_modes_total = 0
        self._draw_id = control_ids.draw
        self._silenceable = enhanced is Enhanced.STRICT
        self._by_msh_15 = _BY_MSH_15[enhanced]
        self._bad_codes = (
            b"AR" if on_bad_header is OnBadHeader.REJECT else b"AE",
            b"AE",
            b"AR",
        )
        self._whole = batch is BatchMode.WHOLE
        self._start, self._end = (
            (b"\x0bMSH", b"\r\x1c\r") if framed else (b"MSH", b"\r")
        )
        self._second = -1
        self._stamp = b""

    def split(self, messages: list[bytes]) -> list[bytes]:
        """One message for each MSH; batches too, unless they are kept whole.

        Datagrams stay as they are: the list must match that of their senders.
        """
        if self.per_message or not any(map(holds_several, messages)):
            return messages
        split: list[bytes] = []
        for message in messages:
            if self._whole and is_batch(message):
                split.append(message)
            else:
                split += split_block(message)
        return split

    def stored(self, messages: Sequence[bytes], now: float) -> bytes:
        """AA or CA for each, in order; AR or AE for those with an unusable header."""
        return b"".join([self._answer(message, _STORED, now) for message in messages])

    def failed(self, messages: Sequence[bytes], now: float) -> bytes:
        """AE or CE for each."""
        return b"".join([self._answer(message, _FAILED, now) for message in messages])

    def rejected(self, messages: Sequence[bytes], now: float) -> bytes:
        """AR or CR for each."""
        return b"".join([self._answer(message, _REJECTED, now) for message in messages])

    def answer_each(self, messages: Sequence[bytes], now: float) -> list[bytes | None]:
        """The answer to each datagram: as many as it holds messages, or None."""
        return [self.stored(self._apart(message), now) or None for message in messages]

    def _apart(self, message: bytes) -> list[bytes]:
        if self._whole and is_batch(message):
            return [message]
        return split_block(message)

    def _answer(self, message: bytes, outcome: int, now: float) -> bytes:
        fields = header_fields(message)
        if fields is None:
            return self._answer_bad(_DEFAULT_HEADER, outcome, now)
        component = fields[1][:1] or b"^"
        kind = fields[8].split(component, 2)
        if kind[0] == b"ACK" or (kind[0] == b"MCF" and _has_msa(message)):
            return b""
        if holds_several(message):
            # What `split` leaves together: a batch to be kept whole answers to its own
            # id. Anything else here would be answered under its first message's id, and
            # the sender would believe that the others arrived too.
            whole = self._whole and is_batch(message)
            fields[9] = batch_control_id(message) if whole else b""
        if not fields[9]:
            return self._answer_bad(fields, outcome, now)
        codes = self._codes(fields[14], fields[15]) if fields[14] else _ORIGINAL
        if not codes[outcome]:
            return b""
        return self._compose(fields, kind, codes[outcome], _TEXTS[outcome], now)

    def _answer_bad(self, fields: list[bytes], outcome: int, now: float) -> bytes:
        self.bad_headers_total += 1
        fields = [*fields[:9], b"", *fields[10:]]
        code = self._bad_codes[outcome]
        return self._compose(fields, [b"ACK"], code, _BAD_HEADER_TEXT, now)

    def _codes(self, accept: bytes, application: bytes) -> _Codes:
        accept = accept.strip().upper()
        codes = self._by_msh_15.get(accept)
        if codes is None:
            # `""` is HL7's way to say "empty on purpose".
            if accept not in (b"", b'""'):
                self.unknown_modes_total += 1
            return _ORIGINAL
        if (
            accept == b"NE"
            and self._silenceable
            and application.strip().upper() == b"NE"
        ):
            return _SILENCE
        return codes

    def _compose(
        self,
        fields: list[bytes],
        kind: list[bytes],
        code: bytes,
        text: bytes,
        now: float,
    ) -> bytes:
        second = int(now)
        if second != self._second:
            self._second = second
            stamp = datetime.fromtimestamp(second, UTC)
            self._stamp = stamp.strftime("%Y%m%d%H%M%S+0000").encode()
        separator, encoding = fields[0], fields[1]
        if len(kind) > 1 and kind[1]:
            # MSH-9.3 names the structure, which is ACK whatever the trigger.
            name = (encoding[:1] or b"^").join((b"ACK", kind[1], b"ACK"))
        else:
            name = b"ACK"
        header = [
            self._start,
            encoding,
            fields[4],
            fields[5],
            fields[2],
            fields[3],
            self._stamp,
            b"",
            name,
            self._draw_id(),
            fields[10],
            fields[11],
        ]
        if fields[17]:
            header += (b"", b"", b"", b"", b"", fields[17])
        # CR behind the last segment too: there are senders that reject it otherwise
        # (Mirth Connect, issue 504).
        msa = (b"\rMSA", code, fields[9], text) if text else (b"\rMSA", code, fields[9])
        return separator.join(header) + separator.join(msa) + self._end


def _has_msa(message: bytes) -> bool:
    return b"\rMSA" in message or b"\nMSA" in message
