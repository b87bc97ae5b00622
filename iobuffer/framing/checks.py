"""Check characters: XOR, sum and CRC-16 over bytes (PROTOCOLS 1.4, 1.8)."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from functools import reduce
from operator import xor
from typing import Final

import attrs

__all__ = ["CHECKS", "Check"]


@attrs.frozen
class Check:
    """How a check is computed and in which order its bytes are sent raw.

    As hexadecimal digits every check is sent with its highest digit first.
    """

    compute: Callable[[bytes], int]
    width_bytes: int
    low_byte_first: bool = False

    def raw(self, data: bytes) -> bytes:
        order = "little" if self.low_byte_first else "big"
        return self.compute(data).to_bytes(self.width_bytes, order)  # type: ignore[arg-type]

    def hex(self, data: bytes) -> bytes:
        return b"%0*X" % (2 * self.width_bytes, self.compute(data))


def _reflected_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


_A001: Final = _reflected_table(0xA001)


def _crc16_a001(data: bytes, crc: int) -> int:
    for byte in data:
        crc = crc >> 8 ^ _A001[(crc ^ byte) & 0xFF]
    return crc


CHECKS: Final[Mapping[str, Check]] = {
    "xor": Check(lambda data: reduce(xor, data, 0), 1),
    "sum": Check(lambda data: sum(data) & 0xFF, 1),
    "crc16_arc": Check(lambda data: _crc16_a001(data, 0), 2, low_byte_first=True),
    "crc16_modbus": Check(
        lambda data: _crc16_a001(data, 0xFFFF), 2, low_byte_first=True
    ),
    "crc16_ccitt": Check(lambda data: binascii.crc_hqx(data, 0xFFFF), 2),
    "crc16_xmodem": Check(lambda data: binascii.crc_hqx(data, 0), 2),
}
