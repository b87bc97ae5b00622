"""Messages whose length is told before them: what those framers share.

A claim is only a number here: nothing is allocated for it, and a message that claims to
be longer than the limit is skipped as it comes, whatever the number.
"""

from __future__ import annotations

from .base import OnOversize
from .stream import StreamFramer

__all__ = ["CountedFramer", "HeadedFramer"]


class CountedFramer(StreamFramer):
    """Takes a told number of bytes, over as many chunks as they need."""

    #: Payload bytes of the begun message that have not come yet.
    _missing_bytes = 0

    def _drop_partial(self) -> None:
        super()._drop_partial()
        self._missing_bytes = 0

    def _begin(self, lead: bytes, length_bytes: int) -> None:
        """A message of this length follows; look at `stopped` afterwards."""
        self._lead = lead
        self._missing_bytes = length_bytes
        if (
            length_bytes > self._limit_bytes
            and self._on_oversize is not OnOversize.TRUNCATE
        ):
            self._oversize(b"")
            if not self.stopped:
                self._discarding = True

    def _body(self, chunk: bytes, at: int, messages: list[bytes]) -> int:
        """Take what the chunk has of the message; returns where that ends."""
        piece = chunk[at : at + self._missing_bytes]
        self._missing_bytes -= len(piece)
        messages += self._hold(piece)
        return at + len(piece)


class HeadedFramer(CountedFramer):
    """Reads a head that tells the length, then the message; empty ones are left out
    unless `keep_empty`."""

    def __init__(
        self,
        name: str,
        max_message_bytes: int,
        on_oversize: OnOversize,
        *,
        keep_empty: bool,
    ) -> None:
        super().__init__(name, max_message_bytes, on_oversize)
        self._keep_empty = keep_empty
        #: The head is read; the message, or what ends it, is awaited.
        self._in_body = False

    def give_up_partial(self) -> list[bytes]:
        return super().give_up_partial() if self._in_body else []

    def _drop_partial(self) -> None:
        super()._drop_partial()
        self._in_body = False

    def _deliver(self, message: bytes, messages: list[bytes]) -> None:
        if message or self._keep_empty:
            messages.append(message)
        else:
            self.empty_total += 1
