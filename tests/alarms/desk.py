"""A desk at which somebody looks at a scene as time goes by."""

from __future__ import annotations

from iobuffer.alarms import Alarms, Change
from iobuffer.state import State, Word
from tests.fakes import WALL
from tests.samples_of_figures import Scene

__all__ = ["DAY", "DOWN", "MON", "NOON", "SUN", "TUE", "UP", "Desk", "fill", "short"]

MON, TUE, SUN = 0, 1, 6
NOON = 12 * 60
DAY = 86400.0

DOWN = State(Word.WAITING, "connection refused by lis:6661", WALL)
UP = State(Word.RUNNING, "connected to lis:6661", WALL)


class Desk:
    """Looks at a scene as time goes by, and keeps what it was told."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alarms = Alarms()
        self.weekday = MON
        self.minute = NOON

    def look(self, after: float = 0.0) -> list[str]:
        """What has changed, in short: "+kind place" or "-kind place"."""
        return [short(change) for change in self.changes(after)]

    def changes(self, after: float = 0.0) -> list[Change]:
        self.scene.seconds += after
        return self.alarms.look(self.scene.figures(), self.weekday, self.minute)

    @property
    def text(self) -> str:
        (alarm,) = self.alarms.raised
        return alarm.text


def short(change: Change) -> str:
    sign = "+" if change.is_raised else "-"
    return f"{sign}{change.alarm.kind.value} {change.alarm.place}"


def fill(scene: Scene, queued: int) -> None:
    """1000 bytes are the limit; each message takes one."""
    scene.queued = queued
    scene.stored_messages = scene.stored_bytes = max(queued, 500)
