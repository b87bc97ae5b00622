"""STX data ETX [check] [trailer]: meters, scanners, balances (PROTOCOLS 1.4).

The check bytes may have any value, that of STX or ETX included, so they are counted and
not searched for. A message is complete with its check; the trailer is taken away when
it comes, for a device may wait for its answer before it sends that.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar

import attrs

from ..errors import Unframeable
from ..options import BOOL, BYTES, choice, option
from .base import Encoder, Framer, OnOversize
from .checks import CHECKS, Check
from .limits import max_message_bytes, on_oversize
from .stream import StreamFramer

__all__ = ["StxEtxConfig", "StxEtxEncoder", "StxEtxFramer"]

_STX = b"\x02"
_ETX = b"\x03"


class _State(Enum):
    HUNT = "before STX"
    IN = "after STX"
    CHECK = "after ETX: check bytes are counted"


class StxEtxFramer(StreamFramer):
    """Cuts between STX and ETX and verifies the check."""

    def __init__(self, config: StxEtxConfig) -> None:
        super().__init__(config.type_name, config.max_message_bytes, config.on_oversize)
        self._config = config
        self._check_bytes = len(config.check_of(b""))
        self._state = _State.HUNT
        #: How much of the trailer has come behind the last message.
        self._trailer_at = len(config.trailer)

    def finish(self) -> list[bytes]:
        if self._state is not _State.HUNT:
            self._quarantine("the stream ended before ETX and check")
        self._drop_partial()
        return []

    def give_up_partial(self) -> list[bytes]:
        return super().give_up_partial() if self._state is _State.IN else []

    def _drop_partial(self) -> None:
        super()._drop_partial()
        self._state = _State.HUNT

    def _take(self, chunk: bytes) -> list[bytes]:
        messages: list[bytes] = []
        size = len(chunk)
        at = 0
        next_stx = next_etx = -2  # not looked for yet; -1: there is none
        while at < size and not self.stopped:
            if self._state is _State.HUNT:
                at = self._hunt(chunk, at)
                continue
            if self._state is _State.CHECK:
                missing = 1 + self._check_bytes - len(self._trail)
                self._trail += chunk[at : at + missing]
                at += missing
                if len(self._trail) == 1 + self._check_bytes:
                    messages += self._complete()
                continue
            # Each byte is searched from where it was last found, never twice.
            if next_stx != -1 and next_stx < at:
                next_stx = chunk.find(_STX, at)
            if next_etx != -1 and next_etx < at:
                next_etx = chunk.find(_ETX, at)
            if next_stx >= 0 and (next_etx < 0 or next_stx < next_etx):
                messages += self._hold(chunk[at:next_stx])
                if not self.stopped:
                    self._quarantine("a new STX came before the ETX of a message")
                at = next_stx
            elif next_etx < 0:
                return messages + self._hold(chunk[at:])
            else:
                messages += self._hold(chunk[at:next_etx])
                at = next_etx
                if not self.stopped:
                    at += 1
                    self._trail = _ETX
                    self._state = _State.CHECK
                    if not self._check_bytes:
                        messages += self._complete()
        self._skip(chunk[at:])
        return messages

    def _hunt(self, chunk: bytes, at: int) -> int:
        """Take the trailer away, skip what is between messages."""
        trailer = self._config.trailer
        if self._trailer_at < len(trailer):
            if chunk[at] == trailer[self._trailer_at]:
                self._trailer_at += 1
                return at + 1
            self._trailer_at = len(trailer)
        start_at = chunk.find(_STX, at)
        if start_at < 0:
            self._skip(chunk[at:])
            return len(chunk)
        self._skip(chunk[at:start_at])
        self._lead = _STX
        self._state = _State.IN
        return start_at + 1

    def _complete(self) -> list[bytes]:
        self._trailer_at = 0
        if self._discarding:
            self._drop_partial()
            return []
        message = bytes(self._held)
        if not self._config.accepts(self._trail[1:], message):
            self.bad_check_total += 1
            self._warn(
                "a message had a wrong check; is `check` set as the device has it?"
            )
            self._drop_partial()
            return []
        self._lead = self._trail = b""
        self._held = bytearray()
        self._state = _State.HUNT
        if not message:
            self.empty_total += 1
            return []
        return [message]


class StxEtxEncoder:
    """STX message ETX check trailer for each."""

    def __init__(self, config: StxEtxConfig) -> None:
        self._config = config

    def encode(self, messages: Sequence[bytes]) -> bytes:
        config = self._config
        pieces: list[bytes] = []
        for index, message in enumerate(messages):
            if _STX in message or _ETX in message:
                raise Unframeable(
                    index,
                    "the message holds 02 or 03, which STX/ETX cannot carry: "
                    "choose another framing",
                )
            check = config.check_of(message)
            pieces += (_STX, message, _ETX, check, config.trailer)
        return b"".join(pieces)


@attrs.frozen(kw_only=True)
class StxEtxConfig:
    """STX message ETX, with or without a check, as meters and scanners send it."""

    type_name: ClassVar[str] = "stx_etx"

    check: str = option(
        choice("none", "xor", "sum", "crc16"),
        default="none",
        help=(
            "What follows ETX to prove the message; default none. xor (also called BCC "
            "or LRC) and sum (modulo 256) are one byte, crc16 is two. A message with "
            "a wrong check is skipped and counted, so a wrong choice here loses all."
        ),
    )
    check_encoding: str = option(
        choice("raw", "hex"),
        default="raw",
        help=(
            "How the check is sent; default raw, its bytes as they are. hex: two "
            "hexadecimal digits for each byte, the highest first, in either case."
        ),
    )
    check_includes_stx: bool = option(
        BOOL, default=False, help="Whether the check covers the STX too; default no."
    )
    check_includes_etx: bool = option(
        BOOL, default=True, help="Whether the check covers the ETX too; default yes."
    )
    crc16: str = option(
        choice("arc", "modbus", "ccitt", "xmodem"),
        default="arc",
        help=(
            "Which CRC-16, for check = crc16; default arc (polynomial A001, from 0, as "
            "BISYNC has it). modbus starts from FFFF; ccitt (1021 from FFFF) and "
            "xmodem (1021 from 0) send the high byte first, the others the low one."
        ),
    )
    trailer: bytes = option(
        BYTES,
        default=b"",
        help=(
            r"Bytes that follow each message, such as \r\n; default none. A source "
            "takes them away if they come and counts them as skipped if they are not "
            "named here; a destination writes them."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return StxEtxFramer(self)

    def encoder(self) -> Encoder:
        return StxEtxEncoder(self)

    def check_of(self, message: bytes) -> bytes:
        """The check bytes of a message, as they are sent."""
        if self.check == "none":
            return b""
        name = f"crc16_{self.crc16}" if self.check == "crc16" else self.check
        check: Check = CHECKS[name]
        covered = message
        if self.check_includes_stx:
            covered = _STX + covered
        if self.check_includes_etx:
            covered += _ETX
        return (
            check.raw(covered) if self.check_encoding == "raw" else check.hex(covered)
        )

    def accepts(self, check: bytes, message: bytes) -> bool:
        """Whether these check bytes belong to this message."""
        if self.check_encoding == "hex":
            check = check.upper()
        return check == self.check_of(message)
