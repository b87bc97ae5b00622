"""A host and a port in words."""

from __future__ import annotations

import pytest

from iobuffer.links.place import place_of


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("lis.example", "lis.example:6661"),
        ("10.0.0.5", "10.0.0.5:6661"),
        ("fe80::1%eth0", "[fe80::1%eth0]:6661"),
        ("", ":6661"),
    ],
)
def test_the_colons_of_an_address_are_kept_from_the_ports(
    host: str, words: str
) -> None:
    assert place_of(host, 6661) == words
