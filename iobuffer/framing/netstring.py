"""Netstrings: `5:hello,` (cr.yp.to/proto/netstrings.txt).

Strict, for nothing behind a violation can be found again: a length has no leading zero,
a colon follows at most ten digits, and the comma must be there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import attrs

from ..options import BOOL, option
from .base import Encoder, Framer, OnOversize
from .counted import HeadedFramer
from .limits import max_message_bytes, on_oversize

__all__ = ["NetstringConfig", "NetstringEncoder", "NetstringFramer"]

_HEADER = re.compile(rb"(0|[1-9][0-9]{0,9}):")
_HALF_HEADER = re.compile(rb"0|[1-9][0-9]{0,9}")
_HEADER_BYTES = 11
_COMMA = ord(",")


class NetstringFramer(HeadedFramer):
    """Reads length, colon, message, comma."""

    def __init__(self, config: NetstringConfig) -> None:
        super().__init__(
            config.type_name,
            config.max_message_bytes,
            config.on_oversize,
            keep_empty=config.keep_empty,
        )

    def _take(self, chunk: bytes) -> list[bytes]:
        messages: list[bytes] = []
        at = 0
        size = len(chunk)
        while at < size and not self.stopped:
            if self._missing_bytes:
                at = self._body(chunk, at, messages)
            elif self._in_body:
                at = self._comma(chunk, at, messages)
            else:
                if not self._lead:
                    at = self._take_whole_ones(chunk, at, messages)
                at = self._header(chunk, at)
        self._skip(chunk[at:])
        return messages

    def _take_whole_ones(self, chunk: bytes, at: int, messages: list[bytes]) -> int:
        """Messages that are complete within the chunk, up to the first other thing."""
        size = len(chunk)
        while header := _HEADER.match(chunk, at):
            start = header.end()
            end = start + int(header[1])
            if end >= size or end - start > self._limit_bytes or chunk[end] != _COMMA:
                break
            self._deliver(chunk[start:end], messages)
            at = end + 1
        return at

    def _header(self, chunk: bytes, at: int) -> int:
        if at == len(chunk):
            return at
        window = self._lead + chunk[at : at + _HEADER_BYTES - len(self._lead)]
        header = _HEADER.match(window)
        if header:
            at += header.end() - len(self._lead)
            self._in_body = True
            self._begin(header[0], int(header[1]))
            return at
        if _HALF_HEADER.fullmatch(window):
            at += len(window) - len(self._lead)
            self._lead = window
            return at
        self._stop("not a netstring: expected a length without leading zeros, and `:`")
        return at

    def _comma(self, chunk: bytes, at: int, messages: list[bytes]) -> int:
        if chunk[at] != _COMMA:
            self._stop("not a netstring: expected `,` behind the message")
            return at
        if not self._discarding:
            self._deliver(bytes(self._held), messages)
        self._lead = b""
        self._held = bytearray()
        self._discarding = self._in_body = False
        return at + 1


class NetstringEncoder:
    """Carries any bytes."""

    def encode(self, messages: Sequence[bytes]) -> bytes:
        return b"".join([b"%d:%b," % (len(message), message) for message in messages])


@attrs.frozen(kw_only=True)
class NetstringConfig:
    """A message as a netstring: its length in digits, a colon, itself, a comma."""

    type_name: ClassVar[str] = "netstring"

    keep_empty: bool = option(
        BOOL,
        default=False,
        help="Whether `0:,` is a message; default no, for such are used as keepalives.",
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return NetstringFramer(self)

    def encoder(self) -> Encoder:
        return NetstringEncoder()
