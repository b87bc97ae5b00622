"""A host name as the addresses it stands for, without waiting in the reactor."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IResolutionReceiver
from zope.interface import implementer

__all__ = ["addresses_of"]


@implementer(IResolutionReceiver)
class _Collector:
    """Gathers what one look-up finds."""

    def __init__(self, host: str) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._host = host
        self._found: list[str] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        pass

    def addressResolved(self, address: Any) -> None:
        if address.host not in self._found:
            self._found.append(address.host)

    def resolutionComplete(self) -> None:
        if self._found:
            self.done.callback(self._found)
        else:
            self.done.errback(DNSLookupError(f"no address is known for {self._host}"))


def addresses_of(reactor: Any, host: str) -> Deferred[list[str]]:
    """The addresses of `host`, best first, at least one; of an address, that alone.

    Fails with DNSLookupError, which names the host.
    """
    if isIPAddress(host) or isIPv6Address(host):
        return succeed([host])
    collector = _Collector(host)
    reactor.nameResolver.resolveHostName(collector, host)
    return collector.done
