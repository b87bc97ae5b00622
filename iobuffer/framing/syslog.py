"""Syslog over a stream: RFC 6587, decided for each message by itself (PROTOCOLS 1.9).

`digits SP <` at the beginning of a message is octet counting (3.4.1): the message may
hold any byte. Everything else is non-transparent (3.4.2) and ends in LF or NUL;
Python's SysLogHandler sends NUL and no LF. LF, CR, NUL and blanks before a message
belong to the trailer of the one before (Cisco ASA adds a blank behind its LF). rsyslog
counts the LF of its messages; one line end at the end of a counted message is taken
off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from operator import itemgetter
from typing import ClassVar

import attrs

from ..errors import Unframeable
from ..options import choice, option
from .base import Encoder, Framer, OnOversize
from .counted import CountedFramer
from .limits import max_message_bytes, on_oversize

__all__ = [
    "COUNTED_HEADER",
    "HALF_COUNTED_HEADER",
    "LfSyslogEncoder",
    "OctetCountingEncoder",
    "SyslogConfig",
    "SyslogFramer",
]

#: The `<` is looked at and not taken. Nine digits, as in rsyslog and OpenBSD's syslogd.
COUNTED_HEADER = re.compile(rb"([1-9][0-9]{0,8}) (?=<)")
#: What may still become one.
HALF_COUNTED_HEADER = re.compile(rb"[1-9][0-9]{0,8} ?")

_TRAILER = re.compile(rb"[\n\r\0 ]*")
_HEAD = itemgetter(slice(0, 1))
_PLAIN_HEADS = frozenset({b"<"})


class _State(Enum):
    START = "before a message"
    LINE = "inside a message that LF or NUL ends"
    COUNTED = "inside a message of told length"


class SyslogFramer(CountedFramer):
    """Reads both framings of RFC 6587, mixed as they come."""

    def __init__(self, config: SyslogConfig) -> None:
        super().__init__(config.type_name, config.max_message_bytes, config.on_oversize)
        self._state = _State.START

    @property
    def in_line(self) -> bool:
        """Whether only a line end can complete the message that has begun."""
        return self._state is _State.LINE

    def finish(self) -> list[bytes]:
        """A line without its end is a message; a counted one that is short is not."""
        if self._state is _State.COUNTED:
            self._quarantine("the connection ended inside an octet-counted message")
        message = b"" if self._discarding else bytes(self._held)
        if message:
            self._held = bytearray()
        self._drop_partial()
        return [message] if message else []

    def give_up_partial(self) -> list[bytes]:
        return [] if self._state is _State.START else super().give_up_partial()

    def _drop_partial(self) -> None:
        super()._drop_partial()
        self._state = _State.START

    def _take(self, chunk: bytes) -> list[bytes]:
        messages = self._take_plain_lines(chunk)
        if messages is not None:
            return messages
        messages = []
        if self._held and self._state is _State.START:
            chunk = bytes(self._held) + chunk
            self._held.clear()
        size = len(chunk)
        at = 0
        next_lf = next_nul = -1
        while at < size and not self.stopped:
            if self._state is _State.START:
                at = self._start(chunk, at, messages)
                continue
            if self._state is _State.COUNTED:
                at = self._body(chunk, at, messages)
                self._maybe_complete(messages)
                continue
            # Each byte is searched from where it was last found, never twice; -1, there
            # is none, becomes the chunk's end.
            if next_lf < at:
                next_lf = chunk.find(b"\n", at) % (size + 1)
            if next_nul < at:
                next_nul = chunk.find(b"\0", at) % (size + 1)
            end = min(next_lf, next_nul)
            messages += self._hold(chunk[at:end])
            at = end
            if end < size and not self.stopped:
                self._end_line(messages, ended_by_lf=end == next_lf)
                at += 1
        self._skip(chunk[at:])
        return messages

    def _take_plain_lines(self, chunk: bytes) -> list[bytes] | None:
        """The usual chunk in one split: LF-ended messages that all begin with `<`.

        None if there is anything else in it; then nothing has been taken.
        """
        if self._state is _State.COUNTED or self._discarding:
            return None
        if b"\0" in chunk or b"\r" in chunk or self._held.endswith(b"\r"):
            return None
        lines = chunk.split(b"\n")
        tail = lines.pop()
        if not lines:
            return None
        limit = self._limit_bytes
        lines[0] = bytes(self._held) + lines[0]
        if len(self._held) + len(chunk) > limit and (
            len(tail) > limit or max(map(len, lines)) > limit
        ):
            return None
        heads = set(map(_HEAD, lines))
        if heads != _PLAIN_HEADS or not (tail.startswith(b"<") or not tail):
            return None
        self._held = bytearray(tail)
        self._state = _State.LINE if tail else _State.START
        return lines

    def _start(self, chunk: bytes, at: int, messages: list[bytes]) -> int:
        """Decide how the message at `at` is framed; takes it if it is all there."""
        trailer = _TRAILER.match(chunk, at)
        at = trailer.end() if trailer else at
        header = COUNTED_HEADER.match(chunk, at)
        if header:
            start, length = header.end(), int(header[1])
            end = start + length
            if end <= len(chunk) and length <= self._limit_bytes:
                messages.append(_bare(chunk[start:end]))
                return end
            self._state = _State.COUNTED
            self._begin(chunk[at:start], length)
            return start
        if at < len(chunk):
            if HALF_COUNTED_HEADER.fullmatch(chunk, at):
                self._held += chunk[at:]
                return len(chunk)
            self._state = _State.LINE
        return at

    def _maybe_complete(self, messages: list[bytes]) -> None:
        if self._missing_bytes or self._state is not _State.COUNTED:
            return
        self._state = _State.START
        if self._discarding:
            self._discarding = False
            return
        self._lead = b""
        messages.append(_bare(bytes(self._held)))
        self._held = bytearray()

    def _end_line(self, messages: list[bytes], *, ended_by_lf: bool) -> None:
        self._state = _State.START
        if self._discarding:
            self._discarding = False
            return
        message = bytes(self._held)
        messages.append(message.removesuffix(b"\r") if ended_by_lf else message)
        self._held = bytearray()


def _bare(message: bytes) -> bytes:
    """Without the one line end that some senders count."""
    if message.endswith(b"\n"):
        return message[:-1].removesuffix(b"\r")
    return message.removesuffix(b"\0")


class OctetCountingEncoder:
    """RFC 6587 3.4.1: carries any bytes."""

    def encode(self, messages: Sequence[bytes]) -> bytes:
        # An empty one would be a length of 0, which RFC 6587 does not allow.
        return b"".join(
            [b"%d %b" % (len(message), message) for message in messages if message]
        )


class LfSyslogEncoder:
    """RFC 6587 3.4.2: a line per message."""

    def encode(self, messages: Sequence[bytes]) -> bytes:
        if not messages:
            return b""
        joined = b"\n".join(messages) + b"\n"
        if joined.count(b"\n") == len(messages) and b"\0" not in joined:
            return joined
        bare = [_bare(message) for message in messages]
        for index, message in enumerate(bare):
            if b"\n" in message or b"\0" in message:
                raise Unframeable(
                    index,
                    "the message holds a LF or NUL, which end a line of syslog: "
                    "use encode = octet_counting",
                )
        return b"\n".join(bare) + b"\n"


@attrs.frozen(kw_only=True)
class SyslogConfig:
    """Syslog as RFC 6587 and its senders have it, decided for each message."""

    type_name: ClassVar[str] = "syslog"

    encode: str = option(
        choice("octet_counting", "lf"),
        default="octet_counting",
        help=(
            "How a destination writes; default octet_counting, which carries any "
            "message and which RFC 5425 demands over TLS. lf: a line per message, for "
            "receivers that know no other; a message with a LF or NUL is refused."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return SyslogFramer(self)

    def encoder(self) -> Encoder:
        if self.encode == "lf":
            return LfSyslogEncoder()
        return OctetCountingEncoder()

    def datagram(self, chunk: bytes) -> bytes:
        """The message of one datagram (RFC 5426): without the line ends and NULs that
        some senders add. May be empty; the caller then leaves it out and counts it."""
        return chunk.rstrip(b"\r\n\0")
