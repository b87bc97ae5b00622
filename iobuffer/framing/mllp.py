"""HL7's Minimal Lower Layer Protocol: VT message FS CR (HL7 2.x appendix C.4).

A lenient reader that never loses or invents a message (PROTOCOLS 1.1). Real senders
leave out the CR, send LF instead, put NULs, line ends or logging text between blocks,
pipeline blocks, and die inside one. A block that is cut off by the next VT is
quarantined, never joined to it, so that no acknowledgement can cover both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import ClassVar

import attrs

from ..errors import FramingError, Unframeable
from ..options import DURATION, choice, option
from .base import Encoder, Framer, OnOversize
from .limits import max_message_bytes, on_oversize
from .stream import StreamFramer

__all__ = ["MllpConfig", "MllpEncoder", "MllpFramer"]

_VT = b"\x0b"
_FS = b"\x1c"

#: What an HL7 message, file or batch begins with, and what may stand before it.
_HEADERS = (b"MSH", b"FHS", b"BHS")
_BREAK = rb"[\r\n\0 \t\x1c]"
_ANY_START = re.compile(rb"\x0b|(?<=" + _BREAK + rb")(?:MSH|FHS|BHS)")
_HALF_HEADER = re.compile(rb"(?<=" + _BREAK + rb")(?:MS?|FH?|BH?)\Z")
_HALF_HEADERS = (b"M", b"MS", b"F", b"FH", b"B", b"BH")


class _State(Enum):
    HUNT = "before VT"
    IN = "after VT"
    AFTER_FS = "after FS: the block is complete unless data follows"


class MllpFramer(StreamFramer):
    """The state machine of PROTOCOLS 1.1: a find per block, not a step per byte."""

    def __init__(self, config: MllpConfig) -> None:
        super().__init__(config.type_name, config.max_message_bytes, config.on_oversize)
        self._config = config
        self._state = _State.HUNT
        #: `missing_start = accept`: the next byte may be the first of a header.
        self._fresh = config.missing_start == "accept"

    @property
    def keepalives_total(self) -> int:
        """Empty blocks; many senders use them to see whether we are there."""
        return self.empty_total

    @property
    def idle_seconds(self) -> float | None:
        if self._state is _State.AFTER_FS:
            return self._config.idle
        if self._state is _State.IN:
            return self._config.block_timeout or None
        return None

    def idle(self) -> list[bytes]:
        """Silence completes a block whose CR never came, and ends one left open."""
        if self._state is _State.AFTER_FS:
            return self._complete()
        if self._state is _State.IN:
            reason = (
                f"a block stayed open for {self._config.block_timeout:g} s without a "
                "byte; the sender has to begin it anew"
            )
            self._quarantine(reason)
            self.error = FramingError(reason, can_continue=False)
        return []

    def finish(self) -> list[bytes]:
        if self._state is _State.AFTER_FS:
            return self._complete()
        if self._state is _State.IN:
            self._quarantine("the connection ended inside a block")
        self._drop_partial()
        return []

    def give_up_partial(self) -> list[bytes]:
        if self._state is _State.AFTER_FS:
            return self._complete()
        return super().give_up_partial() if self._state is _State.IN else []

    def _drop_partial(self) -> None:
        super()._drop_partial()
        self._state = _State.HUNT

    def _take(self, chunk: bytes) -> list[bytes]:
        if self._held and self._state is _State.HUNT:
            chunk = bytes(self._held) + chunk
            self._held.clear()
        messages: list[bytes] = []
        size = len(chunk)
        at = 0
        next_vt = next_fs = -2  # not looked for yet; -1: there is none
        while at < size and not self.stopped:
            if self._state is _State.HUNT:
                at = self._hunt(chunk, at)
                continue
            if self._state is _State.AFTER_FS:
                messages += self._after_fs(chunk[at])
                # CR or LF is the block's end; any other byte is looked at again.
                at += chunk[at] in b"\r\n"
                continue
            # Each byte is searched from where it was last found, never twice.
            if next_vt != -1 and next_vt < at:
                next_vt = chunk.find(_VT, at)
            if next_fs != -1 and next_fs < at:
                next_fs = chunk.find(_FS, at)
            if next_vt >= 0 and (next_fs < 0 or next_vt < next_fs):
                messages += self._leave_unfinished(chunk[at:next_vt])
                at = next_vt
            elif next_fs < 0:
                return messages + self._hold(chunk[at:])
            elif self._is_whole(chunk, at, next_fs):
                # The usual block, complete within the chunk: one slice.
                messages.append(chunk[at:next_fs])
                self._begin_hunt()
                at = next_fs + 2
            else:
                messages += self._hold(chunk[at:next_fs])
                at = next_fs
                if not self.stopped:
                    self._trail = _FS
                    self._state = _State.AFTER_FS
                    at += 1
        self._skip(chunk[at:])
        return messages

    def _is_whole(self, chunk: bytes, at: int, fs_at: int) -> bool:
        return (
            chunk.startswith(b"\r", fs_at + 1)
            and 0 < fs_at - at <= self._limit_bytes
            and not self._held
            and not self._discarding
        )

    def _begin_hunt(self) -> None:
        self._lead = self._trail = b""
        self._state = _State.HUNT
        self._fresh = self._config.missing_start == "accept"

    def _begin_block(self, lead: bytes) -> None:
        self._lead = lead
        self._state = _State.IN

    def _hunt(self, chunk: bytes, at: int) -> int:
        """Skip what is between blocks; returns where to go on."""
        if self._config.missing_start == "accept":
            if self._fresh and chunk.startswith(_HEADERS, at):
                self._begin_block(b"")
                return at
            found = _ANY_START.search(chunk, at)
            start_at = found.start() if found else -1
        else:
            start_at = chunk.find(_VT, at)
        if start_at < 0:
            self._skip_junk(chunk, at)
            return len(chunk)
        self._skip(chunk[at:start_at])
        if chunk.startswith(_VT, start_at):
            self._begin_block(_VT)
            return start_at + 1
        self._begin_block(b"")
        return start_at

    def _skip_junk(self, chunk: bytes, at: int) -> None:
        """All of the chunk's rest, but for what may be the beginning of a header."""
        cut = len(chunk)
        if self._config.missing_start == "accept":
            if self._fresh and chunk[at:] in _HALF_HEADERS:
                cut = at
            elif half := _HALF_HEADER.search(chunk, max(at, len(chunk) - 2)):
                cut = half.start()
            self._fresh = cut < len(chunk) or chunk[-1] in b"\r\n\0 \t\x1c"
        self._skip(chunk[at:cut])
        self._held += chunk[cut:]

    def _leave_unfinished(self, rest: bytes) -> list[bytes]:
        """A VT within a block; the caller's position stays on it."""
        messages = self._hold(rest)
        if not self.stopped:
            self._quarantine("a new block began inside an unfinished one")
        return messages

    def _after_fs(self, byte: int) -> list[bytes]:
        """The byte behind an FS; consumed by the caller if it is the CR or an LF."""
        if byte in b"\r\n\x0b" or self._config.embedded_fs == "end":
            return self._complete()
        self._trail = b""
        self._state = _State.IN
        return self._hold(_FS)

    def _complete(self) -> list[bytes]:
        if self._discarding:
            self._drop_partial()
            self._begin_hunt()
            return []
        message = bytes(self._held)
        self._held = bytearray()
        self._begin_hunt()
        if not message:
            self.empty_total += 1
            return []
        return [message]


class MllpEncoder:
    """VT message FS CR for each."""

    def encode(self, messages: Sequence[bytes]) -> bytes:
        if not messages:
            return b""
        joined = _VT + b"\x1c\r\x0b".join(messages) + b"\x1c\r"
        if joined.count(_VT) != len(messages) or joined.count(_FS) != len(messages):
            for index, message in enumerate(messages):
                if _VT in message or _FS in message:
                    raise Unframeable(
                        index,
                        "the message holds 0B or 1C, which MLLP cannot carry (UTF-16 "
                        "does so): choose another framing",
                    )
        return joined


@attrs.frozen(kw_only=True)
class MllpConfig:
    """HL7 over TCP or serial: VT message FS CR, read leniently."""

    type_name: ClassVar[str] = "mllp"

    missing_start: str = option(
        choice("skip", "accept"),
        default="skip",
        help=(
            "What becomes of bytes without a VT before them; default skip. accept "
            "takes a message that begins with MSH, FHS or BHS at the start or behind "
            "a line end, blank, NUL or FS; junk that looks so becomes a message then."
        ),
    )
    embedded_fs: str = option(
        choice("data", "end"),
        default="data",
        help=(
            "What an FS means that neither CR, LF, VT nor silence follows; default "
            "data: a byte of the message. end: the message ends there, for senders "
            "that put other bytes behind it."
        ),
    )
    idle: float = option(
        DURATION,
        default=0.1,
        help=(
            "Silence after an FS that completes a block without its CR, in seconds; "
            "default 100ms. Such a sender waits for its answer that much longer; "
            "shorter, and an FS within a message may end it on a slow line."
        ),
    )
    block_timeout: float = option(
        DURATION,
        default=30.0,
        help=(
            "Silence inside a block after which it is quarantined and the connection "
            "closed, in seconds; default 30s, 0 for never. Shorter frees a dead "
            "sender's memory sooner, longer bears with slow serial lines."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return MllpFramer(self)

    def encoder(self) -> Encoder:
        return MllpEncoder()
