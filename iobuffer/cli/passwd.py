"""`iobuffer passwd`: who may sign in."""

from __future__ import annotations

import json
import sys

import attrs
import click

from ..people import People, PeopleError, Role, User
from ._people import CHANNELS, ROLE, day, open_people, own_name, refusing
from ._place import WHERE

__all__ = ["command"]


@click.command(name="passwd")
@WHERE
@click.argument("user", required=False)
@ROLE
@CHANNELS
@click.option("--disable", "verb", flag_value="disable", help="Keep the user out.")
@click.option("--enable", "verb", flag_value="enable", help="Let him in again.")
@click.option("--remove", "verb", flag_value="remove", help="Forget the user.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    where: str,
    user: str | None,
    role: str | None,
    channels: tuple[str, ...],
    verb: str | None,
    as_json: bool,
) -> None:
    """Add a user, give one a new password or role, or list them.

    Without USER: the list. With one: asks for the password twice, or takes the first
    line of standard input when that is no terminal. A new user is a viewer, the first
    one an administrator, unless --role says otherwise. A running gateway hears of it at
    once; the user's sessions end.

    Exit status: 0 done; 1 refused, and why; 69 a file cannot be read or written; 78 the
    configuration cannot be read.
    """
    with refusing():
        people = open_people(where)
        if user is None:
            if verb or role or channels:
                raise click.UsageError("say which USER")
            _list(people.users.list(), as_json)
        elif verb is not None:
            if role or channels:
                raise click.UsageError(f"--{verb} goes without --role and --channel")
            _change(people, user, verb, as_json)
        else:
            _put(people, user, role, channels, as_json)


def _list(users: list[User], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"users": [attrs.asdict(user) for user in users]}, indent=2))
        return
    for user in users:
        words = [f"{user.name:20}", f"{user.role.value:8}", f"{day(user.changed_at)}"]
        words += ["disabled"] * user.disabled + list(user.channels)
        print("  ".join(words))
    if not users:
        print("there are no users; `iobuffer passwd CONFIG NAME` adds the first one")


def _change(people: People, name: str, verb: str, as_json: bool) -> None:
    with people.noted(own_name(), f"{verb} user", name):
        if verb == "remove":
            people.remove_user(name)
        else:
            people.set_disabled(name, verb == "disable")
    if as_json:
        print(json.dumps({"user": name, "done": f"{verb}d"}, indent=2))
    else:
        print(f"{name}: {verb}d")


def _put(
    people: People,
    name: str,
    role: str | None,
    channels: tuple[str, ...],
    as_json: bool,
) -> None:
    known = people.users.find(name)
    if role is None and known is None:
        first = people.set_up.needed() and not channels
        role = Role.ADMIN.value if first else Role.VIEWER.value
        role = Role.RELAY.value if channels else role
    password = _ask()
    people.passwords.check(name.lower(), password)
    detail = f"{name}: new password" + (f", role {role}" if role else "")
    detail += f", channels {', '.join(channels)}" if channels else ""
    with people.noted(own_name(), "change user" if known else "add user", detail):
        user = people.put_user(
            name, password=password, role=role, channels=channels or None
        )
    # With an administrator there the set-up link is void; its file need not lie about.
    people.set_up.begin()
    if as_json:
        print(json.dumps({"user": attrs.asdict(user)}, indent=2))
        return
    bound = f" of {', '.join(user.channels)}" if user.channels else ""
    print(f"{user.name}: {user.role.value}{bound}, password set")


def _ask() -> str:
    if sys.stdin.isatty():
        text: str = click.prompt(
            "New password", hide_input=True, confirmation_prompt="Again"
        )
        return text
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise PeopleError("there is no password on standard input")
    return text
