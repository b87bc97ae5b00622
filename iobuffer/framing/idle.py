"""Bytes until silence: `idle`, for scanners and meters without a terminator.

It holds no clock: the caller measures `idle_seconds` and calls `idle()`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from ..options import DURATION, option
from .base import Encoder, Framer, OnOversize
from .limits import max_message_bytes, on_oversize
from .stream import StreamFramer
from .whole import ConcatenatingEncoder

__all__ = ["GAP", "IdleConfig", "IdleFramer"]


def _gap(value: Any) -> float:
    found: float = DURATION.parse(value)
    if found <= 0:
        raise ValueError(value)
    return found


#: Some silence there must be.
GAP = attrs.evolve(
    DURATION, expects="a duration above 0 such as 50ms, 200ms, 1s", parse=_gap
)


class IdleFramer(StreamFramer):
    """Collects, and gives what it has when the line falls silent or ends."""

    def __init__(
        self,
        name: str,
        gap_seconds: float,
        *,
        max_message_bytes: int,
        on_oversize: OnOversize,
    ) -> None:
        super().__init__(name, max_message_bytes, on_oversize)
        self._gap_seconds = gap_seconds

    @property
    def idle_seconds(self) -> float | None:
        return self._gap_seconds if self._held or self._discarding else None

    def idle(self) -> list[bytes]:
        message = bytes(self._held)
        self._held = bytearray()
        self._discarding = False
        return [message] if message else []

    def finish(self) -> list[bytes]:
        return self.idle()

    def _take(self, chunk: bytes) -> list[bytes]:
        return self._hold(chunk)


@attrs.frozen(kw_only=True)
class IdleConfig:
    """A message is what comes until the line is silent. Written without any bounds."""

    type_name: ClassVar[str] = "idle"

    gap: float = option(
        GAP,
        default=0.2,
        help=(
            "Silence that ends a message, in seconds; default 200ms. Shorter delivers "
            "sooner and cuts a message at a pause; USB serial adapters and networks "
            "make pauses of 20 ms and more by themselves. Longer joins messages."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return IdleFramer(
            self.type_name,
            self.gap,
            max_message_bytes=self.max_message_bytes,
            on_oversize=self.on_oversize,
        )

    def encoder(self) -> Encoder:
        return ConcatenatingEncoder()
