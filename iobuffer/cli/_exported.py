"""Where exported messages go, and the formats of `iobuffer store export`."""

from __future__ import annotations

import json
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ..storage.maintenance import Exported

__all__ = ["FORMATS", "opened"]


def opened(output: Path | None) -> AbstractContextManager[BinaryIO]:
    """A new file for nobody but its owner, or standard output.

    Raises:
        FileExistsError: there is one already.
    """
    if output is None:
        return nullcontext(sys.stdout.buffer)
    # Messages hold patients' data as a rule, and an older export is not overwritten.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(output, flags, 0o600), "wb")


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
