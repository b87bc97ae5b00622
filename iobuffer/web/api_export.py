"""Messages as a file: streamed, as fast as it is read and no faster.

The store is asked for a page at a time, the next one once the connection has taken the
last: memory stays bounded however much there is, and a reader that is slow holds up
nobody but himself. What came in after the export began is not in it.
"""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from ..decoding import as_text
from .api_messages import sought
from .base import OPERATORS, Call, Problem, Reply, Route
from .shapes import CHANNEL, FILTERS, query
from .showing import check_revealed, note_view

__all__ = ["ROUTES"]

#: A page may hold one message more than this, of 16 MiB at the most.
_PAGE_BYTES = 256 * 1024
_PAGE_MESSAGES = 500
#: Each may hold a page and what its connection has not taken yet.
_MAX_EXPORTS = 8
#: A reader that takes nothing for so long has gone, or might as well have.
_STALLED_SECONDS = 120.0
_WHOLE = 2**40

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: What stands beside a message in a line of JSON.
_TOLD = ("seq", "received_at", "peer", "size_bytes", "states")
_COLUMNS = ("seq", "received_at", "peer", "size_bytes", "states", "encoding", "text")


def _jsonl(channel: str, messages: Iterable[Mapping[str, Any]]) -> bytes:
    """A JSON object on each line; `text` where it is UTF-8, else `base64`."""
    lines = []
    for each in messages:
        line = {name: value for name, value in each.items() if name in _TOLD}
        try:
            line["text"] = each["message"].decode("utf-8")
        except UnicodeDecodeError:
            line["base64"] = b64encode(each["message"]).decode("ascii")
        lines.append(json.dumps({"channel": channel} | line, ensure_ascii=False))
    return "".join(line + "\n" for line in lines).encode()


def _csv(channel: str, messages: Iterable[Mapping[str, Any]]) -> bytes:
    """A row for each; RFC 4180, times in words. No cell is a formula."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for each in messages:
        text = as_text(each["message"])
        received_at = datetime.fromtimestamp(each["received_at"], UTC)
        states = " ".join(f"{name}={word}" for name, word in each["states"].items())
        row = (
            str(each["seq"]),
            received_at.isoformat(timespec="milliseconds"),
            each["peer"],
            str(each["size_bytes"]),
            states,
            "utf-8" if text.encode() == each["message"] else "latin-1",
            text,
        )
        rows.writerow([_guarded(cell) for cell in row])
    return out.getvalue().encode()


def _guarded(cell: str) -> str:
    """A cell that no spreadsheet computes: messages come from whoever can reach the
    source, and `=HYPERLINK(...)` is a message like any other."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _raw(channel: str, messages: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of each, and LF behind it."""
    return b"".join(each["message"] + b"\n" for each in messages)


#: Name -> (what makes a page of it, content type, what stands before it).
_FORMS: Mapping[str, tuple[Callable[..., bytes], str, bytes]] = {
    "jsonl": (_jsonl, "application/jsonl", b""),
    "csv": (_csv, "text/csv; charset=utf-8", ",".join(_COLUMNS).encode() + b"\r\n"),
    "raw": (_raw, "application/octet-stream", b""),
}


@implementer(IPushProducer)
class _Reader:
    """The connection that an export goes to: when it takes more, whether it is there.

    Args:
        request: its header has been set.
        reactor: for the patience with a reader that takes nothing.
    """

    def __init__(self, request: Any, reactor: Any) -> None:
        self._request = request
        self._reactor = reactor
        self._paused = False
        self._waiting: Deferred[None] | None = None
        self._patience: IDelayedCall | None = None
        self.there = True
        # Whatever is left of it when the connection ends is nobody's loss.
        request.notifyFinish().addBoth(lambda _: self.stopProducing())
        request.registerProducer(self, True)

    async def takes_more(self) -> bool:
        """Once it does; False when it is gone, or may no longer have it."""
        if self.there and self._paused:
            self._waiting = Deferred()
            self._patience = self._reactor.callLater(_STALLED_SECONDS, self.cut_off)
            await self._waiting
        if self.there and not self._request.still_allowed():
            self.cut_off()
        return self.there

    def write(self, data: bytes) -> None:
        if self.there:
            self._request.write(data)

    def finish(self) -> None:
        """All of it was given."""
        if self.there:
            self._request.unregisterProducer()
            self._request.finish()

    def cut_off(self) -> None:
        """End the connection in the middle: it must not look like the end."""
        self._patience = None
        self._request.channel.transport.abortConnection()
        self.stopProducing()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._go_on()

    def stopProducing(self) -> None:
        self.there = False
        self._go_on()

    def _go_on(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


async def _export(call: Call) -> Any:
    channel, site = call.path["channel"], call.site
    asked = sought(dict(call.query))
    make, content_type, head = _FORMS[form := asked.pop("form")]
    check_revealed(call, channel)
    if call.request.method == b"HEAD":
        return Reply(body=b"", content_type=content_type)
    if site.exports >= _MAX_EXPORTS:
        raise Problem(
            429,
            f"{_MAX_EXPORTS} exports are being sent already",
            "Try again when one has ended.",
            headers=(("Retry-After", "10"),),
        )
    site.exports += 1
    try:
        # What cannot be given at all is refused in words, while that is possible.
        page = await _page(call, asked | {"after": asked.get("after", 0)})
        await note_view(call, "export messages", _range(channel, form, asked))
        if call.request.gone:
            return NOT_DONE_YET
        request = call.request
        request.setHeader("Content-Type", content_type)
        name = f"{channel}.{'bin' if form == 'raw' else form}"
        request.setHeader("Content-Disposition", f'attachment; filename="{name}"')
        reader = _Reader(request, site.reactor)
        reader.write(head)
        asked.setdefault("before", page["last_seq"] + 1)
        # Those behind the first page came later still.
        asked.pop("since", None)
        while await reader.takes_more():
            reader.write(make(channel, page["messages"]))
            if page["next"] is None:
                reader.finish()
                break
            page = await _page(call, asked | page["next"])
        return NOT_DONE_YET
    finally:
        site.exports -= 1


def _page(call: Call, asked: dict[str, Any]) -> Deferred[dict[str, Any]]:
    bounds = {
        "limit": _PAGE_MESSAGES,
        "max_bytes": _PAGE_BYTES,
        "preview_bytes": _WHOLE,
    }
    return call.site.operations.messages(call.path["channel"], asked | bounds)


def _range(channel: str, form: str, asked: Mapping[str, Any]) -> str:
    """For the audit log. What was searched for is as private as what it is in."""
    words = [f"{name} {value}" for name, value in asked.items() if name != "contains"]
    if asked["contains"]:
        words.append("what contains a text")
    return ", ".join([f"{channel} as {form}", *words])


ROUTES = (
    Route(
        method="GET",
        path="/api/channels/{channel}/export",
        roles=OPERATORS,
        call=_export,
        content_types=tuple(kind.partition(";")[0] for _, kind, _ in _FORMS.values()),
        summary="Messages as a file, oldest first, up to the newest of now: `jsonl`, "
        "an object on each line; `csv`, a `'` before cells that a spreadsheet would "
        "compute; `raw`, the bytes of each and LF. One that is cut off does not end as "
        "HTTP has it.",
        params=(
            CHANNEL,
            query("after", {"type": "integer", "minimum": 0}, "Behind this number."),
            query("before", {"type": "integer", "minimum": 0}, "Before this number."),
            *FILTERS,
            query(
                "form",
                {"type": "string", "enum": list(_FORMS), "default": "jsonl"},
                "How it is written.",
            ),
        ),
    ),
)
