"""What is said of one channel: into the log of the process, and into its own.

Floor 4.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger, LogLevel

from .channel_log import ChannelLog

__all__ = ["Voice"]

_LEVELS = {
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "warn": LogLevel.warn,
    "error": LogLevel.error,
}

_log = Logger(namespace="iobuffer")


class Voice:
    """Speaks for a channel.

    Args:
        channel: its name, which stands before each line of the log.
        wall: epoch seconds.
    """

    def __init__(self, channel: str, wall: Callable[[], float]) -> None:
        #: The last lines, for whoever looks at the channel.
        self.log = ChannelLog()
        self._channel = channel
        self._wall = wall

    def say(self, part: str, level: str, text: str) -> None:
        """Something for the log; `part` "" is the channel as a whole."""
        self.note(part, level, text)
        place = f"{self._channel}/{part}" if part else self._channel
        _log.emit(
            _LEVELS[level],
            "{place}: {text}",
            place=place,
            text=text,
            channel=self._channel,
            part=part,
        )

    def note(self, part: str, level: str, text: str) -> None:
        """Something for the channel's own log alone: the other has it already, or
        would be flooded."""
        self.log.add(self._wall(), level, part, text)

    def saying(self, part: str) -> Callable[[str, str], None]:
        """`say` for one part: log(level, text)."""

        def say(level: str, text: str) -> None:
            self.say(part, level, text)

        return say

    def noting(self, part: str) -> Callable[[str, str], None]:
        """`note` for one part: note(level, text)."""

        def note(level: str, text: str) -> None:
            self.note(part, level, text)

        return note
