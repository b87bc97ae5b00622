"""`[http]`: where the page and the API listen."""

from __future__ import annotations

from typing import Any

import attrs

from ..links.tls import TlsConfig
from ..options import HOST, PORT, group, option

__all__ = ["HttpConfig"]


@attrs.frozen(kw_only=True)
class HttpConfig:
    """The section is checked so that a configuration is ready for the page; this
    version serves none, and says so when it starts."""

    host: str = option(
        HOST,
        default="127.0.0.1",
        help="Address to listen on. Loopback until there are users and TLS.",
    )
    port: int = option(PORT, default=8080, help="TCP port of the page and the API.")
    tls: Any = group(TlsConfig, help="Certificate and key of the page.")
