"""`[http]`: where the page and the API listen."""

from __future__ import annotations

from typing import Any

import attrs

from ..links.tls import TlsConfig
from ..options import BOOL, HOST, PORT, group, option

__all__ = ["HttpConfig"]


@attrs.frozen(kw_only=True)
class HttpConfig:
    """The page and the API. Without this section there is no TCP port for them; the
    unix socket `api.sock` in `state_dir`, mode 0600, is always there."""

    host: str = option(
        HOST,
        default="127.0.0.1",
        help="Address to listen on. Any but loopback takes `tls.enabled` and a user "
        "with a password (`iobuffer passwd`); until both are there, nothing listens.",
    )
    port: int = option(PORT, default=8080, help="TCP port of the page and the API.")
    tls: Any = group(TlsConfig, help="Certificate and key of the page.")
    unsafe_network_without_tls_or_password: bool = option(
        BOOL,
        default=False,
        help="Listen on `host` all the same. Passwords and messages then cross the "
        "network readable for everybody on it.",
    )
