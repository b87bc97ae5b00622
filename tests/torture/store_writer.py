"""The process that the power is cut from: appends, commits, and says what is safe.

    python -m tests.torture.store_writer

Takes a line `STATE_DIR SYNCHRONOUS FIRST_NUMBER` and forks a writer for it, which costs
a few milliseconds where a new interpreter would take a third of a second. The writer
prints, after each commit has returned, the number of its last message. The next line,
whatever it says, kills it; then `ended` is printed.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys

from iobuffer.batch import single_peer
from iobuffer.storage.base import Confidence, Limits
from iobuffer.storage.sqlite import SqliteStore

from .judge import make_message

CHANNEL = "c"
SOURCE = 1
#: No transaction has more messages.
MOST_MESSAGES = 60
#: The reader has had everything but the last few.
_LAG_MESSAGES = 40


def say(word: object) -> None:
    os.write(1, f"{word}\n".encode())


def write(state_dir: str, synchronous: str, first: str) -> None:
    """Never ends by itself."""
    number = int(first)
    rng = random.Random(number)
    store = SqliteStore(state_dir, synchronous=synchronous, min_free_bytes=0)
    store.open_channel(CHANNEL, Limits(keep_seconds=1e12), ["d"])
    for now in itertools.count(1000):
        for _ in range(rng.choice((1, 1, 3))):
            count = rng.choice((1, 5, 20))
            messages = [make_message(SOURCE, number + each) for each in range(count)]
            store.append(CHANNEL, single_peer(messages, float(now), "torture"))
            number += count
        settled = max(0, store.state(CHANNEL).last_seq - _LAG_MESSAGES)
        store.advance(CHANNEL, "d", settled, Confidence.RECEIVED)
        store.commit(float(now))
        if now % 7 == 0:
            store.tidy(float(now))
        say(number - 1)


def main() -> None:
    while line := sys.stdin.readline():
        writer = os.fork()
        if writer == 0:
            try:
                write(*line.split())
            finally:
                # Whatever was raised: the power is gone, and nobody is told.
                os._exit(1)
        sys.stdin.readline()
        # It may have ended by an I/O error; until it is waited for, its number is its.
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        say("ended")


if __name__ == "__main__":
    main()
