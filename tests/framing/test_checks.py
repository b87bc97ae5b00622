"""The check values that catalogues of CRCs give for `123456789`."""

from __future__ import annotations

import pytest

from iobuffer.framing.checks import CHECKS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("xor", 0x31),
        ("sum", 0xDD),
        ("crc16_arc", 0xBB3D),
        ("crc16_modbus", 0x4B37),
        ("crc16_ccitt", 0x29B1),
        ("crc16_xmodem", 0x31C3),
    ],
)
def test_the_check_of_the_nine_digits(name: str, value: int) -> None:
    assert CHECKS[name].compute(b"123456789") == value


def test_the_modbus_vectors_go_low_byte_first() -> None:
    """PROTOCOLS 1.8, measured."""
    check = CHECKS["crc16_modbus"]
    assert check.raw(b"\x01\x03\x00\x00\x00\x01") == b"\x84\x0a"
    assert check.raw(b"\x11\x03\x00\x6b\x00\x03") == b"\x76\x87"
