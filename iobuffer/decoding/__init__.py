"""Messages as people read them: HL7 v2, ASTM, syslog, SNMP, JSON, text.

Floor 1: bytes in, plain values out. A view, never a judgement: nothing here refuses a
message, nothing that is stored or delivered depends on it, and whatever cannot be read
is shown as it is, with a note.
"""

from __future__ import annotations

from .astm import decode_astm
from .hl7 import decode_hl7
from .json_text import decode_json
from .mask import masked
from .plain import decode_text
from .snmp import decode_snmp
from .syslog import decode_syslog
from .values import Decoded, Field, Segment, as_text

__all__ = ["Decoded", "Field", "Segment", "as_text", "decode", "masked"]

#: Asked in turn; each tells its own from the first bytes.
_READERS = (decode_hl7, decode_astm, decode_syslog, decode_snmp, decode_json)


def decode(message: bytes) -> Decoded:
    """The message taken apart, by what it looks like. Never raises.

    At most 1 MiB and 5000 fields of it are shown; it takes less than a millisecond,
    and for the largest a tenth of a second, so it is for a thread.
    """
    for read in _READERS:
        found = read(message)
        if found is not None:
            return found
    return decode_text(message)
