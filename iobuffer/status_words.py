"""What an operator is shown of a part's counters, in words.

The usual is always there; what is out of the ordinary only once it has happened, so
that a figure that catches the eye is one worth looking at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .pair import ChannelPair
from .storage.base import DestinationLedger

__all__ = ["destination_figures", "source_figures", "status_lines"]

#: Counter -> what follows the number. Since the gateway was started.
_OF_A_SOURCE = {
    "connections": "connected",
    "refused_messages_total": "refused",
    "skipped_bytes_total": "bytes skipped",
    "oversize_total": "longer than max_message_bytes",
    "bad_check_total": "with a wrong check",
    "quarantined_total": "that never ended",
    "connections_refused_total": "turned away",
    "handshake_failures_total": "TLS handshakes failed",
    "kernel_drops_total": "dropped by the kernel",
}

_OF_A_DESTINATION = {
    "connections": "connected",
    "resent_messages_total": "sent again",
    "refused_total": "refused",
    "stalls_total": "stalls",
}


def source_figures(counters: Mapping[str, Any]) -> str:
    """`SourceCounters.snapshot()` in words."""
    first = _counted(counters["messages_in_total"], "message", "in")
    return ", ".join([first, *_unusual(counters, _OF_A_SOURCE)])


def destination_figures(
    counters: Mapping[str, Any], ledger: DestinationLedger | None
) -> str:
    """`DestinationCounters.snapshot()` with `queued`, in words.

    What is queued, parked and dropped comes from the ledger where there is one: it
    knows what the store has dropped by itself, and what was before the last start.
    """
    queued = counters["queued"] if ledger is None else ledger.queued
    parts = [
        _counted(counters["messages_out_total"], "message", "out"),
        f"{queued} queued",
    ]
    if ledger is not None and ledger.parked:
        parts.append(f"{ledger.parked} parked")
    if ledger is not None and ledger.dropped:
        reasons = [f"{count} {reason}" for reason, count in ledger.dropped.items()]
        parts.append(f"dropped: {' '.join(reasons)}")
    return ", ".join([*parts, *_unusual(counters, _OF_A_DESTINATION)])


def status_lines(
    pair: ChannelPair, ledgers: Mapping[str, DestinationLedger]
) -> Iterator[str]:
    """A channel and each of its parts, a line each; `ledgers` by destination, as far
    as they are known."""
    yield f"{pair.name}: {pair.state}"
    counters = pair.counters()
    for part, state in pair.states().items():
        if part == "source":
            text = source_figures(counters[part])
        else:
            text = destination_figures(counters[part], ledgers.get(part))
        yield f"  {part}: {state} ({text})"


def _unusual(counters: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    return [
        f"{counters[name]} {text}" for name, text in words.items() if counters[name]
    ]


def _counted(count: int, what: str, where: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'} {where}"
