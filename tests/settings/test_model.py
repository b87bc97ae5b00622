from __future__ import annotations

import platform
from typing import Any

import pytest

from iobuffer.settings.model import PATTERNS, ChannelConfig, GatewayConfig


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ("", ()),
        ("a.ini", ("a.ini",)),
        ("conf.d/*.ini, my files/*.json", ("conf.d/*.ini", "my files/*.json")),
        ("a.ini,\nb.ini\nc.ini,", ("a.ini", "b.ini", "c.ini")),
        (["a.ini", "b.ini"], ("a.ini", "b.ini")),
    ],
)
def test_patterns_stand_between_commas_or_on_lines(
    written: Any, paths: tuple[str, ...]
) -> None:
    assert PATTERNS.parse(written) == paths
    assert PATTERNS.parse(PATTERNS.show(paths)) == paths


@pytest.mark.parametrize("written", [5, None, [5], {"a": 1}])
def test_anything_else_is_no_pattern(written: Any) -> None:
    with pytest.raises(ValueError):
        PATTERNS.parse(written)


def test_the_defaults_are_those_of_the_design() -> None:
    gateway = GatewayConfig()
    channel = ChannelConfig()

    assert gateway.state_dir == "/var/lib/iobuffer"
    assert gateway.name == platform.node()
    assert channel.keep == 7 * 86400
    assert channel.max_bytes == 10 * 1024**3
    assert channel.max_partial_bytes == 64 * 1024**2
    assert channel.when_full == "block"
    assert channel.enabled
