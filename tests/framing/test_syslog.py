"""Syslog beyond the samples of real senders."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.syslog import SyslogConfig, SyslogFramer


def test_messages_are_written_with_their_length() -> None:
    encoder = SyslogConfig().encoder()
    assert encoder.encode([b"<1>a\nb", b"", b"<1>c"]) == b"6 <1>a\nb4 <1>c"


def test_messages_are_written_as_lines_if_that_is_asked_for() -> None:
    encoder = SyslogConfig(encode="lf").encoder()
    assert encoder.encode([b"<1>a", b"<1>b\n", b"<1>c\0"]) == b"<1>a\n<1>b\n<1>c\n"


@pytest.mark.parametrize("message", [b"<1>a\nb", b"<1>a\0b"])
def test_a_line_with_an_end_inside_is_refused(message: bytes) -> None:
    with pytest.raises(Unframeable, match="octet_counting") as caught:
        SyslogConfig(encode="lf").encoder().encode([b"<1>a", message])
    assert caught.value.index == 1


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (b"<12>stdlib SOCK_DGRAM\x00", b"<12>stdlib SOCK_DGRAM"),
        (b"<13>1 - - no end", b"<13>1 - - no end"),
        (b"<13>a\r\n", b"<13>a"),
        (b"<13>a\nb", b"<13>a\nb"),
        (b"\n", b""),
    ],
)
def test_a_datagram_loses_only_the_ends_that_senders_add(
    datagram: bytes, message: bytes
) -> None:
    assert SyslogConfig().datagram(datagram) == message


def test_only_a_line_waits_for_a_line_end() -> None:
    framer = SyslogConfig().framer()
    assert isinstance(framer, SyslogFramer)
    framer.feed(b"12")
    assert not framer.in_line
    framer.feed(b" <1>abc")
    assert not framer.in_line
    framer.feed(b"123456<1>x")
    assert framer.in_line


def test_a_counted_message_that_is_given_up_is_skipped_to_its_end() -> None:
    framer = SyslogConfig().framer()
    framer.feed(b"8 <1>a")
    assert framer.give_up_partial() == []
    assert framer.partial_bytes == 0
    assert framer.feed(b"bcde<1>x\n") == [b"<1>x"]


def test_a_chunk_of_plain_lines_is_cut_as_one_and_its_tail_goes_on() -> None:
    framer = SyslogConfig().framer()
    assert framer.feed(b"<1>a\n<1>b\n<1>") == [b"<1>a", b"<1>b"]
    assert framer.feed(b"c\n<1>d\n") == [b"<1>c", b"<1>d"]
