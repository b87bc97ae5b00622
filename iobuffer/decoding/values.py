"""What a decoded message is made of, and how much of it there may be."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

__all__ = ["MAX_DECODED_BYTES", "Decoded", "Field", "Segment", "Space", "as_text"]

#: Of a longer message the beginning is decoded.
MAX_DECODED_BYTES = 1024 * 1024
#: Segments, fields and components of one message together.
_MAX_ENTRIES = 5000
_MAX_VALUE_CHARACTERS = 4000
#: What Python says of UTF-8 that ends within a character.
_CUT = "unexpected end of data"


@attrs.frozen
class Field:
    """A value by its place (`PID-3`) and in words; `fields` are its parts, if any."""

    name: str
    title: str
    value: str
    fields: tuple[Field, ...] = ()


@attrs.frozen
class Segment:
    """A run of fields that belong together; `at` is its offset in bytes."""

    name: str
    title: str
    at: int
    fields: tuple[Field, ...] = ()


@attrs.frozen
class Decoded:
    """A message as people read it.

    `kind` is "hl7", "astm", "syslog", "snmp", "json" or "text"; `summary` one line that
    tells it from others; `note` what could not be read, or was left out. `pretty` is
    the whole again, laid out, where that helps (JSON).
    """

    kind: str
    summary: str
    segments: tuple[Segment, ...] = ()
    note: str = ""
    pretty: str = ""


class Space:
    """How much may still be written of one message, and what there was no room for.

    A message may be 16 MiB of separators; what is made of it stays within what a page
    can show.
    """

    def __init__(self, size_bytes: int = 0) -> None:
        self.left = _MAX_ENTRIES
        self._notes: list[str] = []
        if size_bytes > MAX_DECODED_BYTES:
            self.note(
                f"Only the first {MAX_DECODED_BYTES} of {size_bytes} bytes are decoded."
            )

    def take(self) -> bool:
        """Room for one more segment or field; False once there is none."""
        if self.left <= 0:
            self.note(f"Beyond {_MAX_ENTRIES} fields the rest is left out.")
            return False
        self.left -= 1
        return True

    def value(self, text: str) -> str:
        """The text, or as much of it as is shown of one value."""
        if len(text) <= _MAX_VALUE_CHARACTERS:
            return text
        self.note(f"Values are cut after {_MAX_VALUE_CHARACTERS} characters.")
        return text[:_MAX_VALUE_CHARACTERS] + "…"

    def note(self, text: str) -> None:
        """Say it once, however often it happens."""
        if text not in self._notes:
            self._notes.append(text)

    @property
    def notes(self) -> str:
        return " ".join(self._notes)

    def decoded(
        self, kind: str, summary: str, segments: Sequence[Segment], pretty: str = ""
    ) -> Decoded:
        """The whole, with the notes taken on the way."""
        line = " ".join(summary.split())
        short = line if len(line) <= 200 else line[:200] + "…"
        return Decoded(kind, short, tuple(segments), self.notes, pretty)


def as_text(message: bytes, *, whole: bool = True) -> str:
    """UTF-8 where it is, else each byte as one character: nothing is lost to a mark
    that stands for what could not be read. Where it is not the `whole` message, the
    character that the end cuts in two is left out."""
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError as error:
        if not whole and error.end == len(message) and error.reason == _CUT:
            return message[: error.start].decode("utf-8")
        return message.decode("latin-1")
