"""What a receiver of another instance's batches takes, skips and refuses.

The receiver keeps its `Place` in the sender's channel as a mark, which is committed
with the messages. So a parcel that comes twice, late, or again after a crash changes
nothing, and one that leaves something out is refused: effectively once from store to
store. Pull (the source `remote_icombuffer`) and push (the destination of that name)
differ only in who asks.

The trail of the gateways that messages have come through stands behind each peer,
oldest first: `10.0.0.5:4711 via GATEWAY/CHANNEL via GATEWAY/CHANNEL`, where GATEWAY is
the epoch of a store. Messages that come back to where they have been are a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from .batch import Batch, cut
from .channel import Channel
from .errors import StorageDropped, StorageError
from .relay_format import Parcel

__all__ = [
    "Place",
    "Refusal",
    "Taken",
    "offer",
    "origin_of",
    "stop_name",
    "take",
    "trail_of",
]

_VIA = " via "

#: A longer way is taken for a fault in the configuration.
_MAX_STOPS = 16

#: So many stores that a channel has followed before are remembered.
_MAX_PAST = 32


@attrs.frozen
class Place:
    """How far a receiver has got: `seq` in the store `gateway`.

    `past` are the stores that it followed before, newest first; what still comes from
    one of them was sent long ago.
    """

    gateway: str
    seq: int
    past: tuple[str, ...] = ()

    def as_mark(self) -> bytes:
        """For the store: `GATEWAY:SEQ PAST PAST`."""
        return " ".join((str(self), *self.past)).encode()

    def __str__(self) -> str:
        """`GATEWAY:SEQ`, as `after` has it in a request."""
        return f"{self.gateway}:{self.seq}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """From `as_mark` or `str`; None for what is neither."""
        words = text.split(" ")
        gateway, colon, digits = words[0].rpartition(":")
        if not (colon and gateway and digits.isascii() and digits.isdigit()):
            return None
        if len(digits) > 19:
            return None
        return cls(gateway, int(digits), tuple(words[1:]))

    @classmethod
    def of_mark(cls, marks: Mapping[str, bytes], name: str) -> Place | None:
        """The one that was committed under that name, if there is one."""
        mark = marks.get(name)
        return None if mark is None else cls.read(mark.decode("utf-8", "replace"))


@attrs.frozen(eq=False)
class Taken:
    """What is new in a parcel, in order, each batch with the place behind it; `before`
    is the place before them all, None for none.

    `missing` messages are gone at the sender's; `known` were here already. `renewed`
    when the sender's store is another than before: what its new numbers mean nobody
    here can know, so messages may be missing or twice at that seam.
    """

    batches: tuple[tuple[Batch, Place], ...]
    before: Place | None
    place: Place | None
    missing: int
    known: int
    renewed: bool


@attrs.frozen
class Refusal:
    """Why nothing of a parcel is taken, in a sentence. `loop`: it would go round for
    ever, and asking again does not help."""

    reason: str
    loop: bool = False


def stop_name(gateway: str, channel: str) -> str:
    """One stop of a trail."""
    return f"{gateway}/{channel}"


def origin_of(peer: str) -> str:
    """Who sent a peer's messages to the first gateway."""
    return peer.split(_VIA)[0]


def trail_of(peer: str) -> tuple[str, ...]:
    """The stops that a peer's messages have made, oldest first."""
    return tuple(peer.split(_VIA)[1:])


def take(place: Place | None, parcel: Parcel, here: str, now: float) -> Taken | Refusal:
    """Judge a parcel by the place that was reached.

    Args:
        place: None when nothing was ever taken from there.
        here: our own stop, as `stop_name` gives it.
        now: wall time; a message that claims to be of the future is of now, for it
            would otherwise be kept until then.
    """
    past: tuple[str, ...] = ()
    renewed = False
    reached = parcel.after
    if place is not None and place.gateway == parcel.gateway:
        reached, past = place.seq, place.past
        if parcel.after > reached:
            return Refusal(
                f"messages {reached + 1} to {parcel.after} are left out: the other "
                f"instance goes on behind {parcel.after}, and here the last one was "
                f"{reached}; nothing is taken until they come"
            )
    elif place is not None:
        if parcel.gateway in place.past:
            return Refusal(
                f"the batches are of the store {parcel.gateway}, which was followed "
                f"by {place.gateway} long ago: something sends them again"
            )
        renewed = True
        past = (place.gateway, *place.past)[:_MAX_PAST]
    loop = _loop_in(parcel, here)
    if loop is not None:
        return loop
    sender = stop_name(parcel.gateway, parcel.channel)
    taken: list[tuple[Batch, Place]] = []
    missing = known = 0
    for batch in parcel.batches:
        old = min(max(0, reached + 1 - batch.first_seq), len(batch))
        known += old
        if old == len(batch):
            continue
        new = cut(batch, old, len(batch))
        missing += new.first_seq - reached - 1
        reached = new.last_seq
        arrived = Batch(
            new.messages,
            min(new.received_at, now),
            tuple((peer + _VIA + sender, count) for peer, count in new.peers),
            new.size_bytes,
        )
        taken.append((arrived, Place(parcel.gateway, reached, past)))
    there = Place(parcel.gateway, reached, past)
    return Taken(tuple(taken), place, there, missing, known, renewed)


def offer(
    channel: Channel,
    found: Taken,
    mark: str,
    done: Callable[[Taken, StorageError | None], None],
) -> None:
    """Have what is new committed, each batch with its place as the mark of that name.

    `done` is called once, when all is answered: with what was taken, up to the first
    batch that there was no room for, and with that one's error. What the channel drops
    by its own policy is taken.
    """
    if not found.batches:
        done(found, None)
        return
    errors: list[StorageError | None] = []

    def answer(first_seq: int, error: StorageError | None) -> None:
        errors.append(None if isinstance(error, StorageDropped) else error)
        if len(errors) < len(found.batches):
            return
        first = next((error for error in errors if error is not None), None)
        if first is None:
            done(found, None)
            return
        batches = found.batches[: errors.index(first)]
        before = found.before if not batches else batches[-1][1]
        done(attrs.evolve(found, batches=batches, place=before), first)

    run = [(batch, {mark: place.as_mark()}) for batch, place in found.batches]
    channel.offer_all(run, answer)


def _loop_in(parcel: Parcel, here: str) -> Refusal | None:
    sender = stop_name(parcel.gateway, parcel.channel)
    for batch in parcel.batches:
        for peer, _ in batch.peers:
            trail = (*trail_of(peer), sender)
            if here in trail:
                return Refusal(
                    "the messages have been in this channel before: they go round "
                    f"({' -> '.join((*trail, here))}). Take one of these hops out of "
                    "the configuration",
                    loop=True,
                )
            if len(trail) > _MAX_STOPS:
                return Refusal(
                    f"the messages have come through {len(trail)} gateways, which is "
                    f"taken for a loop; at most {_MAX_STOPS} may follow each other",
                    loop=True,
                )
    return None
