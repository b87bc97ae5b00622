"""A web client that answers what a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred, succeed

from iobuffer.links.web_client import WebAnswer, WebFailed

__all__ = ["ScriptedClient", "answer"]


def answer(status: int, body: bytes = b"", **headers: str) -> WebAnswer:
    """Header names with an underscore for each hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebAnswer(status, named, body)


class ScriptedClient:
    """Remembers what was asked, and answers by `script`; 200 when that is empty.

    An entry is an answer, a WebFailed, or None for one that waits for `answer`.
    """

    def __init__(self, *script: WebAnswer | WebFailed | None) -> None:
        self.script = list(script)
        #: What to answer to a request, whatever the script says.
        self.judge: Callable[[bytes | None], WebAnswer] | None = None
        self.asked: list[tuple[str, str, bytes | None, Mapping[str, str]]] = []
        self.closed = False
        self._waiting: Deferred[WebAnswer] = Deferred()

    def answer(self, found: WebAnswer) -> None:
        """To the request that has none yet."""
        self._waiting.callback(found)

    @property
    def bodies(self) -> list[bytes | None]:
        return [body for _, _, body, _ in self.asked]

    @property
    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for _, _, _, headers in self.asked]

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: bytes | list[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float,
    ) -> WebAnswer:
        if isinstance(body, list):
            body = b"".join(body)
        self.asked.append((method, url, body, headers or {}))
        if self.judge is not None:
            return self.judge(body)
        found = self.script.pop(0) if self.script else answer(200)
        if found is None:
            self._waiting = Deferred()
            found = await self._waiting
        if isinstance(found, WebFailed):
            raise found
        assert found is not None
        return found

    def close(self) -> Deferred[None]:
        self.closed = True
        return succeed(None)
