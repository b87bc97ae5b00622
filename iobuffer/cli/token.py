"""`iobuffer token`: API tokens, for machines."""

from __future__ import annotations

import json
import time

import attrs
import click

from ._people import CHANNELS, ROLE, day, open_people, own_name, refusing
from ._place import WHERE

__all__ = ["command"]


@click.group(name="token")
def command() -> None:
    """Make, list or revoke API tokens.

    A token is for a machine: it is sent as "Authorization: Bearer TOKEN". Each command
    takes the configuration, or the state directory itself; a running gateway hears of
    it at once.
    """


@command.command(name="create")
@WHERE
@click.argument("name")
@ROLE
@CHANNELS
@click.option(
    "--days", type=float, default=365.0, show_default=True, help="How long it is good."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create_command(
    where: str,
    name: str,
    role: str | None,
    channels: tuple[str, ...],
    days: float,
    as_json: bool,
) -> None:
    """Make a token and print it, once: only a hash of it is kept.

    NAME says what it is for, and stands in the audit log. Without --role it is a
    viewer, with --channel a relay.

    Exit status: 0 done; 1 refused, and why; 69 a file cannot be read or written; 78 the
    configuration cannot be read.
    """
    with refusing():
        people = open_people(where)
        role = role or ("relay" if channels else "viewer")
        detail = ", ".join([name, f"role {role}", f"{days:g} days", *channels])
        with people.noted(own_name(), "create token", detail):
            token, text = people.tokens.create(
                name, role, channels, days=days, at=time.time()
            )
    if as_json:
        print(json.dumps(attrs.asdict(token) | {"token": text}, indent=2))
    else:
        print(text)


@command.command(name="list")
@WHERE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_command(where: str, as_json: bool) -> None:
    """What tokens there are, the oldest first.

    The secret of none of them can be shown.

    Exit status: 0 shown; 69 a file cannot be read; 78 the configuration cannot be read.
    """
    with refusing():
        tokens = open_people(where).tokens.list()
    if as_json:
        found = {"tokens": [attrs.asdict(token) for token in tokens]}
        print(json.dumps(found, indent=2))
        return
    for token in tokens:
        ends = "expired" if token.expires_at <= time.time() else "good until"
        words = [token.id, f"{token.name:20}", f"{token.role.value:8}"]
        words += [f"{ends} {day(token.expires_at)}", *token.channels]
        print("  ".join(words))
    if not tokens:
        print("there are no tokens; `iobuffer token create CONFIG NAME` makes one")


@command.command(name="revoke")
@WHERE
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def revoke_command(where: str, id: str, as_json: bool) -> None:
    """Make a token void, by its ID in the list.

    Exit status: 0 done; 1 there is none of that ID; 69 a file cannot be read or
    written; 78 the configuration cannot be read.
    """
    with refusing():
        people = open_people(where)
        with people.noted(own_name(), "revoke token", id):
            token = people.tokens.revoke(id)
    if as_json:
        print(json.dumps({"revoked": attrs.asdict(token)}, indent=2))
    else:
        print(f"{token.id}: {token.name} revoked")
