"""`ack = hl7`: HL7 v2 acknowledgements, given by sources, awaited by destinations."""

from __future__ import annotations

from typing import ClassVar

import attrs

from ..options import BOOL, choice, option, optional
from .base import Answers, Receipts
from .hl7_answers import BatchMode, ControlIds, Enhanced, Hl7Answers, OnBadHeader
from .hl7_receipts import AcceptOn, Hl7Receipts, Match
from .timing import AckTiming

__all__ = ["Hl7AckConfig"]

#: Framings under which an answer needs a block of its own to be found by the peer. The
#: others carry a message by silence or as a datagram: HL7 comes bare there, and so it
#: goes back.
_FRAMED = frozenset({"auto", "delimiter", "mllp", "start_end"})


@attrs.frozen(kw_only=True)
class Hl7AckConfig(AckTiming):
    """For HL7 v2 peers, over MLLP or over whatever they use in its place."""

    type_name: ClassVar[str] = "hl7"

    enhanced: Enhanced = option(
        choice(*Enhanced),
        default=Enhanced.STRICT,
        help="Whether the sender may ask for silence (MSH-15 and MSH-16). `strict`: as "
        "HL7 table 0155 says; a sender that asks for answers to errors only gets none "
        "to success. `always`: one answer to each message, for senders that fill those "
        "fields at random and then wait.",
    )
    on_bad_header: OnBadHeader = option(
        choice(*OnBadHeader),
        default=OnBadHeader.REJECT,
        help="The answer to a message without usable MSH or MSH-10 (it is stored all "
        "the same). `reject`: AR, most senders set it aside and go on. `error`: AE, "
        "most send it again, and stop until somebody looks.",
    )
    batch: BatchMode = option(
        choice(*BatchMode),
        default=BatchMode.SPLIT,
        help="What becomes of FHS/BHS batches. `split`: one stored message and one "
        "answer for each MSH, the batch's own segments are left out. `whole`: stored "
        "as it came, one answer that names FHS-11 or BHS-11. Several MSH without a "
        "batch header are always split.",
    )
    frame: bool | None = option(
        optional(BOOL),
        default=None,
        help="Whether answers stand in an MLLP block (0B ... 1C 0D). Empty: yes on "
        "framings auto, mllp, start_end and delimiter, no on the others, where a bare "
        "answer ends in CR.",
    )
    match: Match = option(
        choice(*Match),
        default=Match.CONTROL_ID,
        help="How a destination knows its answer. `control_id`: MSA-2 is the message's "
        "MSH-10, byte for byte; safe against stray and late answers. `order`: the next "
        "answer is the one, for receivers that change or leave out MSA-2.",
    )
    accept_on: AcceptOn = option(
        choice(*AcceptOn),
        default=AcceptOn.COMMIT,
        help="Which answer settles a message in enhanced mode. `commit`: CA is enough, "
        "the receiver has it on its disk. `application`: wait for AA, AE or AR too; "
        "slower, and a message waits for ever for one that never comes.",
    )
    #: One counter for all connections of a source.
    control_ids: ControlIds = attrs.field(factory=ControlIds, eq=False, repr=False)

    def answers(self, framing: str) -> Answers | None:
        """HL7 answers; on `datagram` each goes back to its sender on its own."""
        return Hl7Answers(
            control_ids=self.control_ids,
            enhanced=self.enhanced,
            on_bad_header=self.on_bad_header,
            batch=self.batch,
            framed=framing in _FRAMED if self.frame is None else self.frame,
            per_message=framing == "datagram",
        )

    def receipts(self, framing: str) -> Receipts | None:
        """A reader of HL7 answers, framed or bare, whatever the framing."""
        return Hl7Receipts(match=self.match, accept_on=self.accept_on)
