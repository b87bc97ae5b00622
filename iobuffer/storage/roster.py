"""Which channels and destinations there are: coming, going, becoming orphans.

Each function runs within an SQL transaction that the store has begun, and changes a
clone that takes the channel's place when the commit has succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from .database import fetch
from .ledger import Channel, Destination
from .pending import save_channel, save_destination

__all__ = ["admit", "delete_channel", "delete_destination", "differs"]


def differs(channel: Channel, destinations: Sequence[str]) -> bool:
    """Whether `admit` would have something to write."""
    configured = {
        each.name for each in channel.destinations.values() if each.configured
    }
    return channel.channel_id == 0 or configured != set(destinations)


def admit(
    connection: apsw.Connection, channel: Channel, destinations: Sequence[str]
) -> None:
    """Write a channel, new if it has no number yet, with these destinations."""
    if channel.channel_id == 0:
        connection.execute(
            "INSERT INTO channel (name, served, first_seq, last_seq, last_crc, "
            "messages, bytes, parked_bytes, tallies, crc) "
            "VALUES (?,0,1,0,0,0,0,0,'{}',0)",
            (channel.name,),
        )
        channel.channel_id = connection.last_insert_rowid()
    # The first one ever has what waits; a later one begins with what comes.
    start_seq = channel.last_seq if channel.served else channel.first_seq - 1
    channel.served = channel.served or bool(destinations)
    for each in channel.destinations.values():
        if each.configured != (each.name in destinations):
            each.configured = not each.configured
            save_destination(connection, each)
    for name in dict.fromkeys(destinations):
        if name not in channel.destinations:
            channel.destinations[name] = _insert(connection, channel, name, start_seq)
    save_channel(connection, channel)


def _insert(
    connection: apsw.Connection, channel: Channel, name: str, start_seq: int
) -> Destination:
    connection.execute(
        "INSERT INTO destination (channel, name, configured, start_seq, cursor, "
        "unnumbered, parked, replayed, sent, received, acknowledged, dropped, pruned, "
        "crc) VALUES (?,?,1,0,0,0,0,0,0,0,0,'{}','{}',0)",
        (channel.channel_id, name),
    )
    row_id = connection.last_insert_rowid()
    found = Destination(row_id, channel.channel_id, name, start_seq)
    save_destination(connection, found)
    return found


def delete_destination(
    connection: apsw.Connection, channel: Channel, destination: Destination
) -> None:
    """A cursor goes, with its outcomes and parked messages."""
    key = (destination.destination_id,)
    channel.parked_bytes -= fetch(
        connection,
        "SELECT coalesce(sum(length(message)), 0) FROM parked WHERE destination=?",
        key,
    )
    connection.execute("DELETE FROM outcome WHERE destination=?", key)
    connection.execute("DELETE FROM parked WHERE destination=?", key)
    connection.execute("DELETE FROM destination WHERE id=?", key)
    del channel.destinations[destination.name]
    save_channel(connection, channel)


def delete_channel(connection: apsw.Connection, channel: Channel) -> None:
    """A channel goes, with everything it has."""
    for destination in list(channel.destinations.values()):
        delete_destination(connection, channel, destination)
    key = (channel.channel_id,)
    for table in ("batch", "mark", "damaged"):
        connection.execute(f"DELETE FROM {table} WHERE channel=?", key)
    connection.execute("DELETE FROM channel WHERE id=?", key)
