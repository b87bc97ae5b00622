"""`ack = none`: nothing is sent back, and no answer is awaited."""

from __future__ import annotations

from typing import ClassVar

import attrs

from .base import Answers, Receipts
from .timing import AckTiming

__all__ = ["NoAckConfig"]


@attrs.frozen(kw_only=True)
class NoAckConfig(AckTiming):
    """For protocols without acknowledgements, and for senders that read none."""

    type_name: ClassVar[str] = "none"

    def answers(self, framing: str) -> Answers | None:
        """None, whatever the framing."""
        return None

    def receipts(self, framing: str) -> Receipts | None:
        """None, whatever the framing."""
        return None
