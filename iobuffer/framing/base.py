"""The framer's contract: a chunk goes in, a list of messages comes out.

Floor 1: no Twisted, no clock, no log, blind to stores and acknowledgements.

A framer belongs to one connection (or one open of a serial device). It never raises for
bytes from the network: it returns what was good, counts what it skipped and keeps a
sample of it. The messages that come out do not depend on how the bytes were cut into
chunks. The cost is linear in the bytes: nothing is searched twice, and the tail is
never copied once per message.

`bytes in = framed_bytes + skipped_bytes + partial_bytes` holds after every call. Framed
are the messages and the marks around them; skipped is what no message came out of.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar, Protocol

from ..errors import FramingError
from ..options import MIB

__all__ = [
    "DEFAULT_MAX_MESSAGE_BYTES",
    "SKIPPED_SAMPLE_BYTES",
    "Encoder",
    "Framer",
    "FramingConfig",
    "OnOversize",
]

#: Mirth and cosyte cap MLLP at 16 MiB; rsyslog's maxFrameSize is 200 kB.
DEFAULT_MAX_MESSAGE_BYTES = 16 * MIB

#: How much of what was skipped last is kept, for the page and the log.
SKIPPED_SAMPLE_BYTES = 64


class OnOversize(Enum):
    """What happens to a message longer than `max_message_bytes` (payload only)."""

    #: Skip the whole message, count it, find the next one.
    REJECT = "reject"
    #: Keep its first `max_message_bytes`, count the rest as skipped.
    TRUNCATE = "truncate"
    #: Set a FramingError that cannot continue: the source closes the connection.
    CLOSE = "close"


class Framer(Protocol):
    """Takes a byte stream apart.

    After each call the caller looks at `error` and `idle_seconds`: both may change.
    """

    @property
    def error(self) -> FramingError | None:
        """The last thing that went wrong; with `can_continue` False, feed() returns
        nothing any more and the caller closes the connection."""

    @property
    def idle_seconds(self) -> float | None:
        """After so many seconds without a byte the caller calls idle(); None: never."""

    @property
    def name(self) -> str:
        """The framing's name as configured; `auto` changes it to what it has found."""

    @property
    def framed_bytes(self) -> int:
        """Total since the framer was made, marks and line endings included."""

    @property
    def skipped_bytes(self) -> int:
        """Total since the framer was made."""

    @property
    def skipped_sample(self) -> bytes:
        """The last bytes skipped, at most SKIPPED_SAMPLE_BYTES of them."""

    @property
    def oversize_total(self) -> int:
        """Messages that were longer than the limit."""

    @property
    def quarantined_total(self) -> int:
        """Messages that began and did not end: a new start, silence, end of stream."""

    @property
    def bad_check_total(self) -> int:
        """Messages whose check characters were wrong."""

    @property
    def empty_total(self) -> int:
        """Messages without a byte that were left out: blank lines, empty datagrams,
        the empty blocks that MLLP senders use as keepalives."""

    @property
    def partial_bytes(self) -> int:
        """Bytes held of a message that is not complete yet."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The messages that this chunk completes, in order."""

    def idle(self) -> list[bytes]:
        """The line has been silent for `idle_seconds`: what that completes."""

    def finish(self) -> list[bytes]:
        """The stream has ended: the tail, if the framing allows one.

        What cannot be a message is counted as skipped. The framer is not fed again.
        """

    def give_up_partial(self) -> list[bytes]:
        """Treat the partial message as oversize now: the channel's memory is spent.

        Follows `on_oversize`, and frees what was held.
        """


class Encoder(Protocol):
    """Puts the framing back on."""

    def encode(self, messages: Sequence[bytes]) -> bytes:
        """All messages, framed, as one byte string.

        Raises:
            Unframeable: the first message that holds the framing's own bytes.
        """


class FramingConfig(Protocol):
    """What a framing's config class offers besides its options."""

    #: The name that `framing = ` takes.
    type_name: ClassVar[str]

    @property
    def max_message_bytes(self) -> int:
        """The longest message, without what the framing adds."""

    def framer(self) -> Framer:
        """A new framer for one connection."""

    def encoder(self) -> Encoder:
        """An encoder; it holds no state between calls and may be shared."""
