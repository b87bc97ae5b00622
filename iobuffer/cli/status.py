"""`iobuffer status`: how a running gateway is."""

from __future__ import annotations

import click

from ._api import Api, asks
from ._shown import age, print_json, size

__all__ = ["command"]


@click.command(name="status")
@asks
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, as_json: bool) -> None:
    """Show how the gateway is.

    Its channels by state, its store, its warnings.

    Takes the configuration, the state directory, or the URL of the page.

    Exit status: 0 it runs; 1 it refused, and why; 69 none is running there; 78 the
    configuration cannot be read.
    """
    found = api.ask("GET", "status")
    if as_json:
        print_json(found)
        return
    up = age(max(0.0, found["now"] - found["started_at"]))
    print(f"{found['name']}: iobuffer {found['version']}, up {up}")
    words = [f"{count} {word}" for word, count in sorted(found["channels"].items())]
    print(f"channels: {', '.join(words) or 'none'}")
    store = found["store"]
    print(
        f"store: {size(store['file_bytes'])}, log {size(store['wal_bytes'])}, "
        f"{store['messages_total']} messages in {store['commits_total']} commits "
        "since the start"
    )
    if alarms := found.get("alarms"):
        print(f"alarms: {len(alarms)}; `iobuffer alarms` shows them")
    for warning in found["warnings"]:
        print(warning)
