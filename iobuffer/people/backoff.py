"""How soon the next password may be tried, by account and by address.

Five attempts are fast; each one beyond doubles the pause, up to a cap. Nobody is locked
out for ever: an attempt within a pause is not heard and does not lengthen it, and an
address from which a user has come in before is counted apart from all others, so a
stranger's guesses do not keep him out.

`now` is seconds of a clock that only goes forward.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict

import attrs

__all__ = ["LoginBackoff"]

_FAST_ATTEMPTS = 5
_MAX_ACCOUNT_SECONDS = 60.0
_MAX_ADDRESS_SECONDS = 900.0
_FORGET_SECONDS = 3600.0
_MAX_NAME = 64


@attrs.define
class _Tally:
    attempts: int = 0
    next_at: float = float("-inf")
    last_at: float = float("-inf")
    told: bool = False


class LoginBackoff:
    """Counts attempts before the password is looked at, so that many at once do not
    get past it. Safe to call from any thread.

    Args:
        max_keys: how many accounts and addresses are remembered; beyond it the one
            that was quiet longest is forgotten.
    """

    def __init__(self, *, max_keys: int = 10_000) -> None:
        self._max_keys = max_keys
        self._tallies: OrderedDict[tuple[str, str], _Tally] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tallies) + len(self._known)

    def attempt(self, name: str, address: str, *, now: float) -> tuple[float, bool]:
        """May this one be heard now? If so it is counted, and the caller says
        `succeeded` when the password was right.

        Returns:
            Seconds to wait (0: go on), and whether this is the first refusal since the
            pause began.
        """
        with self._lock:
            tallies = [self._tally(key, now) for key in self._keys(name, address)]
            refused = self._refusal(tallies, now)
            if refused[0] > 0:
                return refused
            for tally, cap in zip(
                tallies, (_MAX_ACCOUNT_SECONDS, _MAX_ADDRESS_SECONDS), strict=True
            ):
                tally.attempts += 1
                tally.last_at = now
                tally.told = False
                if tally.attempts >= _FAST_ATTEMPTS:
                    # 2**10 is beyond either cap; attempts may be thousands.
                    power = min(tally.attempts - _FAST_ATTEMPTS, 10)
                    tally.next_at = now + min(2.0**power, cap)
            return 0.0, False

    def pause(self, name: str, address: str, *, now: float) -> tuple[float, bool]:
        """As `attempt`, without counting one."""
        with self._lock:
            tallies = [self._tally(key, now) for key in self._keys(name, address)]
            return self._refusal(tallies, now)

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: the account begins anew, the address has half its
        count forgiven (one may know one password and guess at others), and is known
        for this user."""
        with self._lock:
            account, place = self._keys(name, address)
            self._tallies.pop(account, None)
            if place in self._tallies:
                self._tallies[place].attempts //= 2
                self._tallies[place].next_at = float("-inf")
            pair = (name[:_MAX_NAME], _network(address))
            self._known[pair] = None
            self._known.move_to_end(pair)
            while len(self._known) > self._max_keys:
                self._known.popitem(last=False)

    def _refusal(self, tallies: list[_Tally], now: float) -> tuple[float, bool]:
        pausing = [tally for tally in tallies if tally.next_at > now]
        if not pausing:
            return 0.0, False
        first = not all(tally.told for tally in pausing)
        for tally in pausing:
            tally.told = True
        return max(tally.next_at for tally in pausing) - now, first

    def _keys(self, name: str, address: str) -> list[tuple[str, str]]:
        network = _network(address)
        name = name[:_MAX_NAME]
        if (name, network) in self._known:
            return [("from", f"{name}@{network}"), ("address", network)]
        return [("account", name), ("address", network)]

    def _tally(self, key: tuple[str, str], now: float) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None or now - tally.last_at > _FORGET_SECONDS:
            tally = self._tallies[key] = _Tally()
        self._tallies.move_to_end(key)
        while len(self._tallies) > self._max_keys:
            self._tallies.popitem(last=False)
        return tally


def _network(address: str) -> str:
    """An IPv4 address itself; of IPv6 the /64, which one host has to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
