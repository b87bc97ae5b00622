"""A host and a port as one reads and types them."""

from __future__ import annotations

__all__ = ["place_of"]


def place_of(host: str, port: int) -> str:
    """`host:port`; the brackets of an IPv6 address keep its colons from the port's."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
