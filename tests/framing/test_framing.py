"""The table of all framings."""

from __future__ import annotations

from typing import Any

import pytest

from iobuffer.framing import FRAMINGS
from iobuffer.options import REQUIRED, Option, specs


@pytest.mark.parametrize(("name", "config_class"), FRAMINGS.items())
def test_a_framing_is_listed_under_its_own_name(name: str, config_class: type) -> None:
    assert config_class.type_name == name  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "config_class"), FRAMINGS.items())
def test_every_default_is_written_and_read_as_itself(
    name: str, config_class: type
) -> None:
    for option_name, (_, spec) in specs(config_class).items():
        assert isinstance(spec, Option), option_name
        assert spec.help.endswith("."), option_name
        if spec.default is not REQUIRED:
            written = spec.converter.show(spec.default)
            assert spec.converter.parse(written) == spec.default, option_name


NEEDED: dict[str, dict[str, Any]] = {
    "start_end": {"start": b"<", "end": b">"},
    "fixed": {"length": 4},
}


@pytest.mark.parametrize(("name", "config_class"), FRAMINGS.items())
def test_a_framing_gives_framers_by_its_name_and_writes_nothing_for_nothing(
    name: str, config_class: type
) -> None:
    config = config_class(**NEEDED.get(name, {}))
    assert config.framer().name == name
    assert config.framer().feed(b"") == []
    assert config.framer().finish() == []
    assert config.framer().idle_seconds is None
    assert config.encoder().encode([]) == b""
    assert config.max_message_bytes > 0
