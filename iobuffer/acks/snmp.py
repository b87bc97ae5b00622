"""`ack = snmp`: the Response that an SNMP Inform waits for (RFC 3416, section 4.2.7).

An Inform (v1 or v2c message, PDU tag A6) is answered by the same datagram with the tag
A2 and error-status and error-index 0. Traps (A4, A7) are not acknowledged. An Inform
of SNMPv3 needs the receiver to be the authoritative engine (RFC 3414): it is stored
like any datagram and not answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from .base import Answers, Receipts
from .timing import AckTiming

__all__ = ["SnmpAckConfig", "SnmpAnswers", "inform_response"]

_INTEGER = 0x02
_OCTET_STRING = 0x04
_SEQUENCE = 0x30
_RESPONSE = 0xA2
_INFORM = 0xA6

#: Of the version field: 0 is v1, 1 is v2c.
_COMMUNITY_VERSIONS = (b"\x00", b"\x01")


def _contents(datagram: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the contents of the BER element at `at` begin and end.

    Raises:
        ValueError: another tag, an indefinite length, or more than there is.
        IndexError: cut off within the header.
    """
    if datagram[at] != tag:
        raise ValueError(tag)
    length = datagram[at + 1]
    start = at + 2
    if length >= 0x80:
        width = length & 0x7F
        # A UDP payload fits in two bytes of length; four are what encoders use at most.
        if not 1 <= width <= 4:
            raise ValueError(length)
        length = int.from_bytes(datagram[start : start + width], "big")
        start += width
    if start + length > len(datagram):
        raise ValueError(length)
    return start, start + length


def inform_response(datagram: bytes) -> bytes | None:
    """The Response to an Inform of SNMP v1 or v2c; None for every other datagram."""
    # Nearly every datagram that is not SNMP ends here, and nearly every trap too.
    if datagram[:1] != b"\x30" or b"\xa6" not in datagram:
        return None
    try:
        at, message_end = _contents(datagram, 0, _SEQUENCE)
        version, at = _contents(datagram, at, _INTEGER)
        if datagram[version:at] not in _COMMUNITY_VERSIONS:
            return None
        _, pdu = _contents(datagram, at, _OCTET_STRING)
        at, pdu_end = _contents(datagram, pdu, _INFORM)
        if not message_end == pdu_end == len(datagram):
            return None
        _, at = _contents(datagram, at, _INTEGER)
        status, status_end = _contents(datagram, at, _INTEGER)
        index, index_end = _contents(datagram, status_end, _INTEGER)
        if _contents(datagram, index_end, _SEQUENCE)[1] != pdu_end:
            return None
    except (IndexError, ValueError):
        # Not an Inform as RFC 3416 lays it out: nobody waits for a Response.
        return None
    response = bytearray(datagram)
    response[pdu] = _RESPONSE
    response[status:status_end] = bytes(status_end - status)
    response[index:index_end] = bytes(index_end - index)
    return bytes(response)


class SnmpAnswers:
    """A Response for each Inform, nothing for anything else."""

    per_message = True

    def split(self, messages: list[bytes]) -> list[bytes]:
        """The datagrams as they are."""
        return messages

    def stored(self, messages: Sequence[bytes], now: float) -> bytes:
        """Nothing: each Response is a datagram of its own, see `answer_each`."""
        return b""

    def failed(self, messages: Sequence[bytes], now: float) -> bytes:
        """Nothing: a sender without a Response sends its Inform again."""
        return b""

    def rejected(self, messages: Sequence[bytes], now: float) -> bytes:
        """Nothing."""
        return b""

    def answer_each(self, messages: Sequence[bytes], now: float) -> list[bytes | None]:
        """The Response to each Inform, None for the other datagrams."""
        return [
            inform_response(message) if message[:1] == b"\x30" else None
            for message in messages
        ]


@attrs.frozen(kw_only=True)
class SnmpAckConfig(AckTiming):
    """For SNMP traps and Informs over UDP."""

    type_name: ClassVar[str] = "snmp"

    def answers(self, framing: str) -> Answers | None:
        """Responses to Informs; only a source that keeps datagrams apart sends them."""
        return SnmpAnswers() if framing == "datagram" else None

    def receipts(self, framing: str) -> Receipts | None:
        """None: a destination forwards datagrams and awaits no Response."""
        return None
