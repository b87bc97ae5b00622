from __future__ import annotations

from iobuffer.links.visits import Visits


class Door:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 100.0
        self.visits = Visits(
            lambda level, text: self.lines.append(f"{level} {text}"), lambda: self.now
        )


def test_coming_and_going_is_told_with_the_reason() -> None:
    door = Door()
    door.visits.came("10.0.0.5:4711")
    door.visits.left("10.0.0.5:4711", "closed by the peer")

    assert door.lines == [
        "info 10.0.0.5:4711 is connected",
        "info 10.0.0.5:4711 has gone: closed by the peer",
    ]


def test_a_device_that_connects_for_every_message_floods_nothing() -> None:
    door = Door()
    for _ in range(1000):
        door.visits.came("10.0.0.5:4711")
    assert len(door.lines) == 10

    door.now += 60.0
    door.visits.came("10.0.0.6:1")
    assert door.lines[10:] == [
        "info 990 more have come or gone since then",
        "info 10.0.0.6:1 is connected",
    ]
