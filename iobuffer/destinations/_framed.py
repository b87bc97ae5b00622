"""A batch as it goes on the line, and which of its messages some bytes hold."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..channel import Confidence
from ..errors import Unframeable
from ..framing.base import Encoder
from .base import Refused

__all__ = ["Framed", "frame", "messages_within"]


@attrs.frozen(eq=False)
class Framed:
    """`data` holds all of `messages`; `refusal` tells of the one behind them that the
    framing cannot carry, or is None."""

    messages: Sequence[bytes]
    size_bytes: int
    refusal: Refused | None


def frame(
    encoder: Encoder,
    messages: Sequence[bytes],
    sureness: Confidence = Confidence.RECEIVED,
) -> tuple[bytes, Framed]:
    """Put the framing on, up to the first message that cannot be framed.

    `sureness` is what a refusal says of the messages before the one it tells of.

    Returns the bytes beside what is to be remembered of them: they belong to the
    transport alone, so that nothing else keeps them in memory.
    """
    refusal = None
    try:
        data = encoder.encode(messages)
    except Unframeable as error:
        refusal = Refused(error.index, error.reason, final=True, confidence=sureness)
        messages = messages[: error.index]
        data = encoder.encode(messages)
    return data, Framed(messages, len(data), refusal)


def messages_within(
    encoder: Encoder, messages: Sequence[bytes], size_bytes: int
) -> int:
    """How many of the messages, framed, fit whole into `size_bytes`.

    Asked only when a connection was lost in the middle of a batch: a slow line that
    breaks often must not begin the same large batch for ever. Halves the messages, so
    that all together are framed about once again. The messages must be frameable.
    """
    fitting = 0
    while messages and size_bytes > 0:
        half = (len(messages) + 1) // 2
        framed_bytes = len(encoder.encode(messages[:half]))
        if framed_bytes <= size_bytes:
            fitting += half
            size_bytes -= framed_bytes
            messages = messages[half:]
        elif half == 1:
            break
        else:
            messages = messages[:half]
    return fitting
