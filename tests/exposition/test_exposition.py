"""The figures as Prometheus reads them, by Prometheus' own parser."""

from __future__ import annotations

from typing import Any

import attrs
from prometheus_client.parser import text_string_to_metric_families

from iobuffer import __version__
from iobuffer.alarms import Alarm, AlarmKind
from iobuffer.counters import HistogramFigures
from iobuffer.destinations._copies import NOBODY
from iobuffer.exposition import exposition
from iobuffer.figures import GatewayFigures
from iobuffer.storage.base import StoreStats
from tests.fakes import WALL
from tests.samples_of_figures import Scene


def parsed(figures: GatewayFigures, *alarms: Alarm) -> dict[Any, float]:
    """(name, label values in the order of their names' spelling) -> value."""
    text = exposition(figures, alarms).decode()
    found: dict[Any, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type != "unknown", family.name
        for sample in family.samples:
            key = (
                sample.name,
                *(sample.labels[name] for name in sorted(sample.labels)),
            )
            assert key not in found
            found[key] = sample.value
    return found


def busy() -> Scene:
    scene = Scene()
    scene.seconds += 60.0
    scene.source.bytes_in_total = 5000
    scene.source.skipped_bytes_total = 7
    scene.source.acks_negative_total = 2
    scene.source.kernel_drops_total = 4
    scene.destination.messages_out_total = 40
    scene.queued = 3
    scene.stored_bytes, scene.stored_messages = 800, 8
    scene.oldest_queued_at = WALL + 20.0
    scene.expires_at = WALL + 86400.0
    return scene


def test_a_source_is_told_by_channel() -> None:
    found = parsed(busy().figures())

    assert found["iobuffer_source_up", "chem-1"] == 1
    assert found["iobuffer_source_bytes_total", "chem-1"] == 5000
    assert found["iobuffer_source_skipped_bytes_total", "chem-1"] == 7
    assert found["iobuffer_source_acks_total", "chem-1", "negative"] == 2
    assert found["iobuffer_source_acks_total", "chem-1", "positive"] == 0
    assert found["iobuffer_source_kernel_drops_total", "chem-1"] == 4


def test_a_destination_is_told_by_channel_and_name() -> None:
    found = parsed(busy().figures())

    assert found["iobuffer_destination_messages_total", "chem-1", "lis"] == 40
    assert found["iobuffer_destination_queue_messages", "chem-1", "lis"] == 3
    oldest = "iobuffer_destination_queue_oldest_age_seconds"
    assert found[oldest, "chem-1", "lis"] == 40.0


def test_the_ledger_is_told_with_its_reasons() -> None:
    found = parsed(busy().figures())

    prefix = "iobuffer_ledger_"
    place = ("chem-1", "lis")
    assert found[prefix + "received_messages_total", *place] == 8
    assert found[prefix + "parked_messages", *place] == 1
    dropped = prefix + "dropped_messages_total"
    assert found[dropped, *place, "full"] == 2
    delivered = prefix + "delivered_messages_total"
    assert found[delivered, "chem-1", "acknowledged", "lis"] == 2


def test_a_channel_is_told_with_its_state_and_its_room() -> None:
    found = parsed(busy().figures())

    assert found["iobuffer_channel_state", "chem-1", "running"] == 1
    assert found["iobuffer_channel_state", "chem-1", "failed"] == 0
    assert found["iobuffer_channel_full", "chem-1"] == 0
    assert found["iobuffer_channel_max_bytes", "chem-1"] == 1000
    assert found["iobuffer_channel_stored_bytes", "chem-1"] == 800
    assert found["iobuffer_channel_queue_bytes", "chem-1"] == 300
    assert found["iobuffer_channel_queue_oldest_age_seconds", "chem-1"] == 40.0
    assert found["iobuffer_channel_damaged_messages", "chem-1"] == 0


def test_the_gateway_tells_of_its_store_and_its_reactor() -> None:
    histogram = HistogramFigures((0.01, 0.1), (5, 2, 1), 1.25)
    figures = attrs.evolve(
        busy().figures(),
        store=StoreStats(1000, 200, 30, 40, 50),
        commit_seconds=histogram,
        reactor_seconds=histogram,
        page_certificate_expires_at=WALL,
    )
    found = parsed(figures)

    assert found["iobuffer_info", "ward-3", __version__] == 1
    assert found["iobuffer_start_time_seconds",] == WALL
    assert found["iobuffer_store_file_bytes",] == 1000
    assert found["iobuffer_store_wal_bytes",] == 200
    assert found["iobuffer_store_commits_total",] == 30
    for name in ("iobuffer_store_commit_seconds", "iobuffer_reactor_latency_seconds"):
        assert found[f"{name}_bucket", "0.01"] == 5
        assert found[f"{name}_bucket", "0.1"] == 7
        assert found[f"{name}_bucket", "+Inf"] == 8
        assert found[f"{name}_count",] == 8
        assert found[f"{name}_sum",] == 1.25
    expiry = "iobuffer_certificate_expiry_timestamp_seconds"
    assert found[expiry, "", "page"] == WALL
    assert found[expiry, "chem-1", "source"] == WALL + 86400.0


def test_an_alarm_that_is_on_is_one() -> None:
    alarm = Alarm(AlarmKind.LINK_DOWN, "chem-1", "lis", "down", WALL)
    found = parsed(busy().figures(), alarm)

    assert found["iobuffer_alarm", "chem-1", "link_down", "lis"] == 1


def test_what_is_not_known_yet_is_left_out_and_not_zero() -> None:
    scene = Scene()
    scene.has_source = False
    figures = scene.figures()
    (channel,) = figures.channels.values()
    bare = attrs.evolve(channel, stored=None)
    found = parsed(attrs.evolve(figures, channels={"chem-1": bare}))

    names = {name for name, *_ in found}
    assert "iobuffer_store_file_bytes" not in names
    assert "iobuffer_channel_stored_bytes" not in names
    assert "iobuffer_source_up" not in names
    assert found["iobuffer_channel_queue_messages", "chem-1"] == 0


def test_every_counter_of_a_source_and_a_destination_is_told() -> None:
    scene = Scene()
    for number, field in enumerate(attrs.fields(type(scene.source)), 1000):
        if field.name != "skipped_sample":
            setattr(scene.source, field.name, number)
    for number, field in enumerate(attrs.fields(type(scene.destination)), 2000):
        setattr(scene.destination, field.name, number)
    told = set(parsed(scene.figures()).values())

    missing = [
        name
        for counters in (scene.source, scene.destination)
        for name, value in attrs.asdict(counters).items()
        if name != "skipped_sample" and value not in told
    ]
    # The ledger tells of what is dropped, by reason.
    assert missing == ["dropped_total"]


def test_any_name_survives_as_a_label() -> None:
    scene = Scene()
    figures = scene.figures()
    (channel,) = figures.channels.values()
    odd = attrs.evolve(channel, name='a"b\\c')
    found = parsed(attrs.evolve(figures, channels={odd.name: odd}))

    assert found["iobuffer_source_up", 'a"b\\c'] == 1


# -- names and labels ------------------------------------------------------------------

UNITS = ("bytes", "seconds", "messages", "batches")
#: What is counted one by one, and is its own unit.
COUNTED = (
    *("acks", "connections", "connections_refused", "handshake_failures", "pauses"),
    *("reopens", "kernel_drops", "connects", "connect_failures", "disconnects"),
    *("stalls", "unmatched_answers", "commits"),
)
#: 1 or 0, or one for each.
YES_OR_NO = ("up", "full", "state", "alarm", "info")


def whole() -> GatewayFigures:
    histogram = HistogramFigures((0.01, 0.1), (5, 2, 1), 1.25)
    return attrs.evolve(
        busy().figures(),
        store=StoreStats(1000, 200, 30, 40, 50),
        commit_seconds=histogram,
        reactor_seconds=histogram,
        page_certificate_expires_at=WALL,
    )


def test_every_name_has_its_unit_and_counters_end_in_total() -> None:
    alarm = Alarm(AlarmKind.LINK_DOWN, "chem-1", "lis", "down", WALL)
    text = exposition(whole(), [alarm]).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
        name = family.name.removeprefix("iobuffer_")
        assert name.endswith((*UNITS, *COUNTED, *YES_OR_NO)), family.name


def test_all_that_an_operator_was_promised_is_there() -> None:
    names = {name for name, *_ in parsed(whole())}

    for side in ("source", "destination"):
        for what in ("messages", "bytes", "batches"):
            assert f"iobuffer_{side}_{what}_total" in names
    assert names >= {
        "iobuffer_source_skipped_bytes_total",
        "iobuffer_source_oversize_messages_total",
        "iobuffer_source_acks_total",
        "iobuffer_source_reopens_total",
        "iobuffer_source_kernel_drops_total",
        "iobuffer_source_receive_buffer_bytes",
        "iobuffer_destination_connects_total",
        "iobuffer_destination_queue_messages",
        "iobuffer_destination_queue_oldest_age_seconds",
        "iobuffer_ledger_parked_messages",
        "iobuffer_ledger_dropped_messages_total",
        "iobuffer_store_commit_seconds_bucket",
        "iobuffer_store_file_bytes",
        "iobuffer_store_wal_bytes",
        "iobuffer_certificate_expiry_timestamp_seconds",
        "iobuffer_reactor_latency_seconds_bucket",
    }


def test_an_operators_own_words_are_no_label() -> None:
    scene = busy()
    scene.dropped = {
        "full": 2,
        NOBODY: 3,
        "PID 4711 came twice": 4,
        "test data of Anna Smith": 1,
    }
    found = parsed(scene.figures())

    dropped = "iobuffer_ledger_dropped_messages_total"
    assert {key[-1]: value for key, value in found.items() if key[0] == dropped} == {
        "full": 2,
        NOBODY: 3,
        "by_hand": 5,
    }
