"""A link to one peer, over one connection at a time: what TCP and serial lines share.

Without answers a batch is framed, written, and as sure as the connection can make it
once its bytes have gone; with answers (`ack`) one message is in flight at a time. The
way there, and how it opens and closes, is the kind's own.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..batch import Batch
from ..channel import Confidence
from ..links.way import Way
from ._acked import OneByOne
from ._framed import Framed, frame, messages_within
from ._grace import grace
from ._outlet import Outlet
from .base import LinkContext, LinkLost, LinkUser

__all__ = ["OnePeerLink"]


class OnePeerLink:
    """The part of a Link between its delivery and its connection.

    A subclass sets `_way`, gives it `_up` and `_down` to call, and makes each outlet
    with `_heard` and `_writable_changed`.

    Args:
        ack: the config of the answers; its `receipts` are asked for per connection.
        ack_timeout_seconds: how long an answer may take.
        sureness: of a batch whose bytes have gone, where no answer is awaited.
    """

    _way: Way

    def __init__(
        self,
        context: LinkContext,
        *,
        ack: Any,
        ack_timeout_seconds: float,
        sureness: Confidence,
    ) -> None:
        self.writable = False
        self._context = context
        self._ack = ack
        self._ack_timeout_seconds = ack_timeout_seconds
        self._sureness = sureness
        self._encoder = context.framing.encoder()
        self._framing_name = context.framing.type_name
        self._user: LinkUser | None = None
        self._outlet: Outlet | None = None
        self._conversation: OneByOne | None = None
        # True while a message that cannot be framed waits for those before it to be
        # confirmed: what follows must not overtake the decision about it.
        self._refusing = False
        self._proven = False
        self._stopping = False
        self._lost_reason = ""

    @property
    def progress_at(self) -> float:
        return self._outlet.progress_at if self._outlet is not None else 0.0

    def start(self, user: LinkUser) -> None:
        """Open, and keep open."""
        self._user = user
        self._way.start()

    def send(self, batch: Batch) -> Deferred[Confidence]:
        """See Link."""
        if self._conversation is not None:
            self.writable = False
            answered = self._conversation.send(batch)
            # Before whoever else listens, so that they may send at once.
            return answered.addBoth(self._answered)
        assert self._outlet is not None, "sent while the link is down"
        data, framed = frame(self._encoder, batch.messages, self._sureness)
        if framed.refusal is not None:
            self._refusing = True
            self.writable = False
        done: Deferred[Confidence] = Deferred()
        self._outlet.send(data, lambda count: self._gone_out(framed, done, count))
        return done

    def reopen(self, reason: str) -> None:
        """Drop the connection and open it again."""
        self._way.reopen(reason)

    def peers(self) -> list[dict[str, Any]]:
        """See Link."""
        return [] if self._outlet is None else [self._outlet.seen()]

    def quality(self) -> dict[str, int]:
        """See Link."""
        return {}

    # -- for the subclass --------------------------------------------------------------

    def _wind_up(self) -> Deferred[None]:
        """Send no more. Fires when what is under way is confirmed, or soon after."""
        self._stopping = True
        self.writable = False
        return grace(self._context.reactor, self._settled)

    def _unasked(self, chunk: bytes) -> None:
        """The peer sent this, and no answer is awaited: many devices echo and talk."""

    # -- the connection ----------------------------------------------------------------

    def _up(self, outlet: Any) -> None:
        if self._stopping:
            return
        assert self._user is not None
        self._outlet = outlet
        outlet.since = self._context.wall()
        self._refusing = False
        self._proven = False
        receipts = self._ack.receipts(self._framing_name)
        if receipts is not None:
            self._conversation = OneByOne(
                self._context.reactor,
                encoder=self._encoder,
                receipts=receipts,
                counters=self._context.counters,
                write=outlet.write,
                timeout_seconds=self._ack_timeout_seconds,
                on_silence=self._silent,
            )
        self.writable = self._may_write()
        self._user.link_up()

    def _down(self, reason: str) -> None:
        outlet, self._outlet = self._outlet, None
        conversation, self._conversation = self._conversation, None
        self.writable = False
        self._lost_reason = reason
        if outlet is not None:
            outlet.give_up()
        if conversation is not None:
            conversation.lost(reason)
        if self._user is not None and not self._stopping:
            self._user.link_down(reason)

    def _silent(self) -> None:
        self.reopen(
            f"closed by us: no answer within {self._ack_timeout_seconds:g} s "
            "(ack_timeout)"
        )

    def _works(self) -> None:
        # Not the connection, and not the handshake either, shows that the line is good:
        # a proxy whose server is down takes connections only to drop them.
        if not self._proven:
            self._proven = True
            self._way.reset_backoff()

    # -- what becomes of a batch -------------------------------------------------------

    def _gone_out(
        self, framed: Framed, done: Deferred[Confidence], count_bytes: int
    ) -> None:
        if self._outlet is None:
            delivered = messages_within(self._encoder, framed.messages, count_bytes)
            done.errback(LinkLost(self._lost_reason, delivered, self._sureness))
            return
        self._works()
        if framed.refusal is None:
            done.callback(self._sureness)
            return
        self._refusing = False
        self.writable = self._may_write()
        done.errback(framed.refusal)
        self._tell_writable()

    def _answered(self, outcome: Any) -> Any:
        if self._outlet is not None:
            # Also a refusal is the word of an application that works.
            self._works()
            self.writable = self._may_write()
        return outcome

    def _heard(self, chunk: bytes) -> None:
        conversation = self._conversation
        if conversation is None:
            self._unasked(chunk)
            return
        was_busy = conversation.busy
        conversation.feed(chunk)
        if was_busy:
            self._tell_writable()

    # -- whether there is room ---------------------------------------------------------

    def _may_write(self) -> bool:
        outlet = self._outlet
        if outlet is None or self._stopping:
            return False
        if self._conversation is not None:
            return not self._conversation.busy
        return outlet.writable and not self._refusing

    def _writable_changed(self) -> None:
        was_writable, self.writable = self.writable, self._may_write()
        if not was_writable:
            self._tell_writable()

    def _tell_writable(self) -> None:
        if self.writable and self._user is not None:
            self._user.link_up()

    def _settled(self) -> bool:
        if self._conversation is not None:
            return not self._conversation.busy
        return self._outlet is None or self._outlet.settled
