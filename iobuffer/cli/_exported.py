"""The formats of `iobuffer store export`: each writes one exported message."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from ..storage.maintenance import Exported

__all__ = ["FORMATS"]


def _raw(out: BinaryIO, found: Exported, end: bytes) -> None:
    if found.message is not None:
        out.write(found.message)
        out.write(end)


def _hex(out: BinaryIO, found: Exported, end: bytes) -> None:
    if found.message is not None:
        out.write(f"{found.channel}\t{found.seq}\t{found.message.hex()}\n".encode())


def _json(out: BinaryIO, found: Exported, end: bytes) -> None:
    line: dict[str, Any] = {"channel": found.channel, "seq": found.seq}
    if found.message is None:
        line |= {"last_seq": found.last_seq, "damage": found.damage}
    else:
        received_at = datetime.fromtimestamp(found.received_at, UTC)
        line["received_at"] = received_at.isoformat(timespec="milliseconds")
        line["peer"] = found.peer
        if found.parked_for:
            line["parked_for"] = found.parked_for
        try:
            line["text"] = found.message.decode("utf-8")
        except UnicodeDecodeError:
            line["base64"] = b64encode(found.message).decode("ascii")
    out.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


#: Name -> (file, message or damage, what follows a raw message).
FORMATS: Mapping[str, Callable[[BinaryIO, Exported, bytes], None]] = {
    "raw": _raw,
    "hex": _hex,
    "json": _json,
}
