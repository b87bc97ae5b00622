"""STX/ETX beyond the samples: what the check covers and how it is sent."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.stx_etx import StxEtxConfig


@pytest.mark.parametrize(
    ("config", "stream"),
    [
        (StxEtxConfig(), b"\x02AB\x03"),
        (StxEtxConfig(trailer=b"\r\n"), b"\x02AB\x03\r\n"),
        # 41 ^ 42 = 03, ^ 03 = 00
        (StxEtxConfig(check="xor"), b"\x02AB\x03\x00"),
        (StxEtxConfig(check="xor", check_includes_stx=True), b"\x02AB\x03\x02"),
        (StxEtxConfig(check="xor", check_includes_etx=False), b"\x02AB\x03\x03"),
        # 41 + 42 + 03 = 86
        (StxEtxConfig(check="sum"), b"\x02AB\x03\x86"),
        (StxEtxConfig(check="sum", check_encoding="hex"), b"\x02AB\x0386"),
    ],
)
def test_the_check_is_written_and_accepted_as_configured(
    config: StxEtxConfig, stream: bytes
) -> None:
    assert config.encoder().encode([b"AB"]) == stream
    framer = config.framer()
    assert framer.feed(stream) == [b"AB"]
    assert framer.skipped_bytes == 0


def test_a_crc_is_sent_low_byte_first_raw_and_high_digit_first_in_hex() -> None:
    """The value for 123456789 is 4B37 (PROTOCOLS 1.8)."""
    raw = StxEtxConfig(check="crc16", crc16="modbus", check_includes_etx=False)
    digits = StxEtxConfig(
        check="crc16", crc16="modbus", check_includes_etx=False, check_encoding="hex"
    )
    assert raw.encoder().encode([b"123456789"]).endswith(b"\x03\x37\x4b")
    assert digits.encoder().encode([b"123456789"]).endswith(b"\x034B37")


def test_a_wrong_check_is_counted_and_skipped_and_the_next_message_found() -> None:
    framer = StxEtxConfig(check="xor").framer()
    assert framer.feed(b"\x02AB\x03\x07\x02AB\x03\x00") == [b"AB"]
    assert framer.bad_check_total == 1
    assert framer.skipped_sample == b"\x02AB\x03\x07"
    assert framer.error is not None
    assert framer.error.can_continue


def test_a_message_is_complete_before_its_trailer_comes() -> None:
    framer = StxEtxConfig(trailer=b"\r\n").framer()
    assert framer.feed(b"\x02AB\x03") == [b"AB"]
    framer.feed(b"\r")
    framer.feed(b"\n")
    assert framer.skipped_bytes == 0


@pytest.mark.parametrize("message", [b"a\x02", b"a\x03"])
def test_a_message_with_stx_or_etx_is_refused(message: bytes) -> None:
    with pytest.raises(Unframeable) as caught:
        StxEtxConfig().encoder().encode([b"a", message])
    assert caught.value.index == 1
