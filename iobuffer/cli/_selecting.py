"""Options that say which messages are meant, and finding them in a running gateway."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import click

from ._api import Api
from ._names import DESTINATION_OPTION
from ._when import MOMENT

__all__ = ["NUMBERS", "Selection", "find", "merged", "selects"]

_PAGE_MESSAGES = 1000
_NUMBERS = re.compile(r"([0-9]{1,18})(?:(-)([0-9]{1,18})?)?")
_STATES = ("queued", "delivered", "parked", "dropped")

_STATE = click.option(
    "--state",
    default=None,
    type=click.Choice(_STATES),
    help="What became of it at the destination.",
)
_OPTIONS = (
    click.option(
        "--since",
        type=MOMENT,
        help="Received then or later: 02:41, '2026-11-22 02:41', '15m ago'.",
    ),
    click.option("--until", type=MOMENT, help="Received before that time."),
    click.option("--contains", default="", metavar="TEXT", help="Holding this text."),
    click.option(
        "--contains-hex", default="", metavar="HEX", help="Holding these bytes: 0d0a."
    ),
    click.option(
        "--peer", default="", metavar="TEXT", help="The sender's address holds this."
    ),
    _STATE,
)


@attrs.frozen(kw_only=True)
class Selection:
    """Which messages are meant; what is empty or None sets no bound."""

    since: float | None = None
    until: float | None = None
    contains: str = ""
    contains_hex: str = ""
    peer: str = ""
    state: str | None = None
    destination: str = ""

    @property
    def given(self) -> bool:
        """Whether anything is to be searched for."""
        return self != Selection(destination=self.destination)

    def query(self) -> dict[str, Any]:
        """As the parameters of the API."""
        found = attrs.asdict(self)
        if not self.state:
            # The API takes the two together.
            del found["destination"]
        return found


def selects(*, destination: bool = True) -> Callable[[Any], Callable[..., None]]:
    """Give a command the options, and a `selection` in their place.

    Without `destination` the command has an argument of that name, which `--state` then
    speaks of.
    """
    options = (*_OPTIONS, DESTINATION_OPTION) if destination else _OPTIONS

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def selecting(*arguments: Any, **named: Any) -> None:
            bounds = {name: named.pop(name) for name in _NAMES}
            where = named.pop("destination") if destination else named["destination"]
            if destination and bool(bounds["state"]) != bool(where):
                raise click.UsageError("--state and --destination go together")
            selection = Selection(**bounds, destination=where)
            function(*arguments, selection=selection, **named)

        for option in reversed(options):
            option(selecting)
        own = list(getattr(function, "__click_params__", []))
        # What @click.option has put on the command's own function goes below.
        given = selecting.__click_params__  # type: ignore[attr-defined]
        selecting.__click_params__ = own + given  # type: ignore[attr-defined]
        selecting.__doc__ = function.__doc__
        return selecting

    return decorate


_NAMES = tuple(
    field.name for field in attrs.fields(Selection) if field.name != "destination"
)


class _Numbers(click.ParamType):
    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        if isinstance(value, tuple):
            return value
        found = _NUMBERS.fullmatch(value)
        if found is not None and int(found[1]):
            first = int(found[1])
            last = int(found[3]) if found[3] else None if found[2] else first
            if last is None or first <= last:
                return first, last
        self.fail(
            f"{value!r}: expected the number of a message, such as 17, or numbers "
            "such as 17-20, or 17- for all from there on",
            param,
            ctx,
        )


#: The type of an argument such as `17`, `17-20` or `17-`: (first, last or None).
NUMBERS = _Numbers()


def merged(
    numbers: Sequence[tuple[int, int | None]], first_seq: int, last_seq: int
) -> list[tuple[int, int]]:
    """In order, without overlap, and within what the channel keeps; without any
    numbers, all of that."""
    runs: list[tuple[int, int]] = []
    bounded = [
        (max(first, first_seq), min(last if last is not None else last_seq, last_seq))
        for first, last in numbers or [(first_seq, None)]
    ]
    for first, last in sorted(bounded):
        if first > last:
            continue
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return runs


def find(
    api: Api, channel: str, selection: Selection, runs: Sequence[tuple[int, int]]
) -> Iterator[int]:
    """The numbers of the messages within `runs` that are meant, in order."""
    for first, last in runs:
        bound: dict[str, int] | None = {"after": first - 1}
        while bound is not None:
            found = api.ask(
                "GET",
                "channels",
                channel,
                "messages",
                limit=_PAGE_MESSAGES,
                **bound,
                **selection.query(),
            )
            for each in found["messages"]:
                if each["seq"] > last:
                    break
                yield each["seq"]
            bound = found["next"]
            if bound is not None and bound["after"] >= last:
                bound = None
