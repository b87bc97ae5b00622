"""The answers that one connection is owed: in the order of its batches, and never
before what `ack.when` asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from ..acks.base import AckConfig, Answers, When
from ..channel import Answer
from ..errors import StorageError
from .base import SourceContext

__all__ = ["Replies"]


class Replies:
    """Holds back each answer until it is due and no older one is missing.

    Args:
        write: to the peer; several answers come as one byte string.
        on_change: called after some have been written; `len` tells how many wait.
        on_unsayable: called when messages were not stored and the sender has asked to
            hear nothing of that (HL7 with MSH-15 of SU or NE): silence would look like
            success, so the caller closes the connection.
    """

    def __init__(
        self,
        context: SourceContext,
        ack: AckConfig,
        answers: Answers,
        *,
        write: Callable[[bytes], None],
        on_change: Callable[[], None],
        on_unsayable: Callable[[], None],
    ) -> None:
        self._context = context
        self._answers = answers
        self._after_delivery = ack.when is When.DELIVERED
        self._deadline_seconds = ack.deadline
        self._write = write
        self._on_change = on_change
        self._on_unsayable = on_unsayable
        self._owed: deque[_Owed] = deque()
        self._gone = False

    def __len__(self) -> int:
        return len(self._owed)

    def split(self, messages: list[bytes]) -> list[bytes]:
        """As Answers.split."""
        return self._answers.split(messages)

    def owe(self, messages: list[bytes]) -> Answer:
        """What to offer these messages to the channel with."""
        owed = _Owed(self, messages)
        self._owed.append(owed)
        return owed.committed

    def abandon(self) -> None:
        """The connection is gone: nobody hears the rest."""
        self._gone = True
        for owed in self._owed:
            if owed.timer is not None:
                owed.timer.cancel()
                owed.timer = None
            if owed.give_up is not None:
                owed.give_up()
        self._owed.clear()

    # -- called by what is owed --------------------------------------------------------

    def committed(
        self, owed: _Owed, first_seq: int, error: StorageError | None
    ) -> None:
        if self._gone:
            return
        if error is not None or first_seq == 0:
            # 0: dropped by policy. Nobody hears yes for what is not stored.
            self.refuse(owed)
            if not owed.reply:
                self._on_unsayable()
        elif self._after_delivery and self._context.channel.cursors:
            owed.timer = self._context.reactor.callLater(
                self._deadline_seconds, owed.overdue
            )
            owed.give_up = self._context.channel.when_delivered(
                first_seq, first_seq + len(owed.messages) - 1, owed.delivered
            )
        else:
            # Also with nobody to deliver to: stored is all that it will ever be.
            self._accept(owed)

    def delivered(self, owed: _Owed, whole: bool) -> None:
        if owed.reply is not None or self._gone:
            return
        if whole:
            self._accept(owed)
        else:
            counters = self._context.counters
            counters.acks_negative_total += len(owed.messages)
            owed.reply = self._answers.rejected(owed.messages, self._context.wall())
            self._flush()

    def refuse(self, owed: _Owed) -> None:
        """Not stored, or not delivered in time: the sender should send it again."""
        counters = self._context.counters
        counters.acks_negative_total += len(owed.messages)
        counters.refused_messages_total += len(owed.messages)
        owed.reply = self._answers.failed(owed.messages, self._context.wall())
        self._flush()

    def _accept(self, owed: _Owed) -> None:
        self._context.counters.acks_positive_total += len(owed.messages)
        owed.reply = self._answers.stored(owed.messages, self._context.wall())
        self._flush()

    def _flush(self) -> None:
        owed = self._owed
        replies: list[bytes] = []
        while owed and (reply := owed[0].reply) is not None:
            replies.append(reply)
            owed.popleft()
        if replies:
            data = replies[0] if len(replies) == 1 else b"".join(replies)
            if data:
                self._write(data)
            self._on_change()


class _Owed:
    """A batch whose sender waits for an answer. One object per batch."""

    __slots__ = ("give_up", "messages", "replies", "reply", "timer")

    def __init__(self, replies: Replies, messages: list[bytes]) -> None:
        self.replies = replies
        self.messages = messages
        self.reply: bytes | None = None
        self.timer: IDelayedCall | None = None
        self.give_up: Callable[[], None] | None = None

    def committed(self, first_seq: int, error: StorageError | None) -> None:
        self.replies.committed(self, first_seq, error)

    def delivered(self, whole: bool) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.replies.delivered(self, whole)

    def overdue(self) -> None:
        self.timer = None
        assert self.give_up is not None
        # Or a dead destination would have us hold every message that is sent again.
        self.give_up()
        self.replies.refuse(self)
