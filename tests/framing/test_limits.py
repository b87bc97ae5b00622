"""The options that all framings share."""

from __future__ import annotations

import pytest

from iobuffer.framing.base import OnOversize
from iobuffer.framing.delimited import LineConfig
from iobuffer.framing.limits import MARK, MESSAGE_SIZE
from iobuffer.framing.whole import DatagramConfig
from iobuffer.options import Option, specs


def _policy(config_class: type) -> Option:
    spec = specs(config_class)["on_oversize"][1]
    assert isinstance(spec, Option)
    return spec


def test_a_mark_has_at_least_one_byte() -> None:
    assert MARK.parse(r"\r\n") == b"\r\n"
    with pytest.raises(ValueError):
        MARK.parse("")


def test_a_message_has_at_least_one_byte() -> None:
    assert MESSAGE_SIZE.parse("1 KiB") == 1024
    with pytest.raises(ValueError):
        MESSAGE_SIZE.parse("0")


def test_a_policy_is_written_by_its_name() -> None:
    converter = _policy(LineConfig).converter
    assert converter.parse("Truncate") is OnOversize.TRUNCATE
    assert converter.show(OnOversize.CLOSE) == "close"


def test_a_datagram_cannot_close_its_connection() -> None:
    spec = _policy(DatagramConfig)
    assert "close" not in spec.help
    with pytest.raises(ValueError):
        spec.converter.parse("close")
