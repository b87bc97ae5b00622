"""HL7 v2 (chapter 2 of the standard), read to be looked at.

Whatever separators MSH declares are used; segments end at CR, LF or both. Nothing is
judged: what does not look like a segment is shown as it is.
"""

from __future__ import annotations

import codecs
import re
from functools import partial

from .delimited import Delimiters, Word, field_of
from .hl7_words import FIELDS, TITLES, TYPES
from .values import MAX_DECODED_BYTES, Decoded, Field, Segment, Space, as_text

__all__ = ["HEADER", "decode_hl7"]

#: What a message, a batch or a file begins with; a start byte or blanks may be before.
HEADER = re.compile(
    rb"(?:\xef\xbb\xbf)?[\0\t\r\n \x0b]*+(?P<name>MSH|BHS|FHS)"
    rb"(?P<field>[!-/:-@\[-`{-~])"
)
_SEGMENT = re.compile(rb"[^\r\n\x0b\x1c]+")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_HEADERS = ("MSH", "BHS", "FHS")
_HEX = re.compile(r"X(?:[0-9A-Fa-f]{2})+")
_UNKNOWN = Word()
_ISO_8859 = re.compile(r"(?:ISO[ _-]?)?8859[/-](\d{1,2})")
#: Of HL7 table 0211, and what is met; empty is UTF-8 where it can be, as by default.
_CODECS = {
    "": "",
    "ASCII": "",
    "UTF-8": "",
    "UTF8": "",
    "UNICODE": "",
    "UNICODE UTF-8": "",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
    **{f"WINDOWS-{number}": f"cp{number}" for number in range(1250, 1259)},
}
#: OBX-5 is of the type that OBX-2 names.
_OBSERVATION_VALUE = 5


def decode_hl7(message: bytes) -> Decoded | None:
    """The segments of a message that begins with MSH, BHS or FHS; None for others."""
    header = HEADER.match(message)
    if header is None:
        return None
    space = Space(len(message))
    beginning = message[:MAX_DECODED_BYTES]
    marks = _delimiters(beginning, header.start("name"))
    codec = _codec(beginning, header.start("name"), space)
    segments = []
    for found in _SEGMENT.finditer(beginning, header.start("name")):
        if not space.take():
            break
        text = _decoded(found[0], codec)
        segments.append(_segment(text, found.start(), marks, space))
    return space.decoded("hl7", _summary(segments), segments)


def _delimiters(message: bytes, at: int) -> Delimiters:
    """From the header: MSH|^~\\& and what it says instead."""
    separator = chr(message[at + 3])
    declared = message[at + 4 : at + 9].decode("latin-1")
    declared = re.split(r"[\r\n]", declared.partition(separator)[0])[0]
    # A letter or a blank there is a header that was cut off, or none.
    signs = [each if _is_sign(each) else "" for each in declared[:4]]
    component, repetition, escape, sub = signs + [""] * (4 - len(signs))
    return Delimiters(separator, component, repetition, escape, sub)


def _is_sign(each: str) -> bool:
    return "!" <= each <= "~" and not each.isalnum()


def _codec(message: bytes, at: int, space: Space) -> str:
    """MSH-18 as Python calls it; empty when it does not say, or says nothing known."""
    header = _SEGMENT.match(message, at)
    fields = header[0].split(message[at + 3 : at + 4], 18) if header else []
    if len(fields) < 18 or fields[0] != b"MSH":
        return ""
    stated = re.split(rb"[~^]", fields[17])[0].decode("latin-1").strip().upper()
    part = _ISO_8859.fullmatch(stated)
    name = f"iso8859-{part[1]}" if part else _CODECS.get(stated)
    try:
        if name is not None:
            return name and codecs.lookup(name).name
    except LookupError:
        pass  # 8859/12 was never made, and there is none beyond 16
    space.note(f"The character set {stated[:40]!r} of MSH-18 is not known here.")
    return ""


def _decoded(segment: bytes, codec: str) -> str:
    if not codec:
        return as_text(segment)
    try:
        return segment.decode(codec)
    except ValueError:
        return as_text(segment)


def _segment(text: str, at: int, marks: Delimiters, space: Space) -> Segment:
    name, _, _ = text.partition(marks.field)
    if _NAME.fullmatch(name) is None:
        space.note("Some lines do not begin with a segment's name.")
        whole = Field("", "", space.value(text))
        return Segment("", "Not a segment", at, (whole,))
    parts = text.split(marks.field, space.left + 1)[1:]
    words = FIELDS.get(name, ())
    fields: list[Field] = []
    first = 1
    if name in _HEADERS:
        # Its first field is the separator itself, its second the other separators.
        encoding = parts.pop(0) if parts else ""
        for number, value in ((1, marks.field), (2, encoding)):
            if value and space.take():
                title = FIELDS["MSH"][number - 1].title
                fields.append(Field(f"{name}-{number}", title, space.value(value)))
        first = 3
    value_type = parts[1].strip() if name == "OBX" and len(parts) > 1 else ""
    plain = partial(_unescaped, marks=marks)
    for number, part in enumerate(parts, first):
        word = words[number - 1] if number <= len(words) else _UNKNOWN
        if value_type and number == _OBSERVATION_VALUE:
            word = Word(word.title, TYPES.get(value_type, ()))
        found = field_of(f"{name}-{number}", part, word, marks, plain, space)
        if found is not None:
            fields.append(found)
    return Segment(name, TITLES.get(name, _custom(name)), at, tuple(fields))


def _custom(name: str) -> str:
    return "Site-defined segment" if name.startswith("Z") else ""


def _unescaped(text: str, marks: Delimiters) -> str:
    """A value with the escape sequences of chapter 2.7 undone; what is for a display
    (highlighting, other character sets) stays as it is."""
    mark = marks.escape
    if not mark or mark not in text:
        return text
    meant = {
        "F": marks.field,
        "S": marks.component,
        "T": marks.sub,
        "R": marks.repetition,
        "E": mark,
        ".br": "\n",
    }

    def said(sequence: re.Match[str]) -> str:
        word = sequence[1]
        if _HEX.fullmatch(word):
            return as_text(bytes.fromhex(word[1:]))
        return meant.get(word, sequence[0])

    sign = re.escape(mark)
    return re.sub(f"{sign}([^{sign}]*){sign}", said, text)


def _summary(segments: list[Segment]) -> str:
    """Message type and control ID, and how many more there are in a batch."""
    headers = [each for each in segments if each.name == "MSH"]
    if not headers:
        return segments[0].title if segments else "HL7"
    fields = {each.name: each for each in headers[0].fields}
    kind, control_id = fields.get("MSH-9"), fields.get("MSH-10")
    words = ["HL7"]
    if kind is not None:
        # Code and event; the structure behind them tells a person nothing more.
        words = ["^".join(each.value for each in kind.fields[:2]) or kind.value]
    if control_id is not None:
        words.append(control_id.value)
    if len(headers) > 1:
        words.append(f"and {len(headers) - 1} more")
    return " ".join(words)
