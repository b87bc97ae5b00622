"""`iobuffer replay`: have stored messages delivered once more."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import click

from ..errors import ExitStatus
from ._api import Api, asks
from ._names import CHANNEL, DESTINATION
from ._selecting import NUMBERS, Selection, find, merged, selects
from ._shown import agreed, plain, print_json

__all__ = ["command"]

#: One question to the gateway waits for all of its messages.
_PART_MESSAGES = 100
#: As many as the API counts at once.
_COUNTED_MESSAGES = 10_000


@click.command(name="replay")
@asks
@CHANNEL
@DESTINATION
@click.argument("numbers", nargs=-1, type=NUMBERS)
@selects(destination=False)
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    api: Api,
    channel: str,
    destination: str,
    numbers: tuple[tuple[int, int | None], ...],
    selection: Selection,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Deliver messages once more.

    From CHANNEL to DESTINATION, between the others. Which ones: NUMBERS (17, 17-20, or
    17- for all from there on), the options, or both. Says how many that are, and asks,
    before any is sent.

    \b
        iobuffer replay CONFIG chem-1 lis 17-20 23
        iobuffer replay CONFIG chem-1 lis --since 02:41 --until 03:10 --dry-run

    At the first message that is refused it ends, and says where; --state speaks of what
    became of them at DESTINATION.

    Exit status: 0 all were delivered, or there were none; 1 some were not, you said no,
    or the gateway refused; 69 none is running there; 78 the configuration cannot be
    read.
    """
    if not numbers and not selection.given:
        raise click.UsageError("say which: numbers, --since, --contains ...")
    found = api.ask("GET", "channels", channel, "messages", limit=1)
    runs = merged(numbers, found["first_seq"], found["last_seq"])
    if selection.given:
        seqs: Sequence[int] = list(find(api, channel, selection, runs))
        count = len(seqs)
    else:
        seqs = ()
        count = _count(api, channel, destination, runs)
    report = {"channel": channel, "destination": destination, "messages": count}
    words = f"{count} {'message' if count == 1 else 'messages'} of {channel}"
    if dry_run or not count:
        # Also when there are none: that the destination is there and runs.
        _ask(api, channel, destination, [max(1, found["last_seq"])], dry_run=True)
        report |= {"dry_run": dry_run, "replayed": 0, "missing": 0, "stopped": ""}
        print_json(report) if as_json else print(words)
        return
    if not yes:
        agreed(f"{words}: send once more to {destination}?")
    numbers_of = iter(seqs) if selection.given else _each(runs)
    done = _send(api, channel, destination, numbers_of)
    if as_json:
        print_json(report | {"dry_run": False} | done)
    else:
        print(f"replayed {done['replayed']} of {words} to {destination}")
        if done["stopped"]:
            print(f"iobuffer: it ended: {plain(done['stopped'])}", file=sys.stderr)
    complete = not done["stopped"]
    sys.exit(ExitStatus.OK if complete else ExitStatus.DOES_NOT_ADD_UP)


def _send(
    api: Api, channel: str, destination: str, seqs: Iterator[int]
) -> dict[str, Any]:
    replayed = missing = 0
    stopped = ""
    while not stopped and (part := list(islice(seqs, _PART_MESSAGES))):
        found = _ask(api, channel, destination, part)
        replayed += found["replayed"]
        missing += found["missing"]
        stopped = found["stopped"]
    return {"replayed": replayed, "missing": missing, "stopped": stopped}


def _ask(
    api: Api, channel: str, destination: str, seqs: list[int], *, dry_run: bool = False
) -> Any:
    return api.post(
        "channels",
        channel,
        "replay",
        body={"destination": destination, "seqs": seqs, "dry_run": dry_run},
        patient=True,
    )


def _count(
    api: Api, channel: str, destination: str, runs: Sequence[tuple[int, int]]
) -> int:
    """How many of these are still kept."""
    count = 0
    for first, last in runs:
        for begin in range(first, last + 1, _COUNTED_MESSAGES):
            found = api.post(
                "channels",
                channel,
                "replay",
                body={
                    "destination": destination,
                    "first_seq": begin,
                    "last_seq": min(last, begin + _COUNTED_MESSAGES - 1),
                    "dry_run": True,
                },
                patient=True,
            )
            count += found["messages"]
    return count


def _each(runs: Sequence[tuple[int, int]]) -> Iterator[int]:
    for first, last in runs:
        yield from range(first, last + 1)
