"""What the comparison of the framings comes down to: found, how sure, what to set."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..framing.side_by_side import Cut
from ..settings.page_words import FRAMING_TITLES

__all__ = ["Finding", "finding", "shown"]

#: More of it than this beyond ASCII is no text of a device, but may be a wrong rate.
_STRANGE_SHARE = 0.3
_ENQ = b"\x05"


@attrs.frozen
class Finding:
    """`found` is the framing in use, empty while nothing is known. `suggested` is the
    one to set, empty where there is nothing better than what is set."""

    found: str
    title: str
    sure: bool
    suggested: str
    advice: str


def finding(
    configured: Cut, best: Cut | None, beginning: bytes, *, taken: bool, serial: bool
) -> Finding:
    """The finding over what has come.

    Args:
        configured: what the configured framing made of it.
        best: the framing that fits best, if any does.
        beginning: the first bytes that came.
        taken: whether the source would take any of it; not so for another protocol.
        serial: whether it came over a serial line.
    """
    found = configured.found if configured.found != "auto" else ""
    if not beginning or not taken:
        advice = "" if not beginning else "none of it is taken for a message; see why"
        return Finding("", "", sure=False, suggested="", advice=advice)
    better = best.name if best is not None and best.name != found else ""
    # A framing that was chosen and fits is right; what else would fit is a guess.
    if configured.name != "auto" and configured.fits:
        better = ""
    sure = configured.fits and not better and not _in_parts(configured, found)
    return Finding(
        found,
        FRAMING_TITLES.get(found, found),
        sure=sure,
        suggested=better,
        advice=_advice(configured, found, better, beginning, serial=serial),
    )


def _advice(
    cut: Cut, found: str, better: str, beginning: bytes, *, serial: bool
) -> str:
    parts = _in_parts(cut, found)
    if parts:
        return parts
    if beginning.startswith(_ENQ) and not better:
        return (
            "the device begins with ENQ (05), as ASTM does, and waits for an answer "
            "that a trial does not give"
        )
    if better:
        title = FRAMING_TITLES.get(better, better)
        return f"this looks like {title}: set framing = {better}"
    strange = sum(byte > 126 for byte in beginning) / len(beginning)
    if serial and strange > _STRANGE_SHARE:
        return (
            "most of it is no text: a wrong baud rate, parity or number of data bits "
            "looks like this"
        )
    if cut.faults or cut.skipped_bytes:
        return (
            f"{cut.skipped_bytes} bytes fit into no message: look at them, and at the "
            "options of the framing"
        )
    if not cut.messages and cut.unfinished_bytes:
        return f"{cut.unfinished_bytes} bytes have come, and no message has ended yet"
    if found == "idle":
        return (
            "no line ends and no marks: messages are told apart by silence. Compare "
            "them with what the device has sent"
        )
    return ""


def _in_parts(cut: Cut, found: str) -> str:
    """What to do where a message of a known kind falls into several; else empty."""
    if found not in ("line", "delimiter", "idle"):
        return ""
    end = "pause" if found == "idle" else "line"
    if cut.first.lstrip(b"\x0b").startswith(b"MSH|"):
        return (
            "HL7 without the bytes of MLLP around it (0B before, 1C 0D behind), so "
            f"each {end} ends a message: let the sender use MLLP"
        )
    if cut.first.startswith(b"H|") and found != "idle":
        return (
            "ASTM records without its link layer: each line is a message here, though "
            "one of theirs goes from H to L"
        )
    return ""


def shown(cuts: Sequence[Cut], best: Cut | None) -> list[dict[str, object]]:
    """The comparison, for JSON."""
    return [
        {
            "name": each.name,
            "title": FRAMING_TITLES.get(each.name, each.name),
            "messages": each.messages,
            "skipped_bytes": each.skipped_bytes,
            "unfinished_bytes": each.unfinished_bytes,
            "faults": each.faults,
            "best": best is not None and each.name == best.name,
        }
        for each in cuts
    ]
