"""How good the line of a source or a destination is, for one channel's view.

Floor 4. Asked only when somebody looks: the counters know most of it, the kernel and
the drivers the rest. What nobody knows is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .pair import ChannelPair

__all__ = ["PEERS_SHOWN", "line_of", "peers_of"]

#: Of a source with very many connections so many are told; its counters have the rest.
PEERS_SHOWN = 200

#: Those that open the connection themselves: for the others a new one is no news.
_OPENS = frozenset({"tcp_client", "serial", "http", "remote_icombuffer"})


def peers_of(pair: ChannelPair, part: str) -> list[dict[str, Any]]:
    """Who is connected to a part now, as `Source.peers` and `Link.peers` tell."""
    if part == "source":
        return pair.source.peers()[:PEERS_SHOWN] if pair.source else []
    delivery = pair.deliveries.get(part)
    return delivery.link.peers()[:PEERS_SHOWN] if delivery else []


def line_of(
    pair: ChannelPair, part: str, certificate_expires_at: float | None
) -> dict[str, Any]:
    """What is known of a part's line."""
    source = part == "source"
    found = _of_the_source(pair) if source else _of_a_destination(pair, part)
    if certificate_expires_at is not None:
        found["certificate_expires_at"] = certificate_expires_at
    return found


def _of_the_source(pair: ChannelPair) -> dict[str, Any]:
    settings, source = pair.settings.source, pair.source
    counters = pair.counters().get("source")
    found: dict[str, Any] = {}
    if settings is None or source is None or counters is None:
        return found
    framing = getattr(settings.config, "framing", None)
    if framing is not None:
        found["framing"] = framing.type_name
        found["skipped_bytes"] = counters["skipped_bytes_total"]
        if framing.type_name == "auto":
            each = [peer.get("framing", "auto") for peer in source.peers()]
            found["framings_found"] = dict(Counter(each))
    if settings.type_name == "udp":
        found["receive_buffer_bytes"] = counters["receive_buffer_bytes"]
        found["kernel_drops"] = counters["kernel_drops_total"]
    if settings.type_name in _OPENS:
        found["reconnects"] = counters["reopens_total"]
    return found | source.quality()


def _of_a_destination(pair: ChannelPair, part: str) -> dict[str, Any]:
    settings, delivery = pair.settings.destinations[part], pair.deliveries.get(part)
    if delivery is None:
        return {}
    found: dict[str, Any] = {}
    framing = pair.framing(part)
    if framing is not None:
        found["framing"] = framing.type_name
    if settings.type_name in _OPENS:
        found["reconnects"] = max(0, delivery.counters.connects_total - 1)
    return found | delivery.link.quality()
