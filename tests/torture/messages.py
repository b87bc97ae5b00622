"""The judge's messages as devices would send them: text on a line, and HL7.

base64 of judge.make_message(source, number)
MSH|...|source-number|... CR ZZZ|the same CR
"""

from __future__ import annotations

import binascii

from .judge import make_message, parse_message

__all__ = ["hl7", "line", "unwrap"]


def line(source: int, number: int, size_bytes: int = 0) -> bytes:
    """Without a line end. About 90 to 350 bytes, or a payload of that size."""
    size_bytes = size_bytes or 48 + number * 7919 % 192
    message = make_message(source, number, size_bytes)
    return binascii.b2a_base64(message, newline=False)


def hl7(source: int, number: int, size_bytes: int = 0) -> bytes:
    """The same as a result that wants AA or AE; ends in CR, without the block."""
    return _header(source, number) + line(source, number, size_bytes) + b"\r"


def unwrap(delivered: bytes) -> bytes:
    """What judge.parse_message takes; as it came if one byte around it has changed."""
    head, separator, text = delivered.rpartition(b"\rZZZ|")
    if separator:
        if not text.endswith(b"\r"):
            return delivered
        text = text[:-1]
    try:
        message = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return delivered
    name = parse_message(message)
    if name is None or binascii.b2a_base64(message, newline=False) != text:
        return delivered
    if separator and head + separator != _header(*name):
        return delivered
    return message


def _header(source: int, number: int) -> bytes:
    return b"MSH|^~\\&|ANALYSER|W|LIS|L|20261122084500||ORU^R01|%d-%d|P|2.5.1\rZZZ|" % (
        source,
        number,
    )
