"""SNMP notifications as they are shown; the datagrams are net-snmp's."""

from __future__ import annotations

from iobuffer.decoding import decode
from tests.decoding.samples import INFORM, TRAP_V1, TRAP_V2, TRAP_V3
from tests.decoding.test_any_message import fields_of


def test_a_v1_trap_says_who_and_what() -> None:
    found = decode(TRAP_V1)
    assert found.summary == "SNMPv1 Trap enterprises.8072.2.3 17"
    values = {each.name: each.value for each in fields_of(found)}
    assert values["community"] == "public"
    assert values["Agent address"] == "127.0.0.1"
    assert values["Generic trap"] == "6 (enterpriseSpecific)"
    assert values["Specific trap"] == "17"
    assert values["Time since the agent started"] == "0:02:03.45"
    assert found.segments[-1].name == "1.3.6.1.4.1.8072.2.3.2.1"
    assert found.segments[-1].fields[0].value == "42"


def test_a_generic_v1_trap_is_named() -> None:
    generic = TRAP_V1.replace(b"\x02\x01\x06\x02\x01\x11", b"\x02\x01\x02\x02\x01\x00")
    assert decode(generic).summary == "SNMPv1 Trap linkDown"


def test_a_v2_trap_shows_its_variables() -> None:
    found = decode(TRAP_V2)
    assert found.summary == "SNMPv2c Trap enterprises.8072.2.3.0.1"
    assert [each.title for each in found.segments[2:]] == [
        "sysUpTime.0",
        "snmpTrapOID.0",
        "enterprises.8072.2.3.2.1",
    ]
    assert found.segments[-1].fields[0].value == "door open"
    assert found.segments[-1].fields[0].title == "OCTET STRING"
    assert TRAP_V2[found.segments[-1].at] == 0x30
    assert found.note == ""


def test_a_standard_notification_is_named() -> None:
    own = bytes.fromhex("060b2b06010401bf0802030001")
    # linkUp, filled up with a zero arc to the same length.
    link_up = bytes.fromhex("060b2b06010603010105040000")
    assert decode(TRAP_V2.replace(own, link_up)).summary == "SNMPv2c Trap linkUp.0.0"


def test_an_inform_is_one() -> None:
    assert decode(INFORM).summary.startswith("SNMPv2c Inform ")


def test_v3_says_that_it_is_for_those_with_the_keys() -> None:
    found = decode(TRAP_V3)
    assert found.summary == "SNMPv3"
    assert "keys" in found.note


def test_a_datagram_that_is_cut_off_says_so() -> None:
    found = decode(TRAP_V2[:60])
    assert found.note == "The datagram is cut off."
    assert found.segments[2].title == "sysUpTime.0"
