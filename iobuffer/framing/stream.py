"""What every framer keeps count of, and what becomes of a message that is too long.

A framer over a stream derives from `StreamFramer` and writes `_take(chunk)`. The
message that has begun and not ended is `_lead + _held + _trail`: the framing's bytes
before it, its own, the framing's bytes after it. Only `_held` grows, and `_hold`
bounds it.

While `_discarding`, the rest of a message that was too long goes by: it is skipped as
it comes and nothing of it is kept, up to the point where the framing says it ends.
"""

from __future__ import annotations

from ..errors import FramingError
from .base import SKIPPED_SAMPLE_BYTES, OnOversize

__all__ = ["StreamFramer"]

_GIVEN_UP = (
    "an unfinished message was given up, for all unfinished messages of the channel "
    "together spent its max_partial_bytes"
)


class StreamFramer:
    """The counters of `base.Framer`, the partial message, and `on_oversize`."""

    #: How many bytes at the end of `_held` may be the beginning of a mark: kept back
    #: when the rest is skipped, so that a mark cut by a chunk is still found.
    _edge_bytes = 0

    def __init__(
        self, name: str, max_message_bytes: int, on_oversize: OnOversize
    ) -> None:
        self.name = name
        self.error: FramingError | None = None
        self.skipped_bytes = 0
        self.skipped_sample = b""
        self.oversize_total = 0
        self.quarantined_total = 0
        self.bad_check_total = 0
        self.empty_total = 0
        self._limit_bytes = max_message_bytes
        self._on_oversize = on_oversize
        self._received_bytes = 0
        self._lead = b""
        self._held = bytearray()
        self._trail = b""
        self._discarding = False

    # -- base.Framer -------------------------------------------------------------------

    @property
    def idle_seconds(self) -> float | None:
        return None

    @property
    def partial_bytes(self) -> int:
        return len(self._lead) + len(self._held) + len(self._trail)

    @property
    def framed_bytes(self) -> int:
        # Derived, so that the hot path counts once per chunk and the sum cannot drift.
        return self._received_bytes - self.skipped_bytes - self.partial_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        self._received_bytes += len(chunk)
        if self.stopped:
            self._skip(chunk)
            return []
        return self._take(chunk)

    def idle(self) -> list[bytes]:
        return []

    def finish(self) -> list[bytes]:
        if self._lead or self._held:
            self._quarantine("the stream ended inside a message")
        self._drop_partial()
        return []

    def give_up_partial(self) -> list[bytes]:
        if self._discarding or not (self._lead or self._held):
            return []
        return self._overflow(reason=_GIVEN_UP)

    # -- for auto ----------------------------------------------------------------------

    def release(self) -> bytes:
        """The unfinished message as it came, no longer counted as received here."""
        data = self._lead + bytes(self._held) + self._trail
        self._received_bytes -= len(data)
        self._lead = self._trail = b""
        self._held.clear()
        return data

    def take_over(self, other: StreamFramer) -> None:
        """Go on counting where another framer of the same connection stopped."""
        self.skipped_bytes = other.skipped_bytes
        self.skipped_sample = other.skipped_sample
        self.oversize_total = other.oversize_total
        self.quarantined_total = other.quarantined_total
        self.bad_check_total = other.bad_check_total
        self.empty_total = other.empty_total
        self.error = self.error or other.error
        self._received_bytes = other._received_bytes

    # -- for the framers ---------------------------------------------------------------

    def _take(self, chunk: bytes) -> list[bytes]:
        """The messages that the chunk completes: what a framer is. Each one has its
        own; there is none of a Stream alone."""
        raise NotImplementedError

    @property
    def stopped(self) -> bool:
        """Whether no later byte of this connection can be trusted."""
        return self.error is not None and not self.error.can_continue

    def _skip(self, data: bytes | bytearray) -> None:
        if data:
            self.skipped_bytes += len(data)
            sample = self.skipped_sample + data[-SKIPPED_SAMPLE_BYTES:]
            self.skipped_sample = sample[-SKIPPED_SAMPLE_BYTES:]

    def _drop_partial(self) -> None:
        """Skip the unfinished message and forget it."""
        self._skip(self._lead)
        self._skip(self._held)
        self._skip(self._trail)
        self._lead = self._trail = b""
        # A new one, for clear() alone might keep what a large message had taken.
        self._held = bytearray()
        self._discarding = False

    def _warn(self, reason: str) -> None:
        self.error = FramingError(reason)

    def _stop(self, reason: str) -> None:
        """No later byte can be trusted. The caller skips the rest of its chunk."""
        self.error = FramingError(reason, can_continue=False)
        self._drop_partial()

    def _quarantine(self, reason: str) -> None:
        """The message that has begun will not end: skip it, count it once."""
        if not self._discarding:
            self.quarantined_total += 1
            self._warn(reason)
        self._drop_partial()

    def _hold(self, rest: bytes) -> list[bytes]:
        """Keep the unfinished end of a chunk, or do what `on_oversize` says."""
        held = self._held
        if self._discarding:
            held += rest
            cut = max(len(held) - self._edge_bytes, 0)
            self._skip(held[:cut])
            del held[:cut]
            return []
        if len(held) + len(rest) > self._limit_bytes + self._edge_bytes:
            return self._overflow(rest)
        held += rest
        return []

    def _overflow(self, rest: bytes = b"", reason: str = "") -> list[bytes]:
        """The unfinished message, `rest` included, is too long, or is given up."""
        payload = bytes(self._held) + rest
        cut = max(len(payload) - self._edge_bytes, 0)
        self._held = bytearray()
        messages = self._oversize(payload[:cut], reason)
        if self.stopped:
            self._skip(payload[cut:])
        else:
            self._held += payload[cut:]
            self._discarding = True
        return messages

    def _oversize(self, payload: bytes, reason: str = "") -> list[bytes]:
        """A message is too long: `payload` is what there is of it, `_held` is spent."""
        self.oversize_total += 1
        limit = self._limit_bytes
        lead, self._lead = self._lead, b""
        reason = reason or (
            f"a message was longer than max_message_bytes ({limit} bytes); "
            "raise the limit if the message is genuine"
        )
        self.error = FramingError(reason)
        if self._on_oversize is OnOversize.TRUNCATE:
            self._skip(payload[limit:])
            return [payload[:limit]] if payload else []
        self._skip(lead)
        self._skip(payload)
        if self._on_oversize is OnOversize.CLOSE:
            self._stop(reason)
        return []
