"""The acknowledgement's contract: pure bytes in, bytes out.

Floor 1: no Twisted, no clock, no log, blind to stores and framers. What comes out is
what goes on the wire, with its own framing on (an HL7 ACK in its MLLP block).

Two directions. `Answers` is the receiving side: what a source sends back for a batch.
`Receipts` is the sending side: what a destination reads from its peer. Neither is ever
asked to say yes before the store has committed; that order is the caller's to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar, Protocol

import attrs

__all__ = ["AckConfig", "Answers", "Receipt", "Receipts", "Verdict", "When"]


class When(Enum):
    """`ack.when`: what must be true before the sender hears yes."""

    STORED = "stored"
    DELIVERED = "delivered"


class Answers(Protocol):
    """What to send back; one object per connection.

    Every method answers for a whole batch, in order, as one byte string (for UDP:
    see `per_message`); empty bytes mean that there is nothing to say.
    """

    #: True when each answer must go back as a datagram of its own, to the sender of
    #: its message: then use `answer_each`.
    per_message: bool

    def split(self, messages: list[bytes]) -> list[bytes]:
        """The messages as they are to be stored: one for each answer that is owed.

        HL7 takes batches (FHS/BHS) and blocks with several MSH apart here.
        """

    def stored(self, messages: Sequence[bytes], now: float) -> bytes:
        """The messages are committed (or delivered, by `ack.when`). `now` is wall
        time in epoch seconds, for labels such as MSH-7."""

    def failed(self, messages: Sequence[bytes], now: float) -> bytes:
        """The store cannot take them now; the sender should send them again."""

    def rejected(self, messages: Sequence[bytes], now: float) -> bytes:
        """They will never be taken; sending them again does not help."""

    def answer_each(self, messages: Sequence[bytes], now: float) -> list[bytes | None]:
        """For `per_message`: the answer to each message once it is committed."""


class Verdict(Enum):
    """What the peer said of a message we sent."""

    ACCEPTED = "accepted"
    #: AE, CE, NAK: it may take it later.
    ERROR = "error"
    #: AR, CR: it will not take it.
    REJECTED = "rejected"


@attrs.frozen
class Receipt:
    """One answer of the peer. `text` says why, without payload."""

    verdict: Verdict
    text: str = ""


class Receipts(Protocol):
    """Reads what the peer of a destination answers; one object per connection.

    One message at a time is in flight. `expect` names it, `feed` takes what arrives.
    """

    def expect(self, message: bytes) -> None:
        """This message has just been sent."""

    def feed(self, chunk: bytes) -> Receipt | None:
        """The answer to the expected message, once it is complete.

        What matches no expected message is counted in `unmatched_total` and skipped.
        """

    @property
    def unmatched_total(self) -> int:
        """Answers that belonged to no message, since the connection was made."""


class AckConfig(Protocol):
    """What an acknowledgement's config class offers besides its options."""

    #: Its name in the configuration, and in the table `ACKS`.
    type_name: ClassVar[str]

    @property
    def when(self) -> When:
        """Whether yes is said once the messages are stored, or once delivered."""

    @property
    def deadline(self) -> float:
        """Seconds: with `When.DELIVERED`, the caller says `failed` after that long."""

    def answers(self, framing: str) -> Answers | None:
        """For a connection with this framing; None when nothing is ever sent back."""

    def receipts(self, framing: str) -> Receipts | None:
        """For a connection with this framing; None when no answer is awaited."""
