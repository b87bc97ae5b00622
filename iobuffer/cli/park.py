"""`iobuffer park ...`: the messages that a destination refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from ..errors import ExitStatus
from ._api import Api, Refused, asks
from ._names import CHANNEL, DESTINATION, MAYBE_DESTINATION
from ._selecting import NUMBERS
from ._shown import agreed, moment, plain, print_json, print_text

__all__ = ["command"]

_PAGE_MESSAGES = 1000
#: One question to the gateway waits for all of its messages.
_PART_MESSAGES = 100

_STATUS = """
    Exit status: 0 done; 1 the gateway refused, or did not do all of it, and why; 69
    none is running there; 78 the configuration cannot be read.
"""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_NUMBERED = click.argument("numbers", nargs=-1, type=NUMBERS)
_ALL = click.option("--all", "every", is_flag=True, help="All that are parked there.")


def _with_status(function: click.decorators.FC) -> click.decorators.FC:
    function.__doc__ = f"{function.__doc__}\n{_STATUS}"
    return function


@click.group(name="park")
def command() -> None:
    """List, show, retry or drop what was refused.

    A message that a destination refuses is set aside so that those behind it go on; it
    stays, whatever `keep` says, until it is retried or dropped.
    """


@command.command(name="list")
@asks
@CHANNEL
@MAYBE_DESTINATION
@_JSON
@_with_status
def list_command(api: Api, channel: str, destination: str, as_json: bool) -> None:
    """What is parked in CHANNEL, at DESTINATION or at all, the oldest first."""
    found = list(_parked(api, channel, destination))
    if as_json:
        print_json({"parked": found})
        return
    for each in found:
        words = [each["destination"], str(each["seq"]), moment(each["parked_at"])]
        words.append(f"{each['size_bytes']} bytes")
        if each.get("reason"):
            words.append(plain(each["reason"]))
        print("  ".join(words))
    if not found:
        print("nothing is parked")


@command.command(name="show")
@asks
@CHANNEL
@DESTINATION
@click.argument("seq", type=click.IntRange(1))
@_JSON
@_with_status
def show_command(
    api: Api, channel: str, destination: str, seq: int, as_json: bool
) -> None:
    """Show parked message SEQ: why it was refused, and what it says."""
    for found in _page(api, channel, destination, seq - 1, 1)["parked"]:
        if found["seq"] == seq:
            break
    else:
        raise Refused(
            f"message {seq} is not parked at {destination}; `iobuffer park list` tells "
            "what is"
        )
    if as_json:
        print_json(found)
        return
    attempts = found["attempts"]
    print(
        f"message {seq} of {channel}, {found['size_bytes']} bytes, received "
        f"{moment(found['received_at'])} from {found['peer'] or 'the line'}"
    )
    print(
        f"  {destination}: parked {moment(found['parked_at'])} after {attempts} "
        f"attempt{'' if attempts == 1 else 's'}: {plain(found.get('reason', ''))}"
    )
    print()
    print_text(found.get("text", ""))
    if found.get("truncated"):
        print("(the rest is left out; `iobuffer show --raw` has it while it is kept)")


@command.command(name="retry")
@asks
@CHANNEL
@DESTINATION
@_NUMBERED
@_ALL
@_JSON
@_with_status
def retry_command(
    api: Api,
    channel: str,
    destination: str,
    numbers: tuple[tuple[int, int | None], ...],
    every: bool,
    as_json: bool,
) -> None:
    """Send parked messages to DESTINATION again; NUMBERS (17, 17-20, 17-), or --all.

    Those that arrive are parked no more. Ends when the connection is lost.
    """
    seqs = _meant(api, channel, destination, numbers, every)
    done: dict[str, Any] = {"delivered": 0, "refused": [], "missing": 0, "stopped": ""}
    while seqs and not done["stopped"]:
        part, seqs = seqs[:_PART_MESSAGES], seqs[_PART_MESSAGES:]
        body = {"destination": destination, "seqs": part}
        found = api.post(
            "channels", channel, "parked", "retry", body=body, patient=True
        )
        for name in ("delivered", "refused", "missing"):
            done[name] += found[name]
        done["stopped"] = found["stopped"]
    if as_json:
        print_json(done)
    else:
        refused = len(done["refused"])
        print(f"delivered {done['delivered']}, refused again {refused}")
        for each in done["refused"]:
            print(f"message {each['seq']}: {plain(each['reason'])}", file=sys.stderr)
        if done["stopped"]:
            print(f"iobuffer: it ended: {plain(done['stopped'])}", file=sys.stderr)
    if done["refused"] or done["stopped"]:
        sys.exit(ExitStatus.DOES_NOT_ADD_UP)


@command.command(name="drop")
@asks
@CHANNEL
@DESTINATION
@_NUMBERED
@_ALL
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
@_with_status
def drop_command(
    api: Api,
    channel: str,
    destination: str,
    numbers: tuple[tuple[int, int | None], ...],
    every: bool,
    reason: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Give parked messages up for good; NUMBERS (17, 17-20, 17-), or --all.

    DESTINATION will never have them. They are counted as dropped for that reason.
    """
    seqs = _meant(api, channel, destination, numbers, every)
    dropped = 0
    if seqs and not yes:
        what = "message" if len(seqs) == 1 else "messages"
        agreed(f"{len(seqs)} parked {what}: drop for good?")
    while seqs:
        part, seqs = seqs[:_PAGE_MESSAGES], seqs[_PAGE_MESSAGES:]
        body = {"destination": destination, "seqs": part, "reason": reason}
        dropped += api.post("channels", channel, "parked", "drop", body=body)["dropped"]
    if as_json:
        print_json({"dropped": dropped})
    else:
        print(f"dropped {dropped}")


def _meant(
    api: Api,
    channel: str,
    destination: str,
    numbers: tuple[tuple[int, int | None], ...],
    every: bool,
) -> list[int]:
    """The numbers of those that are parked and meant."""
    if bool(numbers) == every:
        raise click.UsageError("say which: numbers, or --all")
    seqs = [each["seq"] for each in _parked(api, channel, destination)]
    if every:
        return seqs
    found = [
        seq
        for seq in seqs
        if any(
            first <= seq and (last is None or seq <= last) for first, last in numbers
        )
    ]
    if not found:
        raise Refused(
            f"none of these is parked at {destination}; `iobuffer park list` tells "
            "what is"
        )
    return found


def _parked(api: Api, channel: str, destination: str) -> Iterator[dict[str, Any]]:
    """All of them; of several destinations one after the other."""
    names = [destination]
    if not destination:
        parts = api.ask("GET", "channels", channel)["parts"]
        names = [name for name in parts if parts[name]["kind"] == "destination"]
    for name in names:
        after, full = 0, True
        while full:
            page = _page(api, channel, name, after, _PAGE_MESSAGES)["parked"]
            yield from page
            full = len(page) == _PAGE_MESSAGES
            after = page[-1]["seq"] if page else after


def _page(api: Api, channel: str, destination: str, after: int, limit: int) -> Any:
    return api.ask(
        "GET",
        "channels",
        channel,
        "parked",
        destination=destination,
        after=after,
        limit=limit,
    )
