"""Object identifiers that nearly every trap holds, by name (RFC 1907, 2863, 3418)."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GENERIC_TRAPS", "PDUS", "VERSIONS", "named"]

_NAMES: Mapping[str, str] = {
    "1.3.6.1.2.1.1.1": "sysDescr",
    "1.3.6.1.2.1.1.2": "sysObjectID",
    "1.3.6.1.2.1.1.3": "sysUpTime",
    "1.3.6.1.2.1.1.4": "sysContact",
    "1.3.6.1.2.1.1.5": "sysName",
    "1.3.6.1.2.1.1.6": "sysLocation",
    "1.3.6.1.2.1.2.2.1.1": "ifIndex",
    "1.3.6.1.2.1.2.2.1.2": "ifDescr",
    "1.3.6.1.2.1.2.2.1.7": "ifAdminStatus",
    "1.3.6.1.2.1.2.2.1.8": "ifOperStatus",
    "1.3.6.1.2.1.31.1.1.1.1": "ifName",
    "1.3.6.1.2.1.31.1.1.1.18": "ifAlias",
    "1.3.6.1.2.1.33": "upsMIB",
    "1.3.6.1.4.1": "enterprises",
    "1.3.6.1.6.3.1.1.4.1": "snmpTrapOID",
    "1.3.6.1.6.3.1.1.4.3": "snmpTrapEnterprise",
    "1.3.6.1.6.3.1.1.5.1": "coldStart",
    "1.3.6.1.6.3.1.1.5.2": "warmStart",
    "1.3.6.1.6.3.1.1.5.3": "linkDown",
    "1.3.6.1.6.3.1.1.5.4": "linkUp",
    "1.3.6.1.6.3.1.1.5.5": "authenticationFailure",
    "1.3.6.1.6.3.1.1.5.6": "egpNeighborLoss",
    "1.3.6.1.6.3.18.1.3": "snmpTrapAddress",
    "1.3.6.1.6.3.18.1.4": "snmpTrapCommunity",
}

VERSIONS: Mapping[int, str] = {0: "v1", 1: "v2c", 3: "v3"}

#: Of the tag of a PDU (RFC 3416, 3).
PDUS: Mapping[int, str] = {
    0xA0: "GetRequest",
    0xA1: "GetNextRequest",
    0xA2: "Response",
    0xA3: "SetRequest",
    0xA4: "Trap",
    0xA5: "GetBulkRequest",
    0xA6: "Inform",
    0xA7: "Trap",
    0xA8: "Report",
}

#: generic-trap of RFC 1157, 4.1.6.
GENERIC_TRAPS = (
    "coldStart",
    "warmStart",
    "linkDown",
    "linkUp",
    "authenticationFailure",
    "egpNeighborLoss",
    "enterpriseSpecific",
)


def named(identifier: str) -> str:
    """The longest known beginning of it by name, the rest in numbers; empty if none."""
    numbers = identifier.split(".")
    for length in range(len(numbers), 5, -1):
        name = _NAMES.get(".".join(numbers[:length]))
        if name:
            return ".".join([name, *numbers[length:]])
    return ""
