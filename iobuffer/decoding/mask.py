"""A message with everything taken out that it says, so that one sees how it was cut."""

from __future__ import annotations

import re
import string

from . import astm, hl7

__all__ = ["masked"]

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_SIGNS = str.maketrans(
    dict.fromkeys(string.ascii_letters, "x") | dict.fromkeys(string.digits, "9")
)
#: Behind a line's end, a byte that begins a block or a frame, or nothing.
_BEGINS = r"(?<![^\r\n\x0b\x02\ufeff])"


def masked(message: bytes, text: str) -> str:
    """The text with "x" for every letter and "9" for every digit.

    Separators and control characters stay, and so do the names of HL7 segments and the
    letters of ASTM records, where the message is one. `text` is the message, or its
    beginning, decoded; as many characters come back.
    """
    hidden = _BEYOND_ASCII.sub("x", text).translate(_SIGNS)
    header, name = hl7.HEADER.match(message), r"[A-Z][A-Z0-9]{2}"
    if header is None:
        header, name = astm.HEADER.match(message), r"[0-7]?[HPORCQMSL]"
    if header is None:
        return hidden
    separator = re.escape(header["field"].decode("latin-1"))
    pieces, at = [], 0
    for found in re.finditer(f"{_BEGINS}{name}(?={separator})", text):
        pieces += [hidden[at : found.start()], found[0]]
        at = found.end()
    return "".join([*pieces, hidden[at:]])
