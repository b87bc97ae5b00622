r"""Messages that end in a mark: `line` and `delimiter` (PROTOCOLS 1.7).

The path of a chunk in the normal case is one `split` in C, whatever the number of
messages: 64 KiB of 200-byte lines take about 0.04 ms. Only a chunk in which a message
is too long is gone through message by message.

An ending counts as framed, also behind a message that was skipped, and so does an
empty message that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import attrs

from ..errors import Unframeable
from ..options import BOOL, choice, option
from .base import Encoder, Framer, OnOversize
from .limits import MARK, max_message_bytes, on_oversize
from .stream import StreamFramer

__all__ = [
    "DelimitedEncoder",
    "DelimitedFramer",
    "DelimiterConfig",
    "LineConfig",
    "UniversalLineFramer",
]

_ENDINGS = {"lf": b"\n", "cr": b"\r", "crlf": b"\r\n", "nul": b"\0"}
_ANY_ENDING = re.compile(rb"\r\n|\r|\n")


class DelimitedFramer(StreamFramer):
    """Cuts at one mark of one or more bytes."""

    def __init__(
        self,
        name: str,
        delimiter: bytes,
        *,
        keep_empty: bool,
        max_message_bytes: int,
        on_oversize: OnOversize,
    ) -> None:
        super().__init__(name, max_message_bytes, on_oversize)
        self._delimiter = delimiter
        self._edge_bytes = len(delimiter) - 1
        self._ending = re.compile(re.escape(delimiter))
        self._keep_empty = keep_empty

    def finish(self) -> list[bytes]:
        """A tail without its ending is a message: `nc` and many devices send such."""
        held = bytes(self._held)
        if self._discarding or not held:
            self._drop_partial()
            return []
        self._held = bytearray()
        if len(held) > self._limit_bytes:
            return self._oversize(held)
        return [held]

    def _take(self, chunk: bytes) -> list[bytes]:
        held = self._held
        edge = self._edge_bytes
        if edge and held:
            # A mark may lie across the cut: look at the end of what is held once more.
            chunk = bytes(held[-edge:]) + chunk
            del held[-edge:]
        return self._cut(chunk)

    def _split(self, chunk: bytes) -> list[bytes]:
        return chunk.split(self._delimiter)

    def _cut(self, chunk: bytes) -> list[bytes]:
        if self._discarding:
            return self._cut_one_by_one(chunk)
        held = self._held
        limit = self._limit_bytes
        messages = self._split(chunk)
        if len(held) + len(chunk) > limit and (
            len(held) + len(messages[0]) > limit or max(map(len, messages)) > limit
        ):
            return self._cut_one_by_one(chunk)
        tail = messages.pop()
        if not messages:
            held += tail
            return messages
        if held:
            messages[0] = bytes(held) + messages[0]
            held = self._held = bytearray()
        held += tail
        if self._keep_empty or all(messages):
            return messages
        kept = [message for message in messages if message]
        self.empty_total += len(messages) - len(kept)
        return kept

    def _cut_one_by_one(self, chunk: bytes) -> list[bytes]:
        messages: list[bytes] = []
        at = 0
        for ending in self._ending.finditer(chunk):
            payload = bytes(self._held) + chunk[at : ending.start()]
            self._held = bytearray()
            at = ending.end()
            if self._discarding:
                self._skip(payload)
                self._discarding = False
            elif len(payload) > self._limit_bytes:
                messages += self._oversize(payload)
                if self.stopped:
                    self._skip(chunk[ending.start() :])
                    return messages
            elif payload or self._keep_empty:
                messages.append(payload)
            else:
                self.empty_total += 1
        return messages + self._hold(chunk[at:])


class UniversalLineFramer(DelimitedFramer):
    """Cuts at LF, CR and CRLF alike; a CRLF across two chunks is one ending."""

    def __init__(
        self,
        name: str,
        *,
        keep_empty: bool,
        max_message_bytes: int,
        on_oversize: OnOversize,
    ) -> None:
        super().__init__(
            name,
            b"\n",
            keep_empty=keep_empty,
            max_message_bytes=max_message_bytes,
            on_oversize=on_oversize,
        )
        self._ending = _ANY_ENDING
        self._after_cr = False

    def _take(self, chunk: bytes) -> list[bytes]:
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        return self._cut(chunk)

    def _split(self, chunk: bytes) -> list[bytes]:
        if b"\r" not in chunk:
            return chunk.split(b"\n")
        # For bytes these are CR, LF and CRLF and no others; a third the time of
        # replacing the endings first.
        messages = chunk.splitlines()
        if chunk.endswith((b"\r", b"\n")):
            messages.append(b"")
        return messages


class DelimitedEncoder:
    """Puts a mark behind every message that does not end in it already."""

    def __init__(self, delimiter: bytes, *, embedded: str = "refuse") -> None:
        self._delimiter = delimiter
        self._blank = embedded == "space"
        # With a mark such as `aa` a message `xa` makes `xaaa`, which is cut after the
        # x: counting marks proves nothing then.
        self._overlaps_itself = any(
            delimiter.startswith(delimiter[at:]) for at in range(1, len(delimiter))
        )

    def encode(self, messages: Sequence[bytes]) -> bytes:
        if not messages:
            return b""
        delimiter = self._delimiter
        joined = delimiter.join(messages)
        if joined.count(delimiter) != len(messages) - 1 or self._overlaps_itself:
            joined = delimiter.join(self._without_mark(messages))
        return joined + delimiter

    def _without_mark(self, messages: Sequence[bytes]) -> list[bytes]:
        delimiter = self._delimiter
        plain: list[bytes] = []
        for index, message in enumerate(messages):
            message = message.removesuffix(delimiter)
            if (message + delimiter).find(delimiter) != len(message):
                if self._blank:
                    message = message.replace(delimiter, b" ")
                if (message + delimiter).find(delimiter) != len(message):
                    raise Unframeable(
                        index,
                        f"the message holds the ending {delimiter!r}: choose another "
                        "framing, or embedded = space",
                    )
            plain.append(message)
        return plain


def _embedded() -> object:
    return option(
        choice("refuse", "space"),
        default="refuse",
        help=(
            "At a destination: what becomes of a message that holds the ending within "
            "itself; default refuse. refuse parks or stops as `refused` says; space "
            "puts a blank in its place, which alters the message. An ending at the "
            "very end of a message is no trouble and is not doubled."
        ),
    )


@attrs.frozen(kw_only=True)
class LineConfig:
    """A message is a line; what is left when the connection ends is a message too."""

    type_name: ClassVar[str] = "line"

    ending: str = option(
        choice("auto", "lf", "cr", "crlf", "nul"),
        default="auto",
        help=(
            "What ends a line; default auto: LF, CR or CRLF, each by itself. Name one "
            "if the other bytes belong to the message, as CR does in HL7. A "
            "destination writes LF for auto."
        ),
    )
    keep_empty: bool = option(
        BOOL,
        default=False,
        help=(
            "Whether an empty line is a message; default no. With yes a sender that "
            "keeps its connection alive with line ends fills the store."
        ),
    )
    embedded: str = _embedded()  # type: ignore[assignment]
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        if self.ending == "auto":
            return UniversalLineFramer(
                self.type_name,
                keep_empty=self.keep_empty,
                max_message_bytes=self.max_message_bytes,
                on_oversize=self.on_oversize,
            )
        return DelimitedFramer(
            self.type_name,
            _ENDINGS[self.ending],
            keep_empty=self.keep_empty,
            max_message_bytes=self.max_message_bytes,
            on_oversize=self.on_oversize,
        )

    def encoder(self) -> Encoder:
        return DelimitedEncoder(
            _ENDINGS.get(self.ending, b"\n"), embedded=self.embedded
        )


@attrs.frozen(kw_only=True)
class DelimiterConfig:
    """A message ends in any bytes; what is left at the end is a message too."""

    type_name: ClassVar[str] = "delimiter"

    delimiter: bytes = option(
        MARK,
        default=b"\r\n",
        help=(
            r"The bytes that end a message; default \r\n. Written with \r \n \t \0 and "
            r"\xNN, for example \x03 or \x1c\r. Exactly these: \r\n does not end at a "
            r"lone \n; line does."
        ),
    )
    keep_empty: bool = option(
        BOOL,
        default=False,
        help="Whether nothing between two delimiters is a message; default no.",
    )
    embedded: str = _embedded()  # type: ignore[assignment]
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return DelimitedFramer(
            self.type_name,
            self.delimiter,
            keep_empty=self.keep_empty,
            max_message_bytes=self.max_message_bytes,
            on_oversize=self.on_oversize,
        )

    def encoder(self) -> Encoder:
        return DelimitedEncoder(self.delimiter, embedded=self.embedded)
