"""Messages between a start mark and an end mark: `start_end`.

What lies outside is skipped. A start inside a message begins anew: what was collected
is quarantined, for its sender did not finish it (PROTOCOLS 1.4). Of two marks that lie
over one another the one that is complete first counts, so that the outcome does not
depend on how the bytes were cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from ..errors import Unframeable
from ..options import option
from .base import Encoder, Framer, OnOversize
from .limits import MARK, max_message_bytes, on_oversize
from .overlap import beginning_at_end, can_overlap
from .stream import StreamFramer

__all__ = ["BracketedEncoder", "BracketedFramer", "StartEndConfig"]


class BracketedFramer(StreamFramer):
    """Cuts between marks of one or more bytes each."""

    def __init__(
        self,
        name: str,
        start: bytes,
        end: bytes,
        *,
        max_message_bytes: int,
        on_oversize: OnOversize,
    ) -> None:
        super().__init__(name, max_message_bytes, on_oversize)
        self._start = start
        self._end = end
        # With `~` for both, or the start inside the end, a new start cannot be told.
        self._restarts = start not in end
        self._edge_bytes = max(len(start), len(end)) - 1
        #: Inside a message; outside, `_held` is what may be a beginning of the start.
        self._open = False

    def finish(self) -> list[bytes]:
        if self._open:
            self._quarantine("the stream ended inside a message: no end mark")
        self._drop_partial()
        return []

    def give_up_partial(self) -> list[bytes]:
        return super().give_up_partial() if self._open else []

    def _drop_partial(self) -> None:
        super()._drop_partial()
        self._open = False

    def _take(self, chunk: bytes) -> list[bytes]:
        if self._edge_bytes and self._held:
            # A mark may lie across the cut: look at the end of what is held once more.
            edge = bytes(self._held[-self._edge_bytes :])
            del self._held[-self._edge_bytes :]
            chunk = edge + chunk
        messages: list[bytes] = []
        at = 0
        next_start = next_end = -2  # not looked for yet; -1: there is none
        while not self.stopped:
            if not self._open:
                at = self._hunt(chunk, at)
                if not self._open:
                    return messages
            # Each mark is searched from where it was last found, never twice.
            if next_end != -1 and next_end < at:
                next_end = chunk.find(self._end, at)
            if self._restarts and next_start != -1 and next_start < at:
                next_start = chunk.find(self._start, at)
            if self._starts_anew(next_start, next_end):
                messages += self._leave_unfinished(chunk[at:next_start])
                at = next_start
                if not self.stopped:
                    at += len(self._start)
            elif next_end < 0:
                return messages + self._hold(chunk[at:])
            else:
                messages += self._complete(chunk[at:next_end])
                at = next_end
                if not self.stopped:
                    at += len(self._end)
        self._skip(chunk[at:])
        return messages

    def _hunt(self, chunk: bytes, at: int) -> int:
        """Find the start mark; returns where the message begins."""
        start_at = chunk.find(self._start, at)
        if start_at < 0:
            cut = len(chunk) - beginning_at_end(chunk[at:], self._start)
            self._skip(chunk[at:cut])
            self._held += chunk[cut:]
            return len(chunk)
        self._skip(chunk[at:start_at])
        self._open = True
        self._lead = self._start
        return start_at + len(self._start)

    def _starts_anew(self, next_start: int, next_end: int) -> bool:
        if next_start < 0:
            return False
        if next_end < 0:
            return True
        return next_start + len(self._start) < next_end + len(self._end)

    def _leave_unfinished(self, rest: bytes) -> list[bytes]:
        """A start within a message: what came before it will never be finished."""
        messages: list[bytes] = []
        payload = bytes(self._held) + rest
        if not self._discarding and len(payload) > self._limit_bytes:
            # Not _hold(), which allows for half a mark: this one is known to be whole.
            self._held = bytearray()
            messages = self._oversize(payload)
        else:
            self._held += rest
            self._quarantine("a new message began inside an unfinished one")
        if not self.stopped:
            self._open = True
            self._lead = self._start
        return messages

    def _complete(self, rest: bytes) -> list[bytes]:
        """The end mark is there; `rest` is the message's last part."""
        payload = bytes(self._held) + rest if self._held else rest
        self._held = bytearray()
        if self._discarding:
            self._skip(payload)
            self._skip(self._end)
            self._discarding = self._open = False
            return []
        if len(payload) > self._limit_bytes:
            messages = self._oversize(payload)
            if not self.stopped:
                self._skip(self._end)
            self._open = False
            return messages
        self._lead = b""
        self._open = False
        if not payload:
            self.empty_total += 1
            return []
        return [payload]


class BracketedEncoder:
    """Puts a start mark before and an end mark behind every message."""

    def __init__(self, start: bytes, end: bytes) -> None:
        self._start = start
        self._end = end
        # Then counting the marks proves nothing, and each message is looked at.
        self._entangled = any(
            can_overlap(one, other) for one in (start, end) for other in (start, end)
        )

    def encode(self, messages: Sequence[bytes]) -> bytes:
        if not messages:
            return b""
        start, end = self._start, self._end
        joined = start + (end + start).join(messages) + end
        if self._entangled or not (
            joined.count(start) == len(messages) == joined.count(end)
        ):
            for index, message in enumerate(messages):
                self._check(index, message)
        return joined

    def _check(self, index: int, message: bytes) -> None:
        start, end = self._start, self._end
        anew = -1 if start in end else (message + end[:-1]).find(start)
        if anew >= 0 or (message + end).find(end) != len(message):
            raise Unframeable(
                index,
                f"the message holds the marks {start!r} or {end!r}: "
                "choose another framing",
            )


@attrs.frozen(kw_only=True)
class StartEndConfig:
    """A message lies between two marks; what lies outside is skipped and counted."""

    type_name: ClassVar[str] = "start_end"

    start: bytes = option(
        MARK,
        example=r"\x02",
        help=(
            r"The bytes before each message, written with \xNN, for example \x02. They "
            "are not part of the message. A start inside a message begins a new one."
        ),
    )
    end: bytes = option(
        MARK,
        example=r"\x03",
        help=(
            r"The bytes behind each message, for example \x03 or \x1c\r. They are not "
            "part of the message. A long end is less likely to occur in a message "
            "that may hold any byte."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return BracketedFramer(
            self.type_name,
            self.start,
            self.end,
            max_message_bytes=self.max_message_bytes,
            on_oversize=self.on_oversize,
        )

    def encoder(self) -> Encoder:
        return BracketedEncoder(self.start, self.end)
