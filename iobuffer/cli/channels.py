"""`iobuffer channels`: what the channels of a running gateway do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ._api import Api, asks
from ._names import MAYBE_CHANNEL
from ._shown import age, print_json, state

__all__ = ["command"]


@click.command(name="channels")
@asks
@MAYBE_CHANNEL
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, channel: str, as_json: bool) -> None:
    """Show what every channel does, or CHANNEL alone.

    State, reason, what is queued and parked for each destination.

    Exit status: 0 shown; 1 there is no such channel, or the gateway refused; 69 none is
    running there; 78 the configuration cannot be read.
    """
    found = api.ask("GET", "channels", *([channel] if channel else []))
    if as_json:
        print_json(found)
        return
    shown = [found] if channel else found["channels"]
    for each in shown:
        print(_line(each))
        for name, part in each["parts"].items():
            print(f"  {name} ({part['type']}): {state(part['state'])}{_queue(part)}")
    if not shown:
        print("there are no channels; a [source:NAME] section makes one")


def _line(found: Mapping[str, Any]) -> str:
    line = f"{found['name']}: {state(found['state'])}"
    if not found["enabled"]:
        line += ", not enabled"
    if found["full"]:
        line += ", full"
    stored = found["store"]
    return f"{line}, last message {stored['last_seq']}" if stored else line


def _queue(part: Mapping[str, Any]) -> str:
    if part["kind"] == "source":
        return ""
    words = f", queued {part['queued']}"
    oldest = part["oldest_queued_age_seconds"]
    if oldest is not None:
        words += f" (oldest {age(oldest)})"
    ledger = part["ledger"]
    return f"{words}, parked {ledger['parked']}" if ledger else words
