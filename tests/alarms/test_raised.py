"""Raised once, cleared once; all of them together."""

from __future__ import annotations

import attrs
import pytest

from tests.alarms.desk import DAY, DOWN, MON, NOON, Desk, fill, short
from tests.fakes import WALL
from tests.samples_of_figures import Scene


def test_nothing_is_raised_while_all_is_well() -> None:
    desk = Desk(Scene(silence=60.0))
    for _ in range(10):
        desk.scene.source.messages_in_total += 1
        desk.scene.source.acks_positive_total += 1
        desk.scene.destination.messages_out_total += 1
        assert desk.look(50.0) == []


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
    cleared = [short(each) for each in desk.alarms.look(figures, MON, NOON)]

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
