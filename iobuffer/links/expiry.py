"""When certificates end, read from their files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .tls_files import TlsError, fingerprint, load_certificates

__all__ = ["Expiries", "certificate_path"]


def certificate_path(config: Any) -> str:
    """The certificate that a source, a destination or the page shows; "" if none."""
    tls = getattr(config, "tls", None)
    # Of an https URL there is no such switch.
    if tls is None or not getattr(tls, "enabled", True):
        return ""
    path: str = tls.cert or ""
    return path


class Expiries:
    """Reads a file when it has changed, and remembers those that were asked last."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, float | None]] = {}

    def look(self, paths: Iterable[str]) -> dict[str, float]:
        """Epoch seconds at which the first to end of each file's certificates does.

        While a file cannot be used, what was read before counts, as it does for the
        connections; if there was nothing it is left out. Whoever needs it says why.
        """
        known: dict[str, tuple[object, float | None]] = {}
        for path in paths:
            seen = fingerprint([path])
            before = self._known.get(path)
            if before is not None and before[0] == seen:
                known[path] = before
            else:
                at = _expires_at(path)
                if at is None and before is not None:
                    at = before[1]
                known[path] = (seen, at)
        self._known = known
        return {path: at for path, (_, at) in known.items() if at is not None}

    @property
    def files(self) -> dict[str, object]:
        """What was looked at last: by path, what tells two states of its file apart."""
        return {path: seen for path, (seen, _) in self._known.items()}


def _expires_at(path: str) -> float | None:
    try:
        chain = load_certificates(path, "certificate")
    except TlsError:
        return None
    return min(each.not_valid_after_utc.timestamp() for each in chain)
