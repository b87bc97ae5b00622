"""ASTM E1394 (CLSI LIS02-A2) records, read to be looked at.

A message is H to L, records between CR, as the framing `astm` gives it; a message that
still has its E1381 frames (STX, frame number, checksum) is read as well. Fields count
from the record's letter: R-4 is the value of a result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import partial

from .delimited import Delimiters, Word, field_of
from .values import MAX_DECODED_BYTES, Decoded, Field, Segment, Space, as_text

__all__ = ["HEADER", "decode_astm"]

#: H, and the four delimiters that it declares: none of them a letter or a blank.
HEADER = re.compile(
    rb"[\0\t\r\n \x05\x0b]*+(?:\x02?[0-7])?(?P<name>H)"
    rb"(?P<field>[!-/:-@\[-`{-~])(?!(?P=field))"
    rb"[!-/:-@\[-`{-~]{2,3}(?=[\r\n\x03\x17]|(?P=field)|\Z)"
)
#: The text of a record: what stands before it and behind it belongs to the frame.
_RECORD = re.compile(rb"(?:\x02[0-7]|[\x02\x04\x05])?(?P<text>[^\r\n\x03-\x05\x17]+)")
#: What follows ETX or ETB is the checksum of the frame.
_FRAME_ENDS = (b"\x03", b"\x17")
_CHECKSUM = re.compile(rb"[0-9A-Fa-f]{2}")

_TITLES = {
    "H": "Header",
    "P": "Patient",
    "O": "Order",
    "R": "Result",
    "C": "Comment",
    "Q": "Request for information",
    "M": "Manufacturer information",
    "S": "Scientific information",
    "L": "End of message",
}

_FIELDS = """
H: Record type; Delimiters; Message control ID; Access password; Sender; Sender address;
  Reserved; Sender phone number; Characteristics of sender; Receiver; Comment;
  Processing ID; Version; Date and time of message
P: Record type; Sequence number; Patient ID of the practice; Patient ID of the
  laboratory; Patient ID, third; Patient name; Mother's maiden name; Date of birth; Sex;
  Race; Address; Reserved; Phone number; Attending physician; Special field 1; Special
  field 2; Height; Weight; Diagnosis; Active medications; Diet; Practice field 1;
  Practice field 2; Admission and discharge dates; Admission status; Location; Nature of
  alternative diagnostic code; Alternative diagnostic code; Religion; Marital status;
  Isolation status; Language; Hospital service; Hospital institution; Dosage category
O: Record type; Sequence number; Specimen ID; Instrument specimen ID; Universal test ID;
  Priority; Requested date and time; Collection date and time; Collection end time;
  Collection volume; Collector; Action code; Danger code; Relevant clinical information;
  Specimen received date and time; Specimen descriptor; Ordering physician; Physician's
  phone number; User field 1; User field 2; Laboratory field 1; Laboratory field 2;
  Results reported date and time; Instrument charge; Instrument section; Report type;
  Reserved; Location of collection; Nosocomial infection flag; Specimen service;
  Specimen institution
R: Record type; Sequence number; Universal test ID; Value; Units; Reference ranges;
  Abnormal flags; Nature of abnormality testing; Result status; Date of change of
  normative values; Operator; Test started; Test completed; Instrument
C: Record type; Sequence number; Source; Text; Type
Q: Record type; Sequence number; Starting range ID; Ending range ID; Universal test ID;
  Nature of request time limits; Beginning of results; End of results; Requesting
  physician; Physician's phone number; User field 1; User field 2; Status
M: Record type; Sequence number
S: Record type; Sequence number
L: Record type; Sequence number; Termination code
"""


def _words() -> Mapping[str, tuple[Word, ...]]:
    found = {}
    for line in _FIELDS.replace("\n  ", " ").strip().split("\n"):
        name, _, rest = line.partition(": ")
        found[name] = tuple(Word(each.strip()) for each in rest.split(";"))
    return found


_WORDS = _words()
_UNKNOWN = Word()
#: What the summary counts.
_COUNTED = {"P": "patient", "O": "order", "R": "result", "Q": "request"}


def decode_astm(message: bytes) -> Decoded | None:
    """The records of a message that begins with H and its delimiters; None for
    others."""
    header = HEADER.match(message)
    if header is None:
        return None
    space = Space(len(message))
    beginning = message[:MAX_DECODED_BYTES]
    at = header.start("name")
    marks = _delimiters(beginning[at + 1 : at + 5])
    segments = []
    for found in _RECORD.finditer(beginning, at):
        behind_frame = beginning[found.start() - 1 : found.start()] in _FRAME_ENDS
        if behind_frame and _CHECKSUM.fullmatch(found["text"]):
            continue
        if not space.take():
            break
        text = as_text(found["text"])
        segments.append(_record(text, found.start("text"), marks, space))
    return space.decoded("astm", _summary(segments), segments)


def _delimiters(declared: bytes) -> Delimiters:
    """`|\\^&`: field, repetition, component, escape."""
    signs = [chr(each) if _is_sign(each) else "" for each in declared]
    separator, repetition, component, escape = signs + [""] * (4 - len(signs))
    if escape == separator:
        escape = ""
    return Delimiters(separator, component, repetition, escape)


def _is_sign(code: int) -> bool:
    return 33 <= code < 127 and not chr(code).isalnum()


def _record(text: str, at: int, marks: Delimiters, space: Space) -> Segment:
    name = text.partition(marks.field)[0].upper()
    if name not in _TITLES:
        space.note("Some lines do not begin with a record's letter.")
        return Segment("", "Not a record", at, (Field("", "", space.value(text)),))
    words = _WORDS[name]
    plain = partial(_unescaped, marks=marks)
    fields: list[Field] = []
    for number, part in enumerate(text.split(marks.field, space.left + 1), 1):
        if number == 1:
            continue
        word = words[number - 1] if number <= len(words) else _UNKNOWN
        if number == 2 and name == "H":
            if part and space.take():
                fields.append(Field("H-2", word.title, space.value(part)))
            continue
        found = field_of(f"{name}-{number}", part, word, marks, plain, space)
        if found is not None:
            fields.append(found)
    return Segment(name, _TITLES[name], at, tuple(fields))


def _unescaped(text: str, marks: Delimiters) -> str:
    """`&F& &S& &R& &E&` undone (E1394, 6.6)."""
    mark = marks.escape
    if not mark or mark not in text:
        return text
    meant = {"F": marks.field, "S": marks.component, "R": marks.repetition, "E": mark}
    sign = re.escape(mark)
    return re.sub(f"{sign}([FSRE]){sign}", lambda sequence: meant[sequence[1]], text)


def _summary(segments: list[Segment]) -> str:
    """Who sends it, and how many of what."""
    counts = Counter(each.name for each in segments)
    header = {each.name: each.value for each in segments[0].fields} if segments else {}
    words = [
        f"{counts[name]} {word}{'' if counts[name] == 1 else 's'}"
        for name, word in _COUNTED.items()
        if counts[name]
    ]
    sender = header.get("H-5", "")
    return ": ".join(each for each in (sender, ", ".join(words)) if each) or "ASTM"
