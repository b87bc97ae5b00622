"""The framing found out from a connection's first bytes: `auto` (DESIGN 5).

    0B                  mllp
    02                  stx_etx
    05                  ASTM, not supported yet: kept as it comes, cut at silence
    digits SP <  or  <  syslog
    else                line

LF, CR, NUL and blanks before that decide nothing and are skipped (blanks directly
before a line are part of it). A first line, or first syslog message of no told length,
that has not ended when nothing came for `idle` is from a device that sends no line
ends: the connection is `idle` from then on, also if a line end comes later. Once a
line has ended it is lines for good.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from ..errors import FramingError
from ..options import option
from .base import Encoder, Framer, OnOversize
from .delimited import DelimitedEncoder, UniversalLineFramer
from .idle import GAP, IdleFramer
from .limits import max_message_bytes, on_oversize
from .mllp import MllpConfig, MllpFramer
from .stream import StreamFramer
from .stx_etx import StxEtxConfig, StxEtxFramer
from .syslog import COUNTED_HEADER, HALF_COUNTED_HEADER, SyslogConfig, SyslogFramer

__all__ = ["AutoConfig", "AutoFramer"]

_UNDECIDING = b"\n\r\0 "
#: So many before anything else are the beginning of a line.
_MANY_BLANKS = b" " * 65
_BY_FIRST_BYTE = {0x0B: "mllp", 0x02: "stx_etx", 0x05: "astm", ord("<"): "syslog"}


class _Beginning(StreamFramer):
    """Holds a connection's first bytes until they say what they are."""

    found: str | None = None

    def __init__(self, config: AutoConfig) -> None:
        super().__init__(config.type_name, config.max_message_bytes, config.on_oversize)

    @property
    def has_content(self) -> bool:
        return bool(self._held.strip(b" "))

    def finish(self) -> list[bytes]:
        self._drop_partial()
        return []

    def give_up_partial(self) -> list[bytes]:
        # A few bytes at most; giving them up would free nothing.
        return []

    def _take(self, chunk: bytes) -> list[bytes]:
        self._held += chunk
        content = bytes(self._held).lstrip(_UNDECIDING)
        before = len(self._held) - len(content)
        start = self._held.find(_MANY_BLANKS, 0, before)
        if start >= 0:
            self.found = "line"
        else:
            start = len(self._held[:before].rstrip(b" "))
            self.found = _kind_of(content) if content else None
        self._skip(self._held[:start])
        del self._held[:start]
        return []


def _kind_of(content: bytes) -> str | None:
    kind = _BY_FIRST_BYTE.get(content[0])
    if kind:
        return kind
    if COUNTED_HEADER.match(content):
        return "syslog"
    return None if HALF_COUNTED_HEADER.fullmatch(content) else "line"


class AutoFramer:
    """Finds out, then hands every chunk on."""

    def __init__(self, config: AutoConfig) -> None:
        self._config = config
        self._framer: StreamFramer = _Beginning(config)
        #: Nothing can change the framing any more.
        self._settled = False

    # -- base.Framer, word by word the one in use --------------------------------------

    @property
    def error(self) -> FramingError | None:
        return self._framer.error

    @property
    def name(self) -> str:
        return self._framer.name

    @property
    def framed_bytes(self) -> int:
        return self._framer.framed_bytes

    @property
    def skipped_bytes(self) -> int:
        return self._framer.skipped_bytes

    @property
    def skipped_sample(self) -> bytes:
        return self._framer.skipped_sample

    @property
    def oversize_total(self) -> int:
        return self._framer.oversize_total

    @property
    def quarantined_total(self) -> int:
        return self._framer.quarantined_total

    @property
    def bad_check_total(self) -> int:
        return self._framer.bad_check_total

    @property
    def empty_total(self) -> int:
        return self._framer.empty_total

    @property
    def partial_bytes(self) -> int:
        return self._framer.partial_bytes

    @property
    def idle_seconds(self) -> float | None:
        if self._settled:
            return self._framer.idle_seconds
        return self._config.idle if self._may_never_end() else None

    def feed(self, chunk: bytes) -> list[bytes]:
        messages = self._framer.feed(chunk)
        if self._settled:
            return messages
        if isinstance(self._framer, _Beginning):
            if self._framer.found is None:
                return []
            messages = self._become(self._framer_of(self._framer.found))
        if messages:
            self._settled = True
        return messages

    def idle(self) -> list[bytes]:
        """What has begun and not ended is a message, and so is what follows up to the
        next silence."""
        if self._settled:
            return self._framer.idle()
        if not self._may_never_end():
            return []
        messages = self._become(self._idle_framer())
        self._settled = True
        return messages + self._framer.idle()

    def finish(self) -> list[bytes]:
        messages: list[bytes] = []
        if isinstance(self._framer, _Beginning) and self._framer.has_content:
            messages = self._become(self._line_framer())
        return messages + self._framer.finish()

    def give_up_partial(self) -> list[bytes]:
        return self._framer.give_up_partial()

    # -- finding out -------------------------------------------------------------------

    def _may_never_end(self) -> bool:
        framer = self._framer
        if isinstance(framer, _Beginning):
            return framer.has_content
        if isinstance(framer, SyslogFramer):
            return framer.in_line
        return framer.partial_bytes > 0

    def _become(self, framer: StreamFramer) -> list[bytes]:
        """Go on as this framer, from the first byte that made no message yet."""
        data = self._framer.release()
        framer.take_over(self._framer)
        self._framer = framer
        return framer.feed(data)

    def _framer_of(self, found: str) -> StreamFramer:
        config = self._config
        limit, policy = config.max_message_bytes, config.on_oversize
        # A line or a syslog message must end once before it is believed.
        self._settled = found in ("mllp", "stx_etx", "astm")
        if found == "mllp":
            return MllpFramer(MllpConfig(max_message_bytes=limit, on_oversize=policy))
        if found == "stx_etx":
            return StxEtxFramer(
                StxEtxConfig(max_message_bytes=limit, on_oversize=policy)
            )
        if found == "syslog":
            return SyslogFramer(
                SyslogConfig(max_message_bytes=limit, on_oversize=policy)
            )
        if found == "astm":
            framer = self._idle_framer()
            framer.error = FramingError(
                "the device speaks ASTM (05 came first), which is not supported yet: "
                "its bytes are kept as they come and cut at silence"
            )
            return framer
        return self._line_framer()

    def _line_framer(self) -> StreamFramer:
        return UniversalLineFramer(
            "line",
            keep_empty=False,
            max_message_bytes=self._config.max_message_bytes,
            on_oversize=self._config.on_oversize,
        )

    def _idle_framer(self) -> StreamFramer:
        return IdleFramer(
            "idle",
            self._config.idle,
            max_message_bytes=self._config.max_message_bytes,
            on_oversize=self._config.on_oversize,
        )


@attrs.frozen(kw_only=True)
class AutoConfig:
    """Found out from the first bytes of each connection; shown and logged."""

    type_name: ClassVar[str] = "auto"

    idle: float = option(
        GAP,
        default=0.2,
        help=(
            "Silence inside the first message after which the connection is taken for "
            "one without line ends, in seconds; default 200ms. From then on silence "
            "ends its messages. Longer if a device pauses within its lines; better "
            "still, name the framing."
        ),
    )
    max_message_bytes: int = max_message_bytes()
    on_oversize: OnOversize = on_oversize()

    def framer(self) -> Framer:
        return AutoFramer(self)

    def encoder(self) -> Encoder:
        """Lines that end in LF: on the way out there is nothing to find out."""
        return DelimitedEncoder(b"\n")
