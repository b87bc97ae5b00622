"""`iobuffer export`: messages of a running gateway, as a file."""

from __future__ import annotations

from pathlib import Path

import click

from ._api import Api, asks
from ._exported import opened
from ._names import CHANNEL
from ._selecting import Selection, selects

__all__ = ["command"]


@click.command(name="export")
@asks
@CHANNEL
@selects()
@click.option("--after", type=int, help="Those behind this number.")
@click.option("--before", type=int, help="Those before this number.")
@click.option(
    "--form",
    type=click.Choice(["jsonl", "csv", "raw"]),
    default="jsonl",
    show_default=True,
    help="jsonl: a JSON object for each, on a line. csv: for a spreadsheet. raw: the "
    "bytes of each and a line feed.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --form jsonl.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A new file, readable for you alone; without it, standard output.",
)
def command(
    api: Api,
    channel: str,
    selection: Selection,
    after: int | None,
    before: int | None,
    form: str,
    as_json: bool,
    output: Path | None,
) -> None:
    """Write messages as JSON lines, CSV or raw.

    Those of CHANNEL, the oldest first, and however many there are.

    \b
        iobuffer export CONFIG chem-1 --since 02:41 --until 03:10 --form csv >night.csv

    A gateway that is stopped has its messages exported by `iobuffer store export`.

    Exit status: 0 written; 1 the gateway refused, and why; 69 none is running there, it
    ended before the end, or the file is there already; 78 the configuration cannot be
    read.
    """
    pieces = api.stream(
        "channels",
        channel,
        "export",
        after=after,
        before=before,
        form="jsonl" if as_json else form,
        **selection.query(),
    )
    first = next(pieces, b"")
    # A refusal leaves no empty file behind.
    with opened(output) as out:
        out.write(first)
        for piece in pieces:
            out.write(piece)
        out.flush()
