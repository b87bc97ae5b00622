"""The page: files of the package, sent as they are.

`static/` holds hand-written ES modules and one vendored bundle (tools/vendor.sh), so
that nothing has to be built. They are found by name in a table made of the folder,
never by a path that somebody asks for. Each is read once, compressed once, and told
apart by its content: a browser that has it is answered with 304.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import attrs

from .base import Call, Reply, Route

__all__ = ["ROUTES"]

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
#: Smaller ones do not become so.
_MIN_COMPRESSED_BYTES = 512


@attrs.frozen
class _File:
    """A file as it is sent: as it is, and compressed if that is smaller."""

    content_type: str
    body: bytes
    compressed: bytes
    etag: str


class _Served:
    """One file of the page, read when it is first asked for."""

    def __init__(self, place: Traversable) -> None:
        self._place = place
        self._file: _File | None = None

    def __call__(self, call: Call) -> Reply:
        if self._file is None:
            self._file = _read(self._place)
        file = self._file
        request = call.request
        headers = [
            ("Cache-Control", "no-cache"),
            ("ETag", file.etag),
            ("Vary", "Accept-Encoding"),
        ]
        if file.etag in _listed(request.getHeader(b"if-none-match")):
            return Reply(304, b"", file.content_type, tuple(headers))
        body = file.body
        if file.compressed and "gzip" in _listed(request.getHeader(b"accept-encoding")):
            headers.append(("Content-Encoding", "gzip"))
            body = file.compressed
        return Reply(200, body, file.content_type, tuple(headers))


def _read(place: Traversable) -> _File:
    body = place.read_bytes()
    compressed = b""
    if len(body) >= _MIN_COMPRESSED_BYTES:
        # No time in it: the same file is the same bytes.
        compressed = gzip.compress(body, 9, mtime=0)
    digest = hashlib.sha256(body).hexdigest()[:32]
    return _File(_TYPES[_suffix(place.name)], body, compressed, f'"{digest}"')


def _listed(header: Any) -> list[str]:
    """The members of a header's list, without their parameters."""
    text = (header or b"").decode("latin-1")
    return [
        each.partition(";")[0].strip().removeprefix("W/") for each in text.split(",")
    ]


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


def _found(folder: Traversable, below: str) -> Iterator[tuple[str, Traversable]]:
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _found(each, f"{below}{each.name}/")
        elif _suffix(each.name) in _TYPES:
            yield below + each.name, each


def _routes() -> Iterator[Route]:
    for name, place in _found(files("iobuffer.web").joinpath("static"), ""):
        path = "/" if name == "index.html" else f"/static/{name}"
        yield Route(
            method="GET",
            path=path,
            # What anyone may read in the package; it shows nothing of the gateway.
            roles=None,
            call=_Served(place),
            summary="The page." if path == "/" else "A part of the page.",
        )


ROUTES = tuple(_routes())
