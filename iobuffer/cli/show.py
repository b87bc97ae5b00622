"""`iobuffer show`: one message of a running gateway, whole."""

from __future__ import annotations

import re
import sys

import click

from ._api import Api, asks
from ._shown import moment, plain, print_json

__all__ = ["command"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_HEX_ROW_BYTES = 16


@click.command(name="show")
@asks
@click.argument("channel")
@click.argument("seq", type=click.IntRange(1))
@click.option(
    "--form",
    type=click.Choice(["text", "hex", "raw"]),
    default="text",
    show_default=True,
    help="raw writes its bytes and nothing else.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, channel: str, seq: int, form: str, as_json: bool) -> None:
    """Show message SEQ of CHANNEL, with what became of it at each destination.

    Exit status: 0 shown; 1 there is no such message, or the gateway refused; 69 none is
    running there; 78 the configuration cannot be read.
    """
    if form == "raw":
        if as_json:
            raise click.UsageError("--form raw is no JSON")
        body = api.raw("GET", "channels", channel, "messages", str(seq), form=form)
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    found = api.ask("GET", "channels", channel, "messages", str(seq), form=form)
    if as_json:
        print_json(found)
        return
    print(
        f"message {found['seq']} of {channel}, {found['size_bytes']} bytes, received "
        f"{moment(found['received_at'])} from {found['peer'] or 'the line'}"
    )
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
        for line in _LINE_END.split(found["text"]):
            print(plain(line))
    if found.get("truncated"):
        print("(the rest is left out; --form raw gives all of it)")


def _print_hex(message: bytes) -> None:
    for at in range(0, len(message), _HEX_ROW_BYTES):
        row = message[at : at + _HEX_ROW_BYTES]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        print(f"{at:08x}  {row.hex(' '):47}  {text}")
