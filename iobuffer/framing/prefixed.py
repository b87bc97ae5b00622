"""A binary length before each message: `length_prefix` (PROTOCOLS 1.6)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import ClassVar

import attrs

from ..errors import Unframeable
from ..options import BOOL, choice, option
from .base import Encoder, Framer, OnOversize
from .counted import HeadedFramer
from .limits import max_message_bytes, on_oversize

__all__ = ["LengthPrefixConfig", "PrefixedEncoder", "PrefixedFramer"]

_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class PrefixedFramer(HeadedFramer):
    """Reads the length, then as many bytes."""

    def __init__(self, config: LengthPrefixConfig) -> None:
        super().__init__(
            config.type_name,
            config.max_message_bytes,
            config.on_oversize,
            keep_empty=config.keep_empty,
        )
        self._prefix = config.prefix
        self._counted_bytes = config.width if config.includes_prefix else 0

    def _take(self, chunk: bytes) -> list[bytes]:
        messages: list[bytes] = []
        at = 0
        size = len(chunk)
        while at < size and not self.stopped:
            if self._in_body:
                at = self._body(chunk, at, messages)
                self._maybe_complete(messages)
                continue
            if not self._lead:
                at = self._take_whole_ones(chunk, at, messages)
            prefix = self._lead + chunk[at : at + self._prefix.size - len(self._lead)]
            at += len(prefix) - len(self._lead)
            self._lead = prefix
            if len(prefix) == self._prefix.size:
                self._read_prefix(prefix, messages)
        self._skip(chunk[at:])
        return messages

    def _take_whole_ones(self, chunk: bytes, at: int, messages: list[bytes]) -> int:
        """Messages that are complete within the chunk: two slices and no more."""
        width = self._prefix.size
        unpack_from = self._prefix.unpack_from
        limit = self._limit_bytes
        last = len(chunk) - width
        while at <= last:
            length = unpack_from(chunk, at)[0] - self._counted_bytes
            end = at + width + length
            if not 0 <= length <= limit or end > len(chunk):
                break
            if length or self._keep_empty:
                messages.append(chunk[at + width : end])
            else:
                self.empty_total += 1
            at = end
        return at

    def _read_prefix(self, prefix: bytes, messages: list[bytes]) -> None:
        length = self._prefix.unpack(prefix)[0] - self._counted_bytes
        if length < 0:
            self._stop(
                f"a length of {length + self._counted_bytes} cannot include its own "
                f"{self._counted_bytes} bytes; is includes_prefix right?"
            )
            return
        self._in_body = True
        self._begin(prefix, length)
        self._maybe_complete(messages)

    def _maybe_complete(self, messages: list[bytes]) -> None:
        if self._missing_bytes or not self._in_body:
            return
        self._in_body = False
        if self._discarding:
            self._discarding = False
            return
        self._lead = b""
        message = bytes(self._held)
        self._held = bytearray()
        self._deliver(message, messages)


class PrefixedEncoder:
    """Puts the length before each message."""

    def __init__(self, config: LengthPrefixConfig) -> None:
        self._prefix = config.prefix
        self._counted_bytes = config.width if config.includes_prefix else 0

    def encode(self, messages: Sequence[bytes]) -> bytes:
        counted = self._counted_bytes
        longest = 256**self._prefix.size - 1 - counted
        lengths = list(map(len, messages))
        if lengths and max(lengths) > longest:
            index = next(i for i, length in enumerate(lengths) if length > longest)
            raise Unframeable(
                index,
                f"a message of {lengths[index]} bytes is longer than a prefix of "
                f"{self._prefix.size} bytes can say; raise width",
            )
        pack = self._prefix.pack
        prefixes = [pack(length + counted) for length in lengths]
        return b"".join(chain.from_iterable(zip(prefixes, messages, strict=True)))


@attrs.frozen(kw_only=True)
class LengthPrefixConfig:
    """A message follows its length, sent as a binary number."""

    type_name: ClassVar[str] = "length_prefix"

    width: int = option(
        choice(1, 2, 4, 8),
        default=4,
        help="Bytes of the length: 1, 2, 4 or 8; default 4. It bounds the message.",
    )
    byte_order: str = option(
        choice("big", "little"),
        default="big",
        help=(
            "Which byte of the length comes first; default big, the network's order. "
            "A wrong one makes lengths absurd: everything is skipped as oversize."
        ),
    )
    includes_prefix: bool = option(
        BOOL,
        default=False,
        help=(
            "Whether the length counts its own bytes too; default no. With yes a "
            "length below width closes the connection."
        ),
    )
    keep_empty: bool = option(
        BOOL,
        default=False,
        help=(
            "Whether a length of 0 makes a message; default no, for such are used as "
            "keepalives."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    @property
    def prefix(self) -> struct.Struct:
        """Packs and unpacks the length."""
        order = ">" if self.byte_order == "big" else "<"
        return struct.Struct(order + _LETTERS[self.width])

    def framer(self) -> Framer:
        return PrefixedFramer(self)

    def encoder(self) -> Encoder:
        return PrefixedEncoder(self)
