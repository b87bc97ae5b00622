"""What is said of one channel: into the log of the process, and into its own.

Floor 4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.logger import Logger, LogLevel

from .channel_log import ChannelLog, Say

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

    def say(self, part: str, level: str, text: str, quoted: str = "") -> None:
        """Something for the log; `part` "" is the channel as a whole. What is `quoted`
        may hold a piece of a message, and the log of the process goes to many eyes."""
        self.note(part, level, text, quoted)
        if quoted:
            text += f" (why, in its own words: iobuffer log, channel {self._channel})"
        place = f"{self._channel}/{part}" if part else self._channel
        _log.emit(
            _LEVELS[level],
            "{place}: {text}",
            place=place,
            text=text,
            channel=self._channel,
            part=part,
        )

    def note(self, part: str, level: str, text: str, quoted: str = "") -> None:
        """Something for the channel's own log alone: the other has it already, or
        would be flooded."""
        self.log.add(self._wall(), level, part, text, quoted)

    def saying(self, part: str) -> Say:
        """`say` for one part."""
        return partial(self.say, part)

    def noting(self, part: str) -> Say:
        """`note` for one part."""
        return partial(self.note, part)
