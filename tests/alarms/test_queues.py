"""Alarms of what waits in the store."""

from __future__ import annotations

import attrs

from tests.alarms.desk import DAY, DOWN, Desk, fill
from tests.fakes import WALL
from tests.samples_of_figures import Scene


def test_a_store_without_room_is_raised_until_there_is_room_for_a_while() -> None:
    desk = Desk(Scene())
    assert desk.look() == []
    desk.scene.full_reason = "less than 64 MiB are free on the disk of /var/lib"
    assert desk.look(5.0) == ["+full chem-1"]
    assert desk.text == (
        "nothing more is taken, for want of room: less than 64 MiB are free on the "
        "disk of /var/lib"
    )
    desk.scene.full_reason = ""
    assert desk.look(5.0) == []
    desk.scene.full_reason = "less than 64 MiB are free on the disk of /var/lib"
    assert desk.look(5.0) == []
    desk.scene.full_reason = ""
    assert desk.look(29.0) == []
    assert desk.look(1.0) == ["-full chem-1"]


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


def test_a_stalled_delivery_that_is_started_anew_has_delivered_nothing_by_that() -> (
    None
):
    desk = Desk(Scene())
    desk.scene.destination.messages_out_total = 10
    desk.scene.queued = 5
    desk.look()
    desk.scene.destination.stalls_total = 1
    assert desk.look(5.0) == ["+stalled chem-1/lis"]

    desk.scene.destination.stalls_total = 0
    desk.scene.destination.messages_out_total = 0
    assert desk.look(5.0) == []
    desk.scene.destination.messages_out_total = 1
    assert desk.look(5.0) == ["-stalled chem-1/lis"]


def test_damage_in_the_store_is_raised_when_it_grows() -> None:
    desk = Desk(Scene())
    desk.scene.damaged_messages = 3
    assert desk.look() == ["+damaged chem-1"]
    assert desk.look(DAY - 1) == []
    assert desk.look(1.0) == ["-damaged chem-1"]
    assert desk.look(5.0) == []
    desk.scene.damaged_messages = 4
    assert desk.look(5.0) == ["+damaged chem-1"]
