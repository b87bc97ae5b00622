"""What the store can be asked besides its messages: all of it as last committed."""

from __future__ import annotations

import apsw
import attrs

from .base import ChannelState, Confidence, Finding, OutcomeRange, Parked
from .database import fetch, query
from .ledger import Channel, Destination
from .pending import parked_crc
from .rows import text_crc

__all__ = ["channel_state", "committed_marks", "outcome_ranges", "parked_messages"]

_PARKED = (
    "SELECT seq, CAST(peer AS BLOB), received_at, parked_at, CAST(reason AS BLOB), "
    "attempts, crc, message FROM parked WHERE destination=? AND seq>? "
    "ORDER BY seq LIMIT ?"
)
# The last range that begins before the first number asked for may reach into it.
_RANGES = (
    "SELECT first_seq, last_seq, confidence, settled_at FROM outcome "
    "WHERE destination=?1 AND confidence BETWEEN 1 AND 3 "
    "AND first_seq BETWEEN coalesce((SELECT max(first_seq) FROM outcome "
    "WHERE destination=?1 AND first_seq<=?2), ?2) AND ?3 ORDER BY first_seq"
)
_QUEUED_AT = (
    "SELECT received_at FROM batch WHERE channel=?1 AND first_seq>=coalesce("
    "(SELECT max(first_seq) FROM batch WHERE channel=?1 AND first_seq<=?2), ?2) "
    "AND first_seq + count > ?2 ORDER BY first_seq LIMIT 1"
)


def committed_marks(
    connection: apsw.Connection, channel: Channel, findings: list[Finding]
) -> dict[str, bytes]:
    """The channel's marks; a damaged one is left out, and reported."""
    found: dict[str, bytes] = {}
    channel_id = channel.channel_id
    for raw_name, value, crc in query(
        connection,
        "SELECT CAST(name AS BLOB), value, crc FROM mark WHERE channel=?",
        (channel_id,),
    ):
        name = raw_name.decode("utf-8", "replace")
        if text_crc(channel_id, name, value.hex()) == crc:
            found[name] = value
        else:
            text = f"the mark {name!r} was damaged and is left out"
            findings.append(Finding(channel.name, text))
    return found


def parked_messages(
    connection: apsw.Connection,
    channel: Channel,
    destination: Destination,
    after: int,
    limit: int,
    findings: list[Finding],
) -> list[Parked]:
    """Parked messages; a damaged copy is left out, and reported."""
    found = []
    row_id = destination.destination_id
    for seq, peer, received_at, parked_at, reason, attempts, crc, message in query(
        connection, _PARKED, (row_id, after, limit)
    ):
        if parked_crc(row_id, seq, message) != crc:
            text = (
                f"the parked copy of message {seq} for {destination.name} is damaged: "
                "drop it from the parked ones"
            )
            findings.append(Finding(channel.name, text, 1))
            continue
        found.append(
            Parked(
                seq,
                message,
                peer.decode("utf-8", "replace"),
                received_at,
                parked_at,
                reason.decode("utf-8", "replace"),
                attempts,
            )
        )
    return found


def outcome_ranges(
    connection: apsw.Connection, destination: Destination, first_seq: int, last_seq: int
) -> list[OutcomeRange]:
    """How messages were delivered; ranges are cut to the one asked for."""
    return [
        OutcomeRange(
            max(first, first_seq), min(last, last_seq), Confidence(confidence), at
        )
        for first, last, confidence, at in query(
            connection, _RANGES, (destination.destination_id, first_seq, last_seq)
        )
        if last >= first_seq
    ]


def channel_state(connection: apsw.Connection, channel: Channel) -> ChannelState:
    """The channel in numbers."""
    last_seq = channel.last_seq
    configured, orphans = {}, {}
    for name, each in channel.destinations.items():
        if each.configured:
            configured[name] = attrs.evolve(
                each.sum(last_seq),
                oldest_queued_at=_queued_at(connection, channel, each.cursor),
            )
        else:
            orphans[name] = last_seq - each.cursor + each.parked
    return ChannelState(
        channel=channel.name,
        first_seq=channel.first_seq,
        last_seq=last_seq,
        stored_bytes=channel.used_bytes,
        stored_messages=channel.messages,
        destinations=configured,
        orphans=orphans,
        tallies=dict(channel.tallies),
        damaged_messages=channel.damage.messages,
        oldest_queued_at=_queued_at(connection, channel, channel.settled()),
    )


def _queued_at(
    connection: apsw.Connection, channel: Channel, cursor: int
) -> float | None:
    if cursor >= channel.last_seq:
        return None
    found: float | None = fetch(
        connection, _QUEUED_AT, (channel.channel_id, cursor + 1)
    )
    return found
