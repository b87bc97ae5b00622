"""Messages that all have the same length: `fixed` (PROTOCOLS 1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from ..errors import Unframeable
from ..options import BYTES, DURATION, MIB, integer, option
from .base import Encoder, Framer, OnOversize
from .counted import CountedFramer

__all__ = ["FixedConfig", "FixedEncoder", "FixedFramer"]


class FixedFramer(CountedFramer):
    """Cuts after every `length` bytes."""

    def __init__(self, config: FixedConfig) -> None:
        # No message can be longer than the length, so the policy is only asked when
        # the channel's memory is spent.
        super().__init__(config.type_name, config.length, OnOversize.REJECT)
        self._length_bytes = config.length
        self._resync_after = config.resync_after

    @property
    def idle_seconds(self) -> float | None:
        begun = self._missing_bytes > 0
        return self._resync_after if begun and self._resync_after else None

    def idle(self) -> list[bytes]:
        """The next byte is the first of a message again."""
        if self._missing_bytes:
            self._quarantine("silence inside a message of fixed length")
        return []

    def _take(self, chunk: bytes) -> list[bytes]:
        messages: list[bytes] = []
        length = self._length_bytes
        at = 0
        if self._missing_bytes:
            at = self._body(chunk, 0, messages)
            if self._missing_bytes:
                return messages
            if self._discarding:
                self._discarding = False
            else:
                messages.append(bytes(self._held))
                self._held = bytearray()
        end = len(chunk) - (len(chunk) - at) % length
        messages += [chunk[start : start + length] for start in range(at, end, length)]
        if end < len(chunk):
            self._begin(b"", length)
            self._body(chunk, end, messages)
        return messages


class FixedEncoder:
    """Every message must have the length, or is filled up to it."""

    def __init__(self, length_bytes: int, pad: bytes) -> None:
        self._length_bytes = length_bytes
        self._pad = pad

    def encode(self, messages: Sequence[bytes]) -> bytes:
        length = self._length_bytes
        if self._pad:
            messages = [message.ljust(length, self._pad) for message in messages]
        for index, size in enumerate(map(len, messages)):
            if size != length:
                raise Unframeable(
                    index, f"the message has {size} bytes, and the framing {length}"
                )
        return b"".join(messages)


def _pad(value: object) -> bytes:
    found: bytes = BYTES.parse(value)
    if len(found) > 1:
        raise ValueError(value)
    return found


@attrs.frozen(kw_only=True)
class FixedConfig:
    """Every message has the same number of bytes; nothing marks its ends."""

    type_name: ClassVar[str] = "fixed"

    length: int = option(
        integer(1, 16 * MIB),
        example="64",
        help="Bytes of every message. What is left at the end of a stream is skipped.",
    )
    resync_after: float = option(
        DURATION,
        default=0.0,
        help=(
            "Silence inside a message after which its bytes are skipped and the next "
            "byte begins a message, in seconds; default 0s, never. Without it one lost "
            "byte on a serial line shifts every message behind it; over TCP, where "
            "none is lost, it can only do harm."
        ),
    )
    pad: bytes = option(
        attrs.evolve(BYTES, expects="one byte or nothing", parse=_pad),
        default=b"",
        help=(
            r"At a destination: the byte that fills up shorter messages, such as \x20; "
            "default nothing, so that these are refused. Filling alters the message."
        ),
    )

    @property
    def max_message_bytes(self) -> int:
        """The length: no message can be longer."""
        return self.length

    def framer(self) -> Framer:
        return FixedFramer(self)

    def encoder(self) -> Encoder:
        return FixedEncoder(self.length, self.pad)
