"""Alarms of links, devices, refusals, datagrams and certificates."""

from __future__ import annotations

import attrs

from iobuffer.alarms import Alarms
from iobuffer.state import State, Word
from tests.alarms.desk import DAY, DOWN, MON, NOON, SUN, TUE, UP, Desk, short
from tests.fakes import WALL
from tests.samples_of_figures import Scene


def test_a_link_that_is_down_for_longer_than_allowed_is_raised_once() -> None:
    desk = Desk(Scene(link_down=300.0))
    desk.scene.link_state = DOWN

    assert desk.look() == []
    assert desk.look(299.0) == []
    assert desk.look(1.0) == ["+link_down chem-1/lis"]
    assert desk.look(100.0) == []
    assert desk.text == "down for 7 min: connection refused by lis:6661"


def test_a_link_is_cleared_once_it_has_been_up_for_a_while() -> None:
    desk = Desk(Scene(link_down=60.0))
    desk.scene.link_state = DOWN
    desk.look()
    assert desk.look(60.0) == ["+link_down chem-1/lis"]

    desk.scene.link_state = UP
    assert desk.look(5.0) == []
    desk.scene.link_state = DOWN
    assert desk.look(5.0) == []
    desk.scene.link_state = UP
    assert desk.look(5.0) == []
    assert desk.look(30.0) == ["-link_down chem-1/lis"]
    assert desk.look(5.0) == []


def test_a_link_that_comes_and_goes_is_down() -> None:
    desk = Desk(Scene(link_down=60.0))
    told = []
    for _ in range(4):
        desk.scene.link_state = DOWN
        told += desk.look(10.0)
        desk.scene.link_state = UP
        told += desk.look(10.0)

    assert told == ["+link_down chem-1/lis"]


def test_what_an_operator_has_paused_is_not_down() -> None:
    desk = Desk(Scene(link_down=60.0))
    desk.scene.link_state = DOWN
    desk.look()
    desk.look(60.0)
    desk.scene.link_state = State(Word.PAUSED, "paused by an operator", WALL)

    assert desk.look(1.0) == ["-link_down chem-1/lis"]
    assert desk.look(1000.0) == []


def test_a_device_that_is_silent_for_too_long_is_raised_until_a_message_comes() -> None:
    desk = Desk(Scene(silence=60.0))
    desk.scene.source.messages_in_total = 7
    assert desk.look() == []
    assert desk.look(59.0) == []
    assert desk.look(1.0) == ["+silence chem-1"]
    assert "no message for 60 s" in desk.text
    assert desk.look(3600.0) == []

    desk.scene.source.messages_in_total += 1
    assert desk.look(1.0) == ["-silence chem-1"]
    assert desk.look(59.0) == []


def test_a_source_that_is_started_anew_does_not_end_its_silence() -> None:
    desk = Desk(Scene(silence=60.0))
    desk.scene.source.messages_in_total = 7
    desk.look()
    assert desk.look(60.0) == ["+silence chem-1"]

    desk.scene.source.messages_in_total = 0
    assert desk.look(5.0) == []
    desk.scene.source.messages_in_total = 1
    assert desk.look(5.0) == ["-silence chem-1"]


def test_silence_counts_only_within_its_hours() -> None:
    desk = Desk(Scene(silence=1800.0, hours="mon-fri 07:00-19:00"))
    desk.weekday, desk.minute = SUN, NOON
    assert desk.look() == []
    assert desk.look(DAY) == []

    desk.weekday, desk.minute = MON, 7 * 60
    assert desk.look(5.0) == []
    assert desk.look(1799.0) == []
    assert desk.look(1.0) == ["+silence chem-1"]


def test_the_end_of_one_day_does_not_count_for_the_next() -> None:
    desk = Desk(Scene(silence=60.0, hours="mon-fri 07:00-19:00"))
    desk.look()
    assert desk.look(59.0) == []
    desk.minute = 20 * 60
    assert desk.look(3600.0) == []

    desk.weekday, desk.minute = TUE, 7 * 60
    assert desk.look(5.0) == []
    assert desk.look(59.0) == []
    assert desk.look(1.0) == ["+silence chem-1"]


def test_an_alarm_of_silence_outlasts_its_hours() -> None:
    desk = Desk(Scene(silence=60.0, hours="mon 07:00-19:00"))
    desk.look()
    assert desk.look(60.0) == ["+silence chem-1"]
    desk.minute = 20 * 60
    assert desk.look(60.0) == []

    desk.weekday, desk.minute = TUE, NOON
    desk.scene.source.messages_in_total += 1
    assert desk.look(60.0) == ["-silence chem-1"]


def test_a_paused_source_is_not_silent() -> None:
    desk = Desk(Scene(silence=60.0))
    desk.look()
    desk.look(60.0)
    desk.scene.source_state = State(Word.PAUSED, "", WALL)
    assert desk.look(1.0) == ["-silence chem-1"]

    desk.scene.source_state = State(Word.RUNNING, "", WALL)
    assert desk.look(1000.0) == []
    assert desk.look(60.0) == ["+silence chem-1"]


def test_many_refusals_are_an_alarm_and_few_are_not() -> None:
    desk = Desk(Scene(nak_percent=10.0))
    desk.scene.source.acks_positive_total = 100
    desk.look()
    desk.scene.source.acks_negative_total = 2
    assert desk.look(5.0) == []
    desk.scene.source.acks_negative_total = 12
    assert desk.look(5.0) == ["+naks chem-1/source"]
    desk.scene.source.acks_positive_total += 60
    assert desk.look(5.0) == []
    assert desk.look(300.0) == ["-naks chem-1/source"]


def test_two_refusals_are_none_too_many_even_when_there_was_nothing_else() -> None:
    desk = Desk(Scene(nak_percent=10.0))
    desk.scene.source.acks_negative_total = 2

    assert desk.look() == []


def test_refusals_by_a_destination_are_counted_by_destination() -> None:
    desk = Desk(Scene(nak_percent=10.0))
    desk.scene.destination.messages_out_total = 7
    desk.scene.destination.refused_total = 3

    assert desk.look() == ["+naks chem-1/lis"]
    assert desk.text.startswith("3 refusals among the last 10 messages")


def test_counters_that_begin_anew_are_no_refusals() -> None:
    desk = Desk(Scene())
    desk.scene.source.acks_positive_total = 100
    desk.look()
    desk.scene.source.acks_positive_total = 0
    assert desk.look(5.0) == []
    desk.scene.source.acks_negative_total = 3
    assert desk.look(5.0) == ["+naks chem-1/source"]


def test_datagrams_that_the_kernel_dropped_are_raised_until_none_was_for_long() -> None:
    desk = Desk(Scene())
    desk.look()
    desk.scene.source.kernel_drops_total = 4
    desk.scene.source.receive_buffer_bytes = 212_992
    assert desk.look(5.0) == ["+kernel_drops chem-1/source"]
    assert "212992 bytes was full" in desk.text
    assert desk.look(599.0) == []
    assert desk.look(1.0) == ["-kernel_drops chem-1/source"]


def test_a_certificate_is_raised_at_30_14_7_and_1_days_and_cleared_when_renewed() -> (
    None
):
    desk = Desk(Scene())
    told = {}
    for days in (31, 30, 20, 14, 10, 7, 2, 1, 0.5, -1, -2):
        desk.scene.expires_at = desk.scene.at + days * DAY
        told[days] = desk.look(0.0)

    raised = ["+certificate chem-1/source"]
    assert {days for days, changes in told.items() if changes == raised} == {
        *(30, 14, 7, 1, -1),
    }
    assert desk.text.startswith("the certificate has ended (2023-11-12 ")
    desk.scene.expires_at = desk.scene.at + 90 * DAY
    assert desk.look() == ["-certificate chem-1/source"]


def test_a_certificate_that_got_worse_is_one_alarm_since_it_was_first_raised() -> None:
    desk = Desk(Scene())
    desk.scene.expires_at = WALL + 15 * DAY
    (first,) = desk.changes()
    (second,) = desk.changes(2 * DAY)

    assert second.alarm.raised_at == first.alarm.raised_at == WALL
    assert second.text.startswith("the certificate ends in 13 days")
    assert len(desk.alarms.raised) == 1


def test_the_certificate_of_the_page_is_looked_at_too() -> None:
    scene = Scene()
    figures = attrs.evolve(
        scene.figures(), page_certificate_expires_at=scene.at + 5 * DAY
    )

    assert [short(each) for each in Alarms().look(figures, MON, NOON)] == [
        "+certificate page"
    ]
