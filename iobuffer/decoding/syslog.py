"""Syslog by RFC 5424, RFC 3164, and as it is really sent, read to be looked at."""

from __future__ import annotations

import re

from .values import MAX_DECODED_BYTES, Decoded, Field, Segment, Space, as_text

__all__ = ["decode_syslog"]

_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp"),
    *("cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *("local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
_SEVERITIES = (
    ("emerg", "the system is unusable"),
    ("alert", "action must be taken at once"),
    ("crit", "critical conditions"),
    ("err", "error conditions"),
    ("warning", "warning conditions"),
    ("notice", "normal but significant condition"),
    ("info", "informational message"),
    ("debug", "debug-level message"),
)
_MAX_PRIORITY = 191

#: A count of bytes may still stand before it (RFC 6587), and blanks.
_PRIORITY = re.compile(rb"[\0\t\r\n ]*+(?:\d{1,9} )?(?P<sign><(?P<value>\d{1,3})>)")
_HEAD = {
    "timestamp": "Timestamp",
    "host": "Host",
    "application": "Application",
    "process": "Process ID",
    "message": "Message ID",
}
#: RFC 5424, 6: `-` is a field without a value.
_RFC5424 = re.compile(
    rb"(?P<version>[1-9]\d{0,2}) (?P<timestamp>[!-~]{1,64}) (?P<host>[!-~]{1,255}) "
    rb"(?P<application>[!-~]{1,255}) (?P<process>[!-~]{1,255}) "
    rb"(?P<message>[!-~]{1,255})(?: |\Z)"
)
#: RFC 3164, 4.1; a time as in RFC 5424 is met, and a tag without a host.
_RFC3164 = re.compile(
    rb"(?P<timestamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[0-9:.+Z-]+)"
    rb"(?: (?P<host>[!-9;-Z\\^-~]{1,255})(?= ))?"
    rb"(?: (?P<application>[^\s:\[\]]{1,64})(?:\[(?P<process>[^\]\s]{1,128})\])?:)?"
    rb":?(?: |\Z)"
)
_ELEMENT = re.compile(rb'\[(?P<name>[^\s=\]"]{1,64})')
_PARAMETER = re.compile(
    rb' (?P<name>[^\s=\]"]{1,64})="(?P<value>(?:[^"\\]|\\.)*+)"', re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\\]])')
_MARK = b"\xef\xbb\xbf"


def decode_syslog(message: bytes) -> Decoded | None:
    """Priority, header, structured data and text of a message that begins with
    `<priority>`; None for others."""
    found = _PRIORITY.match(message)
    if found is None or int(found["value"]) > _MAX_PRIORITY:
        return None
    space = Space(len(message))
    beginning = message[:MAX_DECODED_BYTES].rstrip(b"\r\n\0")
    priority, segments = _priority(int(found["value"]), found.start("sign"))
    at = found.end()
    known: dict[str, str] = {}
    head = _RFC5424.match(beginning, at) or _RFC3164.match(beginning, at)
    if head is not None:
        known = {
            name: as_text(value)
            for name, value in head.groupdict().items()
            if value not in (None, b"-") and name in _HEAD
        }
        fields = [
            Field(name, _HEAD[name], space.value(value))
            for name, value in known.items()
        ]
        segments.append(Segment("HEADER", "Header", at, tuple(fields)))
        at = head.end()
        if head.re is _RFC5424:
            elements, at = _structured(beginning, at, space)
            segments += elements
    else:
        space.note("There is no header behind the priority.")
    if beginning.startswith(_MARK, at):
        at += len(_MARK)
    text = as_text(beginning[at:])
    if text:
        whole = Field("text", "Text", space.value(text))
        segments.append(Segment("MSG", "Message", at, (whole,)))
    words = (priority, known.get("host", ""), known.get("application", ""), text)
    summary = " ".join(word[:300] for word in words if word)
    return space.decoded("syslog", summary, segments)


def _priority(value: int, at: int) -> tuple[str, list[Segment]]:
    facility, severity = divmod(value, 8)
    level, meaning = _SEVERITIES[severity]
    fields = (
        Field("facility", "Facility", _FACILITIES[facility]),
        Field("severity", "Severity", f"{level}: {meaning}"),
    )
    return f"{_FACILITIES[facility]}.{level}", [
        Segment("PRI", f"Priority {value}", at, fields)
    ]


def _structured(message: bytes, at: int, space: Space) -> tuple[list[Segment], int]:
    """The elements at `at`, and where what follows them begins."""
    if message.startswith(b"-", at) and message[at + 1 : at + 2] in (b"", b" "):
        return [], min(at + 2, len(message))
    segments: list[Segment] = []
    while (element := _ELEMENT.match(message, at)) and space.take():
        end, fields = element.end(), []
        while (parameter := _PARAMETER.match(message, end)) and space.take():
            value = _ESCAPED.sub(r"\1", as_text(parameter["value"]))
            fields.append(Field(as_text(parameter["name"]), "", space.value(value)))
            end = parameter.end()
        if not message.startswith(b"]", end):
            space.note("The structured data do not end as RFC 5424 has it.")
            return segments, at
        name = as_text(element["name"])
        segments.append(Segment(name, "Structured data", at, tuple(fields)))
        at = end + 1
    return segments, at + message.startswith(b" ", at)
