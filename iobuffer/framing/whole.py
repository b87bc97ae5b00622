"""What comes in one piece is one message: `datagram`, `raw`; and how such are written.

These are the framings whose messages do depend on how the bytes were cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from ..options import BOOL, choice, option
from .base import Encoder, Framer, OnOversize
from .limits import max_message_bytes, on_oversize
from .stream import StreamFramer

__all__ = ["ConcatenatingEncoder", "DatagramConfig", "RawConfig", "WholeFramer"]


class WholeFramer(StreamFramer):
    """Each chunk is a message."""

    def __init__(
        self,
        name: str,
        *,
        max_message_bytes: int,
        on_oversize: OnOversize,
        keep_empty: bool = False,
        strip: bytes = b"",
    ) -> None:
        super().__init__(name, max_message_bytes, on_oversize)
        self._keep_empty = keep_empty
        self._strip = strip

    def _take(self, chunk: bytes) -> list[bytes]:
        # Per message, as the system gives them one by one; the caller joins a tick's
        # worth of them into a batch.
        message = chunk.rstrip(self._strip) if self._strip else chunk
        if len(message) > self._limit_bytes:
            return self._oversize(message)
        if message or self._keep_empty:
            return [message]
        self.empty_total += 1
        return []


class ConcatenatingEncoder:
    """Messages one after the other with nothing between: their bounds are lost.

    For what reads a stream and needs no bounds, or for messages that carry their own. A
    UDP destination sends each message as a datagram and does not call this.
    """

    def encode(self, messages: Sequence[bytes]) -> bytes:
        return b"".join(messages)


@attrs.frozen(kw_only=True)
class DatagramConfig:
    """A datagram is a message. On a stream a destination writes no bounds."""

    type_name: ClassVar[str] = "datagram"

    keep_empty: bool = option(
        BOOL,
        default=False,
        help="Whether an empty datagram is a message; default no, it is only counted.",
    )
    strip_trailing: str = option(
        choice("none", "newline"),
        default="none",
        help=(
            "What is taken off the end of a datagram; default none: stored as sent. "
            "newline takes all CR, LF and NUL there, as syslog senders add them."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize(OnOversize.REJECT, OnOversize.TRUNCATE)

    def framer(self) -> Framer:
        return WholeFramer(
            self.type_name,
            max_message_bytes=self.max_message_bytes,
            on_oversize=self.on_oversize,
            keep_empty=self.keep_empty,
            strip=b"\r\n\0" if self.strip_trailing == "newline" else b"",
        )

    def encoder(self) -> Encoder:
        return ConcatenatingEncoder()


@attrs.frozen(kw_only=True)
class RawConfig:
    """A chunk is a message, however the network cut it: the last resort.

    The same bytes may come as other messages the next time. `idle` is nearly always
    what is wanted. A destination writes no bounds.
    """

    type_name: ClassVar[str] = "raw"

    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return WholeFramer(
            self.type_name,
            max_message_bytes=self.max_message_bytes,
            on_oversize=self.on_oversize,
        )

    def encoder(self) -> Encoder:
        return ConcatenatingEncoder()
