"""What is shown of a message, and to whom: the one place where that is decided.

A viewer sees that a message is there and what became of it. An operator sees what it
says; if he came with a session, and the channel's policy is `payloads = reveal`, it is
masked until he has revealed the channel (reveals.py).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from ..decoding import as_text, masked
from .api_people import in_thread
from .base import Call, Problem
from .reveals import reveals_of

__all__ = ["check_revealed", "is_masked", "note_view", "shown"]

#: A message as text or hex in JSON; beyond it there is `form=raw`.
_MAX_SHOWN_BYTES = 1024 * 1024
#: How it was cut is seen from less, and to mask a megabyte takes the reactor's time.
_MAX_MASKED_BYTES = 64 * 1024


def is_masked(call: Call, channel: str) -> bool:
    """Whether whoever asks, if he may see payloads, sees this channel's masked.

    Raises:
        Problem: 404, there is no such channel.
    """
    principal = call.principal
    if call.site.operations.payloads(channel) == "open":
        return False
    if principal is None or principal.via != "session":
        return False
    return not reveals_of(call.site).holds(principal, channel)


def check_revealed(call: Call, channel: str) -> None:
    """Refuse what cannot be masked while the channel is.

    Raises:
        Problem: 403, with the member `reveal`.
    """
    if is_masked(call, channel):
        raise Problem(
            403,
            "The channel's payloads are masked",
            "Reveal them first; it takes a reason, which goes into the audit log.",
            reveal=True,
        )


async def note_view(call: Call, what: str, detail: str) -> None:
    """Write down that payloads are about to be seen.

    Raises:
        AuditError: it cannot be written down; nothing is to be shown.
    """
    assert call.principal is not None
    who, audit = call.principal.name, call.site.people.audit
    await in_thread(call, audit.append, who, what, detail)


def shown(
    found: Mapping[str, Any], call: Call, form: str = "text", *, mask: bool
) -> dict[str, Any]:
    """A message's fields as JSON: `message` as text, hex or base64, masked (text only)
    if `mask`, or left out for those who may not see it."""
    rest = {name: value for name, value in found.items() if name != "message"}
    if not call.may_see_payloads:
        return _with_reasons(rest, lambda reason: None)
    most = _MAX_MASKED_BYTES if mask else _MAX_SHOWN_BYTES
    message: bytes = found["message"][:most]
    whole = len(message) == found["size_bytes"]
    rest["truncated"] = not whole
    if mask:
        rest = _with_reasons(rest, lambda reason: masked(b"", reason))
        text = masked(message, as_text(message, whole=whole))
        return rest | {"text": text, "masked": True}
    if form == "hex":
        rest["hex"] = message.hex()
    elif form == "base64":
        rest["base64"] = b64encode(message).decode("ascii")
    else:
        rest["text"] = as_text(message, whole=whole)
    return rest


def _with_reasons(
    rest: dict[str, Any], change: Callable[[str], str | None]
) -> dict[str, Any]:
    """The same with `change` made to why it was refused, for that may quote it; a
    reason that becomes None is left out."""
    if "outcomes" in rest:
        outcomes = rest["outcomes"].items()
        rest["outcomes"] = {name: _changed(each, change) for name, each in outcomes}
    return _changed(rest, change)


def _changed(
    found: dict[str, Any], change: Callable[[str], str | None]
) -> dict[str, Any]:
    if "reason" not in found:
        return found
    reason = change(found["reason"])
    rest = {name: value for name, value in found.items() if name != "reason"}
    return rest if reason is None else rest | {"reason": reason}
