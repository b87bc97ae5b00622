"""`ack = auto`: what the framing's protocol expects."""

from __future__ import annotations

from typing import ClassVar

import attrs

from .base import Answers, Receipts
from .hl7 import Hl7AckConfig
from .snmp import SnmpAckConfig
from .timing import AckTiming

__all__ = ["AutoAckConfig"]


@attrs.frozen(kw_only=True)
class AutoAckConfig(AckTiming):
    """HL7 for MLLP, a Response for an SNMP Inform in a datagram, else nothing.

    A source whose framing is `auto` asks again with the framing that was found.
    """

    type_name: ClassVar[str] = "auto"

    # One for all connections, so that their control ids come from one counter.
    _hl7: Hl7AckConfig = attrs.field(
        factory=Hl7AckConfig, init=False, eq=False, repr=False
    )

    def answers(self, framing: str) -> Answers | None:
        """HL7 answers for `mllp`, SNMP answers for `datagram`, None for others."""
        if framing == "mllp":
            return self._hl7.answers(framing)
        if framing == "datagram":
            return SnmpAckConfig().answers(framing)
        return None

    def receipts(self, framing: str) -> Receipts | None:
        """HL7 receipts for `mllp`, None for others."""
        return self._hl7.receipts(framing) if framing == "mllp" else None
