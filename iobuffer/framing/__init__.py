"""Framings: how a stream of bytes is taken apart into messages and put together again.

`base` is the contract, `FRAMINGS` the table of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .auto import AutoConfig
from .base import FramingConfig
from .bracketed import StartEndConfig
from .delimited import DelimiterConfig, LineConfig
from .fixed import FixedConfig
from .idle import IdleConfig
from .mllp import MllpConfig
from .netstring import NetstringConfig
from .prefixed import LengthPrefixConfig
from .stx_etx import StxEtxConfig
from .syslog import SyslogConfig
from .whole import DatagramConfig, RawConfig

__all__ = ["FRAMINGS"]

#: What `framing = ` may be, and what describes it; the kinds of `options.variant`.
FRAMINGS: Final[Mapping[str, type[FramingConfig]]] = {
    "auto": AutoConfig,
    "line": LineConfig,
    "delimiter": DelimiterConfig,
    "start_end": StartEndConfig,
    "mllp": MllpConfig,
    "stx_etx": StxEtxConfig,
    "length_prefix": LengthPrefixConfig,
    "fixed": FixedConfig,
    "idle": IdleConfig,
    "syslog": SyslogConfig,
    "netstring": NetstringConfig,
    "datagram": DatagramConfig,
    "raw": RawConfig,
}
