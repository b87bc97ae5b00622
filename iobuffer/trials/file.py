"""A file destination looked at for a trial: could it be written? Nothing is made."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool

from ..settings.model import DestinationSettings
from .told import Told

__all__ = ["FileAttempt", "why_not_writable"]


class FileAttempt:
    """See `told.Attempt`.

    Args:
        channel: what {channel} in the path stands for.
        finish: ends the trial, with the reason.
    """

    def __init__(
        self,
        settings: DestinationSettings,
        told: Told,
        *,
        channel: str,
        reactor: Any,
        wall: Callable[[], float],
        finish: Callable[[str], object],
    ) -> None:
        path = settings.config.path.replace("{channel}", channel)
        path = path.replace("{destination}", settings.name)
        self._path = os.path.abspath(time.strftime(path, time.localtime(wall())))
        self._told = told
        self._reactor = reactor
        self._finish = finish
        self._looking: Deferred[None] | None = None
        self._ok: bool | None = None

    def start(self) -> None:
        # Disks are slow at times, those on a network above all.
        looking: Deferred[Any] = deferToThreadPool(
            self._reactor,
            self._reactor.getThreadPool(),
            partial(why_not_writable, self._path),
        )
        self._looking = looking.addCallback(self._looked)

    def look(self, now: float) -> None:
        """The answer comes by itself."""

    def stop(self) -> Deferred[None]:
        looking, self._looking = self._looking, None
        return looking if looking is not None else succeed(None)

    @property
    def ok(self) -> bool | None:
        return self._ok

    def _looked(self, why: str) -> None:
        self._looking = None
        self._ok = not why
        text = why or f"{self._path} can be written"
        self._told.report(self._ok, text)
        self._finish(text)


def why_not_writable(path: str) -> str:
    """Why this program could not append to the file, with the remedy; empty if it
    could. Folders that are missing would be made, if the one above may be written."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        pass
    except OSError as error:
        return f"{path}: {error.strerror}; choose another path"
    else:
        if stat.S_ISDIR(mode):
            return f"{path} is a folder: add the name of a file"
        if not os.access(path, os.W_OK):
            return f"{path} may not be written: let the service's user write it"
        return ""
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        return f"{folder} is no folder: choose another path"
    if not os.access(folder, os.W_OK | os.X_OK):
        return (
            f"{path} cannot be made: {folder} may not be written; let the service's "
            "user write there"
        )
    return ""
