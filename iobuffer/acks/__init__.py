"""Acknowledgements: what a source sends back, what a destination waits for.

`ACKS` is the whole list. `base` holds the contract; nothing here knows of stores,
framers, clocks or Twisted.
"""

from __future__ import annotations

from collections.abc import Mapping

from .auto import AutoAckConfig
from .hl7 import Hl7AckConfig
from .mllp2 import Mllp2AckConfig
from .nothing import NoAckConfig
from .reply_bytes import BytesAckConfig
from .snmp import SnmpAckConfig

__all__ = [
    "ACKS",
    "AutoAckConfig",
    "BytesAckConfig",
    "Hl7AckConfig",
    "Mllp2AckConfig",
    "NoAckConfig",
    "SnmpAckConfig",
]

#: `ack =` name to config class.
ACKS: Mapping[str, type] = {
    "auto": AutoAckConfig,
    "none": NoAckConfig,
    "hl7": Hl7AckConfig,
    "mllp2": Mllp2AckConfig,
    "bytes": BytesAckConfig,
    "snmp": SnmpAckConfig,
}
