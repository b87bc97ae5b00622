"""Many connections at a time, of bytes as they are."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Mapping

from twisted.internet.threads import deferToThread

__all__ = ["exchange_all"]


async def exchange_all(
    port: int, contents: Mapping[str, bytes], seconds: float = 15.0
) -> dict[str, bytes]:
    """Each of these contents over a connection of its own, all of them at once; by the
    same names, all that came back until the other end closed."""
    found: dict[str, bytes] = await deferToThread(_exchange, port, contents, seconds)
    return found


def _exchange(
    port: int, contents: Mapping[str, bytes], seconds: float
) -> dict[str, bytes]:
    said = dict.fromkeys(contents, b"")
    left = dict(contents)
    ends_at = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for name in contents:
            connection = socket.create_connection(("127.0.0.1", port), seconds)
            connection.setblocking(False)
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            selector.register(connection, both, name)
        while selector.get_map():
            if time.monotonic() > ends_at:
                open_still = list(selector.get_map().values())
                for key in open_still:
                    assert isinstance(key.fileobj, socket.socket)
                    key.fileobj.close()
                names = [key.data for key in open_still]
                raise TimeoutError(f"not closed by the other end: {names}")
            for key, events in selector.select(0.5):
                assert isinstance(key.fileobj, socket.socket)
                name, connection = key.data, key.fileobj
                over = False
                try:
                    if events & selectors.EVENT_WRITE:
                        left[name] = left[name][connection.send(left[name]) :]
                        if not left[name]:
                            selector.modify(connection, selectors.EVENT_READ, name)
                    if events & selectors.EVENT_READ:
                        chunk = connection.recv(65536)
                        said[name] += chunk
                        over = not chunk
                except OSError:
                    # Refused while it was being sent, or reset behind the answer.
                    over = True
                if over:
                    selector.unregister(connection)
                    connection.close()
    return said
