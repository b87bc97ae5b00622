"""Log lines that an operator can read, or JSON lines that a machine can.

    2026-11-22T08:42:07+0000 warn  chem-1/lis: waiting: connection refused; ...

What the house logs is transitions and what a person must know; what a library logs of
itself is shown from "warn" on. Payloads are never logged, and a control character in a
text (a peer's own words) is shown as an escape: one log event stays one line.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import IO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer, provider

__all__ = ["LogOutput", "no_observer"]

_LEVELS = {
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "warn": LogLevel.warn,
    "error": LogLevel.error,
}
_ORDER = {level: rank for rank, level in enumerate(LogLevel.iterconstants())}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@provider(ILogObserver)
def _discard(event: LogEvent) -> None:
    """The gateway brings an observer of its own, a LogOutput."""


def no_observer() -> ILogObserver:
    """The factory that twistd is told of (`--logger`), so that it writes nothing."""
    return _discard


@implementer(ILogObserver)
class LogOutput:
    """Writes events to a file or to standard output.

    Args:
        path: the file, appended to; None or "-" for standard output.
        log_format: "text" or "json".
        level: the least grave events that are written.
    """

    def __init__(self, path: str | None, log_format: str, level: str) -> None:
        self._path = None if path in (None, "-") else os.path.abspath(str(path))
        self._json = log_format == "json"
        self._least = _ORDER[_LEVELS[level]]
        self._stream: IO[str] = sys.stdout
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew: a log rotation has moved the old one away.

        Raises:
            OSError: it cannot be opened; the old one is still written.
        """
        if self._path is None:
            return
        stream = open(  # noqa: SIM115 (it stays open until the next reopen)
            self._path, "a", encoding="utf-8", errors="backslashreplace"
        )
        old, self._stream = self._stream, stream
        self._let_go(old)

    def close(self) -> None:
        """Let go of the file; nothing can be written after that."""
        self._let_go(self._stream)

    def _let_go(self, stream: IO[str]) -> None:
        if self._path is None or stream is sys.stdout:
            return
        try:
            stream.close()
        except OSError:
            # The line that did not fit on its disk, which was told when it did not.
            pass

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        namespace = event.get("log_namespace", "") or ""
        least = self._least
        if not namespace.startswith("iobuffer"):
            least = max(least, _ORDER[LogLevel.warn])
        if _ORDER[level] < least:
            return
        line = self._as_json(event) if self._json else self._as_text(event)
        # Half a surrogate pair, from a name that is no UTF-8, cannot be written as is.
        line = line.encode(errors="backslashreplace").decode()
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            # A full or vanished log disk must not stop the messages. It is said on
            # standard error, where the supervisor looks.
            print(f"iobuffer: cannot write the log: {error}", file=sys.__stderr__)

    def _as_text(self, event: LogEvent) -> str:
        at = time.localtime(event.get("log_time", 0.0))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", at)
        level = event.get("log_level", LogLevel.info).name
        line = f"{stamp} {level:<5} {_one_line(formatEvent(event))}"
        failure = event.get("log_failure")
        if failure is not None:
            traceback = failure.getTraceback().rstrip()
            line += "".join(f"\n    {_one_line(row)}" for row in traceback.split("\n"))
        return line

    def _as_json(self, event: LogEvent) -> str:
        at = event.get("log_time", 0.0)
        found = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
            + f".{int(at % 1 * 1000):03d}Z",
            "level": event.get("log_level", LogLevel.info).name,
            "text": formatEvent(event),
        }
        for key in ("channel", "part"):
            if event.get(key):
                found[key] = event[key]
        failure = event.get("log_failure")
        if failure is not None:
            found["traceback"] = failure.getTraceback()
        return json.dumps(found, ensure_ascii=False)


def _one_line(text: str) -> str:
    return _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
