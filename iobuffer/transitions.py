"""Which changes of state are worth a line in the log.

A link that is down overnight changes its reason with every attempt ("next try in 8 s").
The log gets one line when it goes, one more when it turns out to need a person, and one
when it is back; what happened between is in the counters.
"""

from __future__ import annotations

from collections.abc import Callable

from .state import State, Word

__all__ = ["Transitions"]


class Transitions:
    """An `on_change` for a StateCell that logs what an operator wants to read.

    Args:
        log: log(level, text); the name of the thing is its to add.
    """

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log
        self._logged = Word.STARTING

    def __call__(self, old: State, new: State) -> None:
        word = new.word
        if word is self._logged or word is Word.STARTING:
            return
        if word is Word.WAITING:
            if self._logged is Word.FAILED:
                # Between two failed attempts it is "connecting": no news.
                return
            if old.word is Word.STARTING:
                # Its first attempt; what comes of that is the news.
                return
        self._logged = word
        level = "error" if word is Word.FAILED else "info"
        if word is Word.WAITING:
            level = "warn"
        self._log(level, str(new))
