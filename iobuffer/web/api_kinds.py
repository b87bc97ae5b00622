"""What a channel can be made of: every kind, its words and its options, for a form."""

from __future__ import annotations

from typing import Any

from .base import PEOPLE, Call, Route
from .shapes import done

__all__ = ["ROUTES"]


def _kinds(call: Call) -> Any:
    return call.site.operations.kinds()


ROUTES = (
    Route(
        method="GET",
        path="/api/kinds",
        roles=PEOPLE,
        call=_kinds,
        summary="Every kind of source and destination, framing and acknowledgement, "
        "with the words of the documentation page and each option's label, help, kind "
        "of input, default and choices.",
        reply=done(
            sources="array",
            destinations="array",
            policy="array",
            framings="array",
            acks="array",
        ),
    ),
)
