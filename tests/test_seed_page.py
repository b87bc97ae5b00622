"""Every JSON block of the user's documentation page, exactly as it is printed there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iobuffer.registry import KINDS
from iobuffer.settings.load import load

PAGE = Path(__file__).parent / "data" / "seed_page.txt"


def _blocks() -> list[str]:
    """The JSON blocks as text; each stands behind a line `json`."""
    found = []
    decoder = json.JSONDecoder()
    text = PAGE.read_text()
    at = text.find("\njson\n")
    while at >= 0:
        start = at + len("\njson\n")
        _, end = decoder.raw_decode(text, start)
        found.append(text[start:end])
        at = text.find("\njson\n", end)
    return found


BLOCKS = _blocks()


def _load(block: str, directory: Path) -> Any:
    path = directory / "channel.json"
    path.write_text(f'{{"id": "page", "source": {block}}}')
    # The remote's block has a password in it.
    path.chmod(0o600)
    return load(str(path), KINDS).channels["page"].source


def test_the_page_has_a_block_for_each_of_its_five_sources() -> None:
    assert [json.loads(block)["type"] for block in BLOCKS] == [
        "tcp_server",
        "tcp_client",
        "serial",
        "remote_icombuffer",
        "udp",
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: json.loads(block)["type"])
def test_a_block_is_a_source_as_it_stands(block: str, tmp_path: Path) -> None:
    source = _load(block, tmp_path)

    assert source.type_name == json.loads(block)["type"]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: json.loads(block)["type"])
def test_every_value_of_a_block_is_in_the_config(block: str, tmp_path: Path) -> None:
    def compare(written: dict[str, Any], config: Any) -> None:
        for name, value in written.items():
            found = getattr(config, name)
            if isinstance(value, dict):
                compare(value, found)
            else:
                assert str(value).lower() == str(found).lower(), name

    written = json.loads(block)
    del written["type"]

    compare(written, _load(block, tmp_path).config)
