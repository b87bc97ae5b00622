"""Messages delivered once more by request, and parked ones tried again.

Floor 4. A replay goes through the destination's own delivery and link, so it is framed,
answered and counted like any message; the cursor does not move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .batch import Batch, single_peer
from .destinations.base import Dropped, LinkLost, Refused
from .destinations.delivery import Delivery
from .pair import ChannelPair
from .storage.base import Confidence, Store
from .storekeeper import Storekeeper
from .web.base import Problem

__all__ = ["Replays"]

_BATCH_BYTES = 256 * 1024


class Replays:
    """Replays of one channel to one destination.

    Args:
        pair: the channel; the destination must run.
    """

    def __init__(
        self, pair: ChannelPair, destination: str, keeper: Storekeeper
    ) -> None:
        self._channel = pair.name
        self._destination = destination
        self._keeper = keeper
        self._delivery: Delivery = self._running(pair, destination)

    async def preview(self, seqs: Sequence[int]) -> int:
        """How many of these messages are still there."""
        return await self._keeper.call(lambda store: _count(store, self._channel, seqs))

    async def send(self, seqs: Sequence[int]) -> dict[str, Any]:
        """Send these messages, in their order; what is not there any more is left out.

        Returns:
            `replayed`: how many were delivered; `missing`; `stopped`: why it went no
            further, or empty; `quoted`: the receiver's own words for that, which may
            repeat what a message says.
        """
        replayed = missing = 0
        stopped = quoted = ""
        for first, last in _runs(seqs):
            after = first - 1
            while after < last and not stopped:
                batch = await self._read(after, last)
                if batch is None:
                    missing += last - after
                    break
                missing += batch.first_seq - 1 - after
                after = batch.last_seq
                sent, stopped, quoted = await self._send(batch)
                replayed += sent
            if stopped:
                break
        return {
            "replayed": replayed,
            "missing": missing,
            "stopped": stopped,
            "quoted": quoted,
        }

    async def retry_parked(self, seqs: Sequence[int]) -> dict[str, Any]:
        """Send these parked messages again; those that arrive are parked no more.

        Returns:
            `delivered`; `refused`: those that were refused again, with the reason;
            `missing`; `stopped`, as in send().
        """
        delivered, missing = 0, 0
        refused: list[dict[str, Any]] = []
        stopped = ""
        for seq in sorted(set(seqs)):
            found = await self._keeper.call(self._parked(seq))
            if found is None:
                missing += 1
                continue
            try:
                confidence = await self._delivery.replay(found)
            except Refused as error:
                refused.append({"seq": seq, "reason": error.reason})
                continue
            except (LinkLost, Dropped) as error:
                stopped = error.reason
                break
            delivered += await self._keeper.call(self._arrived(seq, confidence))
        return {
            "delivered": delivered,
            "refused": refused,
            "missing": missing,
            "stopped": stopped,
        }

    async def _send(self, batch: Batch) -> tuple[int, str, str]:
        sent, stopped, quoted = len(batch), "", ""
        try:
            await self._delivery.replay(batch)
        except Refused as error:
            sent, quoted = error.index, error.reason
            stopped = f"message {batch.first_seq + sent} was refused"
        except (LinkLost, Dropped) as error:
            sent, stopped = error.delivered, error.reason
        if sent:
            await self._keeper.call(
                lambda store: store.replayed(self._channel, self._destination, sent)
            )
        return sent, stopped, quoted

    async def _read(self, after: int, last: int) -> Batch | None:
        batch = await self._keeper.call(
            lambda store: store.read(self._channel, after, last - after, _BATCH_BYTES)
        )
        if batch is None or not batch.messages or batch.first_seq > last:
            return None
        return batch

    def _parked(self, seq: int) -> Callable[[Store], Batch | None]:
        def look(store: Store) -> Batch | None:
            for one in store.parked(self._channel, self._destination, seq - 1, 1):
                if one.seq == seq:
                    batch = single_peer([one.message], one.received_at, one.peer)
                    return batch.numbered(seq)
            return None

        return look

    def _arrived(self, seq: int, confidence: Confidence) -> Callable[[Store], int]:
        return lambda store: store.settle_parked(
            self._channel, self._destination, [seq], confidence
        )

    @staticmethod
    def _running(pair: ChannelPair, destination: str) -> Delivery:
        delivery = pair.deliveries.get(destination)
        if delivery is None:
            if destination in pair.settings.destinations:
                raise Problem(409, f"{destination} is stopped", "Start it first.")
            known = ", ".join(pair.settings.destinations) or "none"
            raise Problem(
                404,
                f"{pair.name} has no destination {destination[:64]}",
                f"Its destinations are: {known}.",
            )
        return delivery


def _count(store: Store, channel: str, seqs: Sequence[int]) -> int:
    count = 0
    for first, last in _runs(seqs):
        after = first - 1
        while after < last:
            batch = store.read(channel, after, last - after, _BATCH_BYTES)
            if batch is None or not batch.messages or batch.first_seq > last:
                break
            count += len(batch)
            after = batch.last_seq
    return count


def _runs(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """(first, last) of each unbroken run, in order."""
    ordered = sorted(set(seqs))
    if not ordered:
        return []
    breaks = [index for index, (a, b) in enumerate(pairwise(ordered), 1) if b != a + 1]
    edges = [0, *breaks, len(ordered)]
    return [(ordered[a], ordered[b - 1]) for a, b in pairwise(edges)]
