"""Whatever is none of the protocols: its lines, or how much of it there is."""

from __future__ import annotations

from .values import MAX_DECODED_BYTES, Decoded, Field, Segment, Space, as_text

__all__ = ["decode_text"]

#: Above this share of control bytes it is not for reading.
_MAX_CONTROL_SHARE = 0.1


def decode_text(message: bytes) -> Decoded:
    """Each line as a field; of what is no text only the size."""
    space = Space(len(message))
    beginning = message[:MAX_DECODED_BYTES]
    controls = sum(beginning.count(byte) for byte in _CONTROLS)
    if controls > len(beginning) * _MAX_CONTROL_SHARE:
        space.note("This is no text and no protocol that is known here.")
        return space.decoded("text", f"{len(message)} bytes, not text", [])
    lines = as_text(beginning, whole=beginning == message).splitlines()
    fields = []
    for number, line in enumerate(lines, 1):
        if not space.take():
            break
        fields.append(Field(str(number), "", space.value(line)))
    summary = next((line.strip() for line in lines if line.strip()), "")
    segment = Segment("", "Lines" if len(lines) != 1 else "Line", 0, tuple(fields))
    return space.decoded("text", summary[:300], [segment] if fields else [])


#: All but tab, LF, VT, FF, CR, and escape, which terminals and printers are sent.
_CONTROLS = [bytes([code]) for code in {*range(32)} - {9, 10, 11, 12, 13, 27}]
