from __future__ import annotations

import attrs
import pytest

from iobuffer.options import specs
from iobuffer.sources.remote import RemoteConfig, build
from iobuffer.state import Word
from tests.sources.source_fakes import SourceWorld


def test_it_says_clearly_that_it_is_not_there_yet() -> None:
    world = SourceWorld()
    source = build(
        RemoteConfig(url="http://remote-server:8080", channel_id="channel-001"),
        world.context,
    )

    source.start()

    assert world.state.word is Word.FAILED
    assert "cannot take messages from another iobuffer yet" in str(world.state.current)
    assert "tcp_client" in str(world.state.current)
    assert source.peers() == []
    assert source.stop().called


def url(text: object) -> str:
    _, spec = specs(RemoteConfig)["url"]
    parsed: str = spec.converter.parse(text)  # type: ignore[union-attr]
    return parsed


def test_the_url_of_the_seed_page_is_read() -> None:
    assert url("http://remote-server:8080") == "http://remote-server:8080"


@pytest.mark.parametrize(
    "text",
    [
        "remote-server:8080",
        "ftp://x",
        "http://",
        "http://u:p@x",
        "http://x:y",
        "",
        8080,
    ],
)
def test_what_is_no_url_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        url(text)


def test_the_password_is_a_secret() -> None:
    (auth,) = (f for f in attrs.fields(RemoteConfig) if f.name == "auth")
    _, spec = specs(auth.default.factory)["password"]

    assert spec.secret  # type: ignore[union-attr]
