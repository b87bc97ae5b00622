"""From a turn's datagrams to batches, and from commits to answers.

The stream sources have a framer and answers per connection; datagrams stand alone, so
this is the whole way for a turn at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from itertools import compress, groupby
from typing import Any

from ..acks.base import Answers, When
from ..batch import Batch, cut
from ..channel import Answer
from ..errors import StorageError
from ..links.place import place_of
from ..links.udp_port import SocketAddress
from .base import SourceContext

__all__ = ["DatagramIntake", "Peers"]

#: Addresses whose words are kept. A flood from forged addresses starts anew.
_MAX_PEERS = 4096

#: A message of more than this cannot come in one datagram.
_LARGEST_DATAGRAM = 65535

_SYSLOG_ENDS = b"\r\n\0"

#: Answers that wait for `ack.when = delivered` at a time; beyond that the sender hears
#: nothing, and sends again.
_MAX_WAITING = 1024

Send = Callable[[bytes, SocketAddress], bool]


class Peers:
    """Sender addresses in words, and whether they may send.

    Args:
        allow: networks that may send; empty: every one.
    """

    def __init__(self, allow: Sequence[Any]) -> None:
        self._allow = tuple(allow)
        self._known: dict[SocketAddress, str] = {}

    def name(self, sender: SocketAddress) -> str:
        """`10.0.0.1:514` or `[fe80::1%eth0]:514`; empty if it may not send."""
        known = self._known.get(sender)
        if known is None:
            if len(self._known) >= _MAX_PEERS:
                self._known.clear()
            known = self._known[sender] = self._word(sender)
        return known

    def _word(self, sender: SocketAddress) -> str:
        host, port = sender[0], sender[1]
        address = ip_address(host.partition("%")[0])
        if address.version == 6 and address.ipv4_mapped is not None:
            # An IPv4 sender at a socket for both.
            address = address.ipv4_mapped
            host = str(address)
        if self._allow and not any(address in network for network in self._allow):
            return ""
        return place_of(host, port)


def _stripped_alone(framing: Any) -> bytes | None:
    """For framings that make one message of a datagram without looking into it."""
    if framing.max_message_bytes < _LARGEST_DATAGRAM:
        return None
    if framing.type_name == "syslog":
        # RFC 5426, section 3.1: one message per datagram, whatever it holds. Python's
        # SysLogHandler adds a NUL, others a line end.
        return _SYSLOG_ENDS
    if framing.type_name == "datagram" and not framing.keep_empty:
        return _SYSLOG_ENDS if framing.strip_trailing == "newline" else b""
    return None


class DatagramIntake:
    """Frames, counts and offers a turn's datagrams, and answers after the commit.

    Args:
        framing, ack: the source's config objects.
        send: sends one datagram to one address; True if it went.
    """

    def __init__(
        self,
        context: SourceContext,
        *,
        framing: Any,
        ack: Any,
        peers: Peers,
        send: Send,
    ) -> None:
        self._channel = context.channel
        self._counters = context.counters
        self._reactor = context.reactor
        self._wall = context.wall
        self._on_chunk = context.on_chunk
        self._framing = framing
        self._ack = ack
        self._peers = peers
        self._send = send
        self._answers: Answers | None = ack.answers(framing.type_name)
        #: What to take off the end of a datagram that is a message by itself; None: a
        #: framer has to look into it.
        self._strip = _stripped_alone(framing)
        self._deadlines: set[Any] = set()

    def take(self, datagrams: list[bytes], senders: list[SocketAddress]) -> None:
        """Offer a turn's datagrams to the channel, in order."""
        name = self._peers.name
        runs = [(name(sender), len(list(run))) for sender, run in groupby(senders)]
        if any(not peer for peer, _ in runs):
            datagrams, senders = self._admit(datagrams, senders)
            if not datagrams:
                return
            self.take(datagrams, senders)
            return
        if self._on_chunk is not None:
            for datagram, sender in zip(datagrams, senders, strict=True):
                self._on_chunk(name(sender), datagram)
        in_bytes = size_bytes = sum(map(len, datagrams))
        self._counters.bytes_in_total += in_bytes
        if self._strip:
            strip = self._strip
            datagrams = [datagram.rstrip(strip) for datagram in datagrams]
            size_bytes = sum(map(len, datagrams))
        if self._strip is None:
            self._take_apart(datagrams, senders)
            return
        self._counters.framed_bytes_total += in_bytes
        if b"" in datagrams:
            full = [bool(datagram) for datagram in datagrams]
            self._counters.empty_total += full.count(False)
            datagrams = list(compress(datagrams, full))
            senders = list(compress(senders, full))
            if not datagrams:
                return
            runs = [(name(sender), len(list(run))) for sender, run in groupby(senders)]
        batch = Batch(datagrams, self._wall(), tuple(runs), size_bytes)
        if self._answers is None:
            self._offer(batch, None)
        elif self._answers.per_message:
            self._offer_answering_each(batch, senders)
        else:
            owed = [
                (sender, [datagram])
                for datagram, sender in zip(datagrams, senders, strict=True)
            ]
            self._offer_answering_groups(batch, owed)

    def stop(self) -> None:
        """Whoever waits to hear of a delivery will hear nothing, and send again."""
        for call in self._deadlines:
            call.cancel()
        self._deadlines.clear()

    # -- within ------------------------------------------------------------------------

    def _admit(
        self, datagrams: list[bytes], senders: list[SocketAddress]
    ) -> tuple[list[bytes], list[SocketAddress]]:
        name = self._peers.name
        kept = [pair for pair in zip(datagrams, senders, strict=True) if name(pair[1])]
        self._counters.connections_refused_total += len(datagrams) - len(kept)
        return [datagram for datagram, _ in kept], [sender for _, sender in kept]

    def _take_apart(self, datagrams: list[bytes], senders: list[SocketAddress]) -> None:
        """With a framing within the datagrams; each has a framer of its own, so that
        what one leaves open cannot swallow the next."""
        counters = self._counters
        groups: list[tuple[SocketAddress, list[bytes]]] = []
        for datagram, sender in zip(datagrams, senders, strict=True):
            framer = self._framing.framer()
            messages = framer.feed(datagram) + framer.finish()
            counters.framed_bytes_total += framer.framed_bytes
            counters.skipped_bytes_total += framer.skipped_bytes
            counters.oversize_total += framer.oversize_total
            counters.empty_total += framer.empty_total
            if framer.skipped_bytes:
                counters.skipped_sample = framer.skipped_sample
            if self._answers is not None:
                messages = self._answers.split(messages)
            if messages:
                groups.append((sender, messages))
        if not groups:
            return
        name = self._peers.name
        messages = [message for _, group in groups for message in group]
        batch = Batch(
            messages,
            self._wall(),
            tuple((name(sender), len(group)) for sender, group in groups),
            sum(map(len, messages)),
        )
        if self._answers is None:
            self._offer(batch, None)
        elif self._answers.per_message:
            each = [sender for sender, group in groups for _ in group]
            self._offer_answering_each(batch, each)
        else:
            self._offer_answering_groups(batch, groups)

    def _offer(self, batch: Batch, answer: Answer | None) -> None:
        counters = self._counters
        counters.messages_in_total += len(batch)
        counters.batches_in_total += 1
        counters.last_message_at = batch.received_at
        self._channel.offer(batch, answer)

    def _offer_answering_each(self, batch: Batch, senders: list[SocketAddress]) -> None:
        """Most datagrams are owed nothing (traps, syslog), and their senders will not
        send them again: they are offered without an answer, so that a full channel
        keeps them waiting instead of refusing them together with an Inform."""
        assert self._answers is not None
        replies = self._answers.answer_each(batch.messages, batch.received_at)
        if not any(replies):
            self._offer(batch, None)
            return
        start = 0
        for owed, run in groupby(replies, key=bool):
            stop = start + len(list(run))
            answer = None
            if owed:
                pairs = list(zip(replies[start:stop], senders[start:stop], strict=True))
                answer = self._answer(stop - start, partial(self._say_each, pairs))
            self._offer(cut(batch, start, stop), answer)
            start = stop

    def _offer_answering_groups(
        self, batch: Batch, owed: list[tuple[SocketAddress, list[bytes]]]
    ) -> None:
        """One answer a datagram, for all the messages in it."""
        answer = self._answer(len(batch), partial(self._say_groups, owed))
        self._offer(batch, answer)

    def _answer(self, count: int, say: Callable[[bool], None]) -> Answer:
        def answer(first_seq: int, error: StorageError | None) -> None:
            if error is not None:
                self._counters.refused_messages_total += count
                say(False)
            elif self._ack.when is When.STORED:
                say(True)
            else:
                self._say_when_delivered(first_seq, first_seq + count - 1, say)

        return answer

    def _say_when_delivered(
        self, first_seq: int, last_seq: int, say: Callable[[bool], None]
    ) -> None:
        if len(self._deadlines) >= _MAX_WAITING:
            say(False)
            return

        def settle(delivered: bool) -> None:
            if deadline.active():
                deadline.cancel()
            self._deadlines.discard(deadline)
            say(delivered)

        def overdue() -> None:
            # Or a dead destination would have us hold every message sent again.
            wait_no_longer()
            settle(False)

        deadline = self._reactor.callLater(self._ack.deadline, overdue)
        self._deadlines.add(deadline)
        wait_no_longer = self._channel.when_delivered(first_seq, last_seq, settle)

    def _say_each(
        self, owed: list[tuple[bytes | None, SocketAddress]], stored: bool
    ) -> None:
        # Who is not answered sends again; there is no Response that says no.
        if not stored:
            return
        for reply, sender in owed:
            if reply is not None and self._send(reply, sender):
                self._counters.acks_positive_total += 1

    def _say_groups(
        self, owed: list[tuple[SocketAddress, list[bytes]]], stored: bool
    ) -> None:
        assert self._answers is not None
        say = self._answers.stored if stored else self._answers.failed
        now = self._wall()
        for sender, messages in owed:
            reply = say(messages, now)
            if reply and self._send(reply, sender):
                if stored:
                    self._counters.acks_positive_total += len(messages)
                else:
                    self._counters.acks_negative_total += len(messages)
