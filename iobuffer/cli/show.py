"""`iobuffer show`: one message of a running gateway, whole."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from ._api import Api, asks
from ._names import CHANNEL
from ._shown import moment, plain, print_json, print_text

__all__ = ["command"]

_HEX_ROW_BYTES = 16


@click.command(name="show")
@asks
@CHANNEL
@click.argument("seq", type=click.IntRange(1))
@click.option("--hex", "form", flag_value="hex", help="Its bytes, in hex and as text.")
@click.option(
    "--decoded", "form", flag_value="decoded", help="Its segments and fields by name."
)
@click.option("--raw", "form", flag_value="raw", help="Its bytes and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, channel: str, seq: int, form: str | None, as_json: bool) -> None:
    """Show one message, and what became of it.

    SEQ is its number in CHANNEL.

    \b
        iobuffer show CONFIG chem-1 17 --decoded
        iobuffer show CONFIG chem-1 17 --raw >17.hl7

    Exit status: 0 shown; 1 there is no such message, or the gateway refused; 69 none is
    running there; 78 the configuration cannot be read.
    """
    path = ("channels", channel, "messages", str(seq))
    if form == "raw":
        if as_json:
            raise click.UsageError("--raw is no JSON")
        sys.stdout.buffer.write(api.raw("GET", *path, form=form))
        sys.stdout.buffer.flush()
        return
    if form == "decoded":
        decoded = api.ask("GET", *path, "decoded")
        print_json(decoded) if as_json else _print_decoded(decoded)
        return
    found = api.ask("GET", *path, form=form or "text")
    if as_json:
        print_json(found)
        return
    print(
        f"message {found['seq']} of {channel}, {found['size_bytes']} bytes, received "
        f"{moment(found['received_at'])} from {found['origin'] or 'the line'}"
    )
    for hop in found["hops"]:
        print(f"  through channel {hop['channel']} of the gateway {hop['gateway']}")
    for name, outcome in found["outcomes"].items():
        words = outcome["state"]
        if "confidence" in outcome:
            words += f" ({outcome['confidence']}) {moment(outcome['delivered_at'])}"
        if outcome.get("reason"):
            words += f": {plain(outcome['reason'])}"
        print(f"  {name}: {words}")
    print()
    if "hex" in found:
        _print_hex(bytes.fromhex(found["hex"]))
    elif "text" in found:
        print_text(found["text"])
    if found.get("truncated"):
        print("(the rest is left out; --raw gives all of it)")


def _print_hex(message: bytes) -> None:
    for at in range(0, len(message), _HEX_ROW_BYTES):
        row = message[at : at + _HEX_ROW_BYTES]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        print(f"{at:08x}  {row.hex(' '):47}  {text}")


def _print_decoded(found: Mapping[str, Any]) -> None:
    print(f"{found['kind']}: {plain(found['summary'])}")
    for segment in found["segments"]:
        title = segment.get("title")
        print(f"{plain(segment['name'])}{f'  {plain(title)}' if title else ''}")
        _print_fields(segment.get("fields") or (), "  ")
    if found.get("note"):
        print(plain(found["note"]))


def _print_fields(fields: Sequence[Mapping[str, Any]], indent: str) -> None:
    """Those that hold something; a field that is made of others says nothing else."""
    for field in fields:
        below = field.get("fields") or ()
        value = "" if below else plain(str(field.get("value", "")))
        if not below and not value:
            continue
        words = [plain(field["name"]), plain(field.get("title") or ""), value]
        print(indent + "  ".join(word for word in words if word))
        _print_fields(below, indent + "  ")
