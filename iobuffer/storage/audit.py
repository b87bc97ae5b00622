"""The proof of the ledger, from the store's rows and nothing else.

For every channel: sequence numbers without a hole, but for what is recorded as damaged;
sums that are the sums of the rows; on the way in, bytes in = framed + skipped. For
every destination: received = delivered + queued + parked + dropped, where delivered and
dropped are the sums of outcome ranges that neither overlap nor leave anything out, and
parked are rows that are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw
import attrs

from ..errors import StorageError
from .base import Confidence
from .database import query
from .ledger import DROPPED, Channel, Destination
from .stopped import stopped

__all__ = ["AuditReport", "Told", "audit", "prove"]


@attrs.define
class Told:
    """What the proof tells as it goes: a line and its figures for each ledger."""

    lines: list[str] = attrs.Factory(list)
    ledgers: list[Mapping[str, Any]] = attrs.Factory(list)

    def add(self, line: str, **figures: Any) -> None:
        self.lines.append(line)
        self.ledgers.append(figures)


@attrs.frozen
class AuditReport:
    """`lines`: the ledgers in words; `ledgers`: the same in figures, as values for
    JSON. `problems`: what does not add up; empty if all does."""

    lines: tuple[str, ...]
    ledgers: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]

    @property
    def adds_up(self) -> bool:
        return not self.problems


def audit(state_dir: str | Path) -> AuditReport:
    """Prove every ledger of a stopped store.

    Raises:
        StorageLocked: a gateway runs on it.
        StorageError: there is no store, or it cannot be read.
    """
    with stopped(state_dir) as store:
        problems = [
            f"{finding.channel}: {finding.text}" if finding.channel else finding.text
            for finding in store.findings
        ]
        told = Told()
        try:
            for channel in store.channels.values():
                prove(store.connection, channel, told, problems)
        except apsw.Error as error:
            raise StorageError(
                f"{store.state_dir}: cannot be read: {error}; run "
                "`iobuffer store verify`"
            ) from error
    return AuditReport(tuple(told.lines), tuple(told.ledgers), tuple(problems))


def prove(
    connection: apsw.Connection,
    channel: Channel,
    told: Told,
    problems: list[str],
) -> None:
    """One channel: its ledgers go to `told`, what does not add up to `problems`."""
    name = channel.name
    messages = size_bytes = 0
    expected = channel.first_seq
    for first_seq, count, size in connection.execute(
        "SELECT first_seq, count, size FROM batch WHERE channel=? ORDER BY first_seq",
        (channel.channel_id,),
    ):
        if channel.damage.holds(first_seq, first_seq + count - 1):
            # Left in place because it could not be removed; it is not counted.
            continue
        expected = channel.damage.skip(expected)
        if first_seq != expected:
            problems.append(
                f"{name}: after message {expected - 1} comes {first_seq}; "
                f"{first_seq - expected} are missing and not accounted for"
            )
        messages += count
        size_bytes += size
        expected = first_seq + count
    expected = channel.damage.skip(expected)
    if expected != channel.last_seq + 1:
        problems.append(
            f"{name}: the rows end at message {expected - 1}, the channel at "
            f"{channel.last_seq}"
        )
    for what, found, said in (
        ("messages", messages, channel.messages),
        ("bytes", size_bytes, channel.bytes),
    ):
        if found != said:
            problems.append(f"{name}: {found} {what} in rows, the channel says {said}")
    damaged = f", {channel.damage.messages} damaged" if channel.damage.messages else ""
    told.add(
        f"{name}: {channel.last_seq} messages numbered, {messages} kept "
        f"({size_bytes} bytes){damaged}",
        channel=name,
        numbered=channel.last_seq,
        kept=messages,
        kept_bytes=size_bytes,
        damaged=channel.damage.messages,
    )
    _prove_way_in(channel, told, problems)
    parked_bytes = 0
    for destination in channel.destinations.values():
        parked_bytes += _prove_destination(
            connection, channel, destination, told, problems
        )
    if parked_bytes != channel.parked_bytes:
        problems.append(
            f"{name}: {parked_bytes} bytes are parked, the channel says "
            f"{channel.parked_bytes}"
        )


def _prove_destination(
    connection: apsw.Connection,
    channel: Channel,
    destination: Destination,
    told: Told,
    problems: list[str],
) -> int:
    """As `prove`; the bytes of its parked messages."""
    where = f"{channel.name} -> {destination.name}"
    key = (destination.destination_id,)
    ledger = destination.sum(channel.last_seq)
    ranges = query(
        connection,
        "SELECT first_seq, last_seq, confidence, reason FROM outcome "
        "WHERE destination=? ORDER BY first_seq",
        key,
    )
    parked = query(
        connection,
        "SELECT seq, length(message) FROM parked WHERE destination=? ORDER BY seq",
        key,
    )
    if ledger.balance:
        problems.append(
            f"{where}: {abs(ledger.balance)} messages are "
            f"{'unaccounted for' if ledger.balance > 0 else 'counted twice'}"
        )
    _prove_sums(where, destination, ranges, problems)
    if len(parked) != destination.parked:
        problems.append(
            f"{where}: {len(parked)} messages are parked, the ledger says "
            f"{destination.parked}"
        )
    if destination.cursor > channel.last_seq:
        problems.append(
            f"{where}: the cursor is at {destination.cursor}, the channel ends at "
            f"{channel.last_seq}"
        )
    _prove_coverage(
        where,
        max(
            destination.start_seq,
            channel.first_seq - 1,
            destination.pruned.get("upto", 0),
        ),
        destination.cursor,
        sorted([each[:2] for each in ranges] + [(seq, seq) for seq, _ in parked]),
        problems,
    )
    told.add(
        f"{where}: received {ledger.received} = delivered "
        f"{sum(ledger.delivered.values())} + queued {ledger.queued} + parked "
        f"{ledger.parked} + dropped {sum(ledger.dropped.values())}"
        f"{_by_reason(ledger.dropped)}"
        f"{'' if destination.configured else ' (no longer configured)'}",
        channel=channel.name,
        destination=destination.name,
        configured=destination.configured,
        received=ledger.received,
        delivered={each.name.lower(): n for each, n in ledger.delivered.items() if n},
        queued=ledger.queued,
        parked=ledger.parked,
        dropped=dict(ledger.dropped),
    )
    return sum(size for _, size in parked)


def _prove_way_in(channel: Channel, told: Told, problems: list[str]) -> None:
    """What came over the line is in messages or was skipped; nothing is told of a
    channel to which nothing has come."""
    name = channel.name
    came, framed, skipped = (
        channel.tallies.get(tally, 0)
        for tally in ("bytes_in", "bytes_framed", "bytes_skipped")
    )
    if not (came or framed or skipped):
        return
    told.add(
        f"{name}: bytes in {came} = framed {framed} + skipped {skipped}",
        channel=name,
        bytes_in=came,
        bytes_framed=framed,
        bytes_skipped=skipped,
    )
    if came != framed + skipped:
        problems.append(
            f"{name}: {came} bytes came in, {framed + skipped} were framed or skipped"
        )


def _by_reason(dropped: Mapping[str, int]) -> str:
    if not dropped:
        return ""
    return f" ({', '.join(f'{reason} {n}' for reason, n in sorted(dropped.items()))})"


def _prove_sums(
    where: str,
    destination: Destination,
    ranges: list[tuple[int, int, int, str]],
    problems: list[str],
) -> None:
    """Delivered by confidence and dropped by reason are what the outcomes add up to."""
    sums: Counter[tuple[int, str]] = Counter()
    for name, messages in destination.pruned.items():
        confidence, _, reason = name.partition(":")
        if confidence != "upto":
            sums[int(confidence), reason] += messages
    for first_seq, last_seq, outcome, reason in ranges:
        sums[outcome, reason] += last_seq - first_seq + 1
    for each in Confidence:
        found, said = sums[each, ""], destination.delivered[each]
        if found != said:
            problems.append(
                f"{where}: outcomes show {found} messages {each.name.lower()}, the "
                f"ledger says {said}"
            )
    reasons = {reason for outcome, reason in sums if outcome == DROPPED}
    for reason in sorted(reasons | destination.dropped.keys()):
        found, said = sums[DROPPED, reason], destination.dropped.get(reason, 0)
        # What drop_newest dropped had no number, so there is no outcome to show it.
        unnumbered = destination.unnumbered if reason == "full" else 0
        if not found <= said <= found + unnumbered:
            problems.append(
                f"{where}: outcomes show {found} messages dropped ({reason}), the "
                f"ledger says {said}"
            )


def _prove_coverage(
    where: str,
    start: int,
    cursor: int,
    ranges: list[tuple[int, int]],
    problems: list[str],
) -> None:
    """Everything behind `start` up to the cursor has exactly one outcome."""
    expected = start + 1
    reached = 0
    for first_seq, last_seq in ranges:
        if first_seq <= reached:
            problems.append(f"{where}: message {first_seq} has two outcomes")
        reached = max(reached, last_seq)
        if last_seq < expected:
            continue
        if first_seq > expected:
            problems.append(
                f"{where}: messages {expected} to {first_seq - 1} have no outcome, "
                "and the cursor has passed them"
            )
        expected = last_seq + 1
    if expected <= cursor:
        problems.append(
            f"{where}: messages {expected} to {cursor} have no outcome, and the cursor "
            "has passed them"
        )
    if reached > cursor:
        problems.append(
            f"{where}: message {reached} has an outcome, and the cursor is at {cursor}"
        )
