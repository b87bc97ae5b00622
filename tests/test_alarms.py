"""Alarms: raised once, cleared once, with a margin between the two."""

from __future__ import annotations

import attrs
import pytest

from iobuffer.alarms import Alarms, Change
from iobuffer.state import State, Word
from tests.fakes import WALL
from tests.samples_of_figures import Scene

MON, TUE, SUN = 0, 1, 6
NOON = 12 * 60
DAY = 86400.0


class Desk:
    """Looks at a scene as time goes by, and keeps what it was told."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alarms = Alarms()
        self.weekday = MON
        self.minute = NOON

    def look(self, after: float = 0.0) -> list[str]:
        """What has changed, in short: "+kind place" or "-kind place"."""
        return [_short(change) for change in self.changes(after)]

    def changes(self, after: float = 0.0) -> list[Change]:
        self.scene.seconds += after
        return self.alarms.look(self.scene.figures(), self.weekday, self.minute)

    @property
    def text(self) -> str:
        (alarm,) = self.alarms.raised
        return alarm.text


def _short(change: Change) -> str:
    sign = "+" if change.is_raised else "-"
    return f"{sign}{change.alarm.kind.value} {change.alarm.place}"


def test_nothing_is_raised_while_all_is_well() -> None:
    desk = Desk(Scene(silence=60.0))
    for _ in range(10):
        desk.scene.source.messages_in_total += 1
        desk.scene.source.acks_positive_total += 1
        desk.scene.destination.messages_out_total += 1
        assert desk.look(50.0) == []


# -- link down -------------------------------------------------------------------------

DOWN = State(Word.WAITING, "connection refused by lis:6661", WALL)
UP = State(Word.RUNNING, "connected to lis:6661", WALL)


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


# -- silence ---------------------------------------------------------------------------


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


def test_silence_counts_only_within_its_hours() -> None:
    desk = Desk(Scene(silence=1800.0, hours="mon-fri 07:00-19:00"))
    desk.weekday, desk.minute = SUN, NOON
    assert desk.look() == []
    assert desk.look(DAY) == []

    desk.weekday, desk.minute = MON, 7 * 60
    assert desk.look(5.0) == []
    assert desk.look(1799.0) == []
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


# -- the queue -------------------------------------------------------------------------


def fill(scene: Scene, queued: int) -> None:
    """1000 bytes are the limit; each message takes one."""
    scene.queued = queued
    scene.stored_messages = scene.stored_bytes = max(queued, 500)


def test_a_queue_is_raised_at_its_share_and_cleared_at_ten_percent_less() -> None:
    desk = Desk(Scene(queue_percent=80.0))
    fill(desk.scene, 799)
    assert desk.look() == []
    fill(desk.scene, 800)
    assert desk.look(5.0) == ["+queue chem-1"]
    fill(desk.scene, 750)
    assert desk.look(5.0) == []
    fill(desk.scene, 699)
    assert desk.look(5.0) == ["-queue chem-1"]


def test_a_queue_tells_when_it_will_be_full_and_what_happens_then() -> None:
    desk = Desk(Scene(queue_percent=80.0))
    fill(desk.scene, 700)
    desk.look()
    fill(desk.scene, 800)
    desk.look(100.0)

    assert desk.text == (
        "80% of max_bytes is taken by 800 messages that are not delivered yet; it is "
        "full in about 3 min at this rate, and the source is then paused or refused. "
        "See to lis, or raise max_bytes"
    )
    desk.scene.policy = attrs.evolve(desk.scene.policy, when_full="drop_oldest")
    desk.look(600.0)
    assert "it is not growing now, and the oldest messages are then lost" in desk.text


def test_delivered_messages_in_the_store_are_no_queue() -> None:
    desk = Desk(Scene())
    desk.scene.stored_bytes, desk.scene.stored_messages = 990, 99
    desk.scene.queued = 10

    assert desk.look() == []


def test_a_limit_in_messages_counts_as_well() -> None:
    desk = Desk(Scene())
    desk.scene.policy = attrs.evolve(desk.scene.policy, max_messages=10)
    fill(desk.scene, 9)

    assert desk.look() == ["+queue chem-1"]
    assert desk.text.startswith("90% of max_messages is taken by 9 messages")


def test_the_age_of_the_oldest_message_is_an_alarm_of_its_destination() -> None:
    desk = Desk(Scene(queue_age=3600.0, link_down=0.0))
    desk.scene.queued = 3
    desk.scene.oldest_queued_at = WALL
    desk.scene.link_state = DOWN

    assert desk.look(3599.0) == []
    assert desk.look(1.0) == ["+queue_age chem-1/lis"]
    assert desk.text == (
        "3 messages wait, the oldest for 60 min. "
        "The destination is waiting: connection refused by lis:6661"
    )
    desk.scene.oldest_queued_at = desk.scene.at - 2000.0
    assert desk.look() == []
    desk.scene.oldest_queued_at = desk.scene.at - 1000.0
    assert desk.look() == ["-queue_age chem-1/lis"]


# -- stalls, refusals, drops, damage ---------------------------------------------------


def test_a_stalled_delivery_is_raised_until_it_goes_on() -> None:
    desk = Desk(Scene())
    desk.scene.destination.messages_out_total = 10
    desk.scene.queued = 5
    assert desk.look() == []
    desk.scene.destination.stalls_total += 1
    assert desk.look(5.0) == ["+stalled chem-1/lis"]
    desk.scene.destination.stalls_total += 1
    assert desk.look(60.0) == []
    desk.scene.destination.messages_out_total += 1
    assert desk.look(5.0) == ["-stalled chem-1/lis"]


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


def test_damage_in_the_store_is_raised_when_it_grows() -> None:
    desk = Desk(Scene())
    desk.scene.damaged_messages = 3
    assert desk.look() == ["+damaged chem-1"]
    assert desk.look(DAY - 1) == []
    assert desk.look(1.0) == ["-damaged chem-1"]
    assert desk.look(5.0) == []
    desk.scene.damaged_messages = 4
    assert desk.look(5.0) == ["+damaged chem-1"]


# -- certificates ----------------------------------------------------------------------


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

    assert [_short(each) for each in Alarms().look(figures, MON, NOON)] == [
        "+certificate page"
    ]


# -- all of them -----------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["source", "destination", "channel"])
def test_what_is_no_longer_there_is_cleared(gone: str) -> None:
    desk = Desk(Scene(link_down=1.0))
    desk.scene.source_state = desk.scene.link_state = DOWN
    desk.look()
    desk.look(1.0)
    assert len(desk.alarms.raised) == 2

    figures = desk.scene.figures()
    if gone == "source":
        desk.scene.has_source = False
        figures = desk.scene.figures()
    elif gone == "destination":
        desk.scene.has_destination = False
        figures = desk.scene.figures()
    else:
        figures = attrs.evolve(figures, channels={})
    cleared = [_short(each) for each in desk.alarms.look(figures, MON, NOON)]

    assert (
        cleared
        == {
            "source": ["-link_down chem-1/source"],
            "destination": ["-link_down chem-1/lis"],
            "channel": ["-link_down chem-1/source", "-link_down chem-1/lis"],
        }[gone]
    )


def test_zero_switches_each_of_them_off() -> None:
    desk = Desk(
        Scene(
            link_down=0.0,
            queue_percent=0.0,
            queue_age=0.0,
            stalled=False,
            nak_percent=0.0,
            kernel_drops=False,
            certificate=0.0,
        )
    )
    scene = desk.scene
    scene.source_state = scene.link_state = DOWN
    scene.source.acks_negative_total = scene.destination.refused_total = 100
    scene.source.kernel_drops_total = scene.destination.stalls_total = 100
    scene.oldest_queued_at, scene.expires_at = WALL - DAY, WALL
    fill(scene, 1000)

    assert desk.look() == []
    assert desk.look(DAY) == []


def test_an_alarm_is_json_ready() -> None:
    desk = Desk(Scene(silence=60.0))
    desk.look()
    desk.look(60.0)
    (alarm,) = desk.alarms.raised

    assert alarm.as_json() == {
        "alarm": "silence",
        "channel": "chem-1",
        "part": "",
        "text": alarm.text,
        "raised_at": WALL + 60.0,
    }
