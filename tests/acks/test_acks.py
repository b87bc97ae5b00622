"""The table of acknowledgements."""

from __future__ import annotations

import pytest

from iobuffer.acks import ACKS
from iobuffer.acks.base import AckConfig, When
from iobuffer.options import Option, specs


@pytest.mark.parametrize("name", list(ACKS))
def test_every_class_knows_its_name_and_has_defaults(name: str) -> None:
    config: AckConfig = ACKS[name]()
    assert config.type_name == name
    assert config.when is When.STORED
    assert config.deadline == 10.0


@pytest.mark.parametrize("name", list(ACKS))
def test_every_option_has_help_and_a_default_that_reads_back(name: str) -> None:
    for option_name, (_, spec) in specs(ACKS[name]).items():
        assert isinstance(spec, Option), option_name
        assert spec.help.endswith("."), option_name
        shown = spec.converter.show(spec.default)
        assert spec.converter.parse(shown) == spec.default, option_name


def test_none_says_and_awaits_nothing() -> None:
    config: AckConfig = ACKS["none"]()
    assert config.answers("mllp") is None
    assert config.receipts("mllp") is None
