from __future__ import annotations

from iobuffer.counters import DestinationCounters, SourceCounters
from iobuffer.status_words import destination_figures, source_figures
from iobuffer.storage.base import Confidence, DestinationLedger


def counted(messages: int, queued: int) -> dict[str, float | bytes]:
    counters = DestinationCounters(messages_out_total=messages)
    return {**counters.snapshot(), "queued": queued}


def ledger(
    *, parked: int = 0, dropped: dict[str, int] | None = None
) -> DestinationLedger:
    return DestinationLedger(
        start_seq=0,
        cursor=3,
        received=9,
        delivered={Confidence.RECEIVED: 3},
        queued=2,
        parked=parked,
        dropped=dropped or {},
        replayed=0,
    )


def test_a_source_in_order_shows_its_messages_and_nothing_else() -> None:
    assert source_figures(SourceCounters(messages_in_total=1).snapshot()) == (
        "1 message in"
    )


def test_what_a_source_could_not_use_is_shown_once_there_is_some() -> None:
    counters = SourceCounters(
        messages_in_total=12,
        connections=2,
        refused_messages_total=3,
        skipped_bytes_total=400_005_000,
        oversize_total=2,
        kernel_drops_total=7,
        skipped_sample=b"PID|1||Doe",
    )
    assert source_figures(counters.snapshot()) == (
        "12 messages in, 2 connected, 3 refused, 400005000 bytes "
        "skipped, 2 longer than max_message_bytes, 7 dropped by the kernel"
    )


def test_the_queue_of_a_destination_is_the_ledgers() -> None:
    """Memory does not know what the store has dropped by itself (drop_oldest)."""
    figures = destination_figures(
        counted(3, queued=5), ledger(parked=1, dropped={"full": 3})
    )
    assert figures == "3 messages out, 2 queued, 1 parked, dropped: 3 full"


def test_without_a_ledger_the_queue_in_memory_is_shown() -> None:
    assert destination_figures(counted(0, queued=5), None) == (
        "0 messages out, 5 queued"
    )
