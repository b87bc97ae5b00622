"""Channel files that the API writes: whole or not at all, and undone on any error."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from iobuffer.errors import ConfigError, Problem
from iobuffer.registry import KINDS
from iobuffer.settings.load import load
from iobuffer.settings.model import ChannelSettings, GatewayConfig, Settings
from iobuffer.storage.base import Limits
from iobuffer.storage.memory import MemoryStore
from iobuffer.upkeep import ChannelFiles
from iobuffer.web.base import Problem as Refusal

CHANNEL: dict[str, Any] = {
    "source": {"type": "udp", "port": 5140},
    "destinations": {"out": {"type": "file", "path": "/tmp/out", "framing": "line"}},
}


@attrs.define
class FakeWatch:
    stored: dict[str, Any] = attrs.Factory(dict)


@attrs.define
class FakePair:
    settings: ChannelSettings
    channel: Any = attrs.Factory(lambda: FakeChannel())
    source: Any = None


@attrs.define
class FakeChannel:
    cursors: dict[str, int] = attrs.Factory(dict)


@attrs.define
class FakeGateway:
    settings: Settings
    reread: Callable[[], Settings]
    watch: FakeWatch = attrs.Factory(FakeWatch)
    pairs: dict[str, Any] = attrs.Factory(dict)
    kinds: Any = KINDS


@pytest.fixture
def gateway(tmp_path: Path) -> Any:
    ini = tmp_path / "iobuffer.ini"
    ini.write_text(f"[gateway]\nstate_dir = {tmp_path / 'state'}\n")

    def reread() -> Settings:
        return load(str(ini), KINDS)

    return FakeGateway(reread(), reread)


def path_of(gateway: Any) -> Path:
    return Path(gateway.settings.gateway.state_dir) / "channels" / "a.json"


def put(gateway: Any, channel: dict[str, Any]) -> Settings:
    return ChannelFiles(gateway).putting("a", channel)()


def test_a_channel_is_kept_for_nobody_else_to_read(gateway: Any) -> None:
    settings = put(gateway, CHANNEL)

    assert settings.channels["a"].source is not None
    assert json.loads(path_of(gateway).read_text()) == {"id": "a", **CHANNEL}
    assert stat.S_IMODE(path_of(gateway).stat().st_mode) == 0o600
    assert os.listdir(path_of(gateway).parent) == ["a.json"]

    assert ChannelFiles(gateway).removing("a")().channels == {}
    assert not path_of(gateway).exists()


def a_fault_of_its_own() -> Settings:
    raise ValueError("one bit too many")


def an_error_elsewhere() -> Settings:
    raise ConfigError([Problem("expected a number", file="b.json")])


def without_it() -> Settings:
    return Settings(GatewayConfig(), {}, {}, (), ())


@pytest.mark.parametrize("reread", [a_fault_of_its_own, an_error_elsewhere, without_it])
def test_whatever_fails_once_it_is_written_is_undone(
    gateway: Any, reread: Callable[[], Settings]
) -> None:
    put(gateway, CHANNEL)
    before = path_of(gateway).read_bytes()
    broken = attrs.evolve(gateway, reread=reread)
    changed = CHANNEL | {"description": "changed"}

    with pytest.raises((ValueError, ConfigError)):
        put(broken, changed)
    assert path_of(gateway).read_bytes() == before
    assert os.listdir(path_of(gateway).parent) == ["a.json"]

    if reread is not without_it:
        with pytest.raises((ValueError, ConfigError)):
            ChannelFiles(broken).removing("a")()
        assert path_of(gateway).read_bytes() == before


def test_a_disk_without_room_refuses_and_leaves_nothing_behind(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(gateway, CHANNEL)
    before = path_of(gateway).read_bytes()

    def fsync(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Refusal, match="cannot be written") as caught:
        put(gateway, CHANNEL | {"description": "changed"})

    assert caught.value.status == 507
    assert path_of(gateway).read_bytes() == before
    assert os.listdir(path_of(gateway).parent) == ["a.json"]


# -- what a plan says of a destination that is added -----------------------------------


def effects(gateway: Any, had: list[str], now: list[str]) -> list[str]:
    """Of a plan to add the destination `lis` to the channel `a`."""
    store = MemoryStore()
    for names in (had, now):
        store.open_channel("a", Limits(), names)
    gateway.watch.stored = {"a": store.state("a")}
    file = CHANNEL["destinations"]["out"]
    before = {"enabled": False, "destinations": dict.fromkeys(now, file)}
    after = {"enabled": False, "destinations": dict.fromkeys([*now, "lis"], file)}
    files = ChannelFiles(gateway)
    gateway.pairs = {"a": FakePair(files.built("a", before))}
    (change,) = files.plan("a", after)["changes"]
    found: list[str] = change["effects"]
    return found


@pytest.mark.parametrize(
    ("had", "now", "effect"),
    [
        ([], [], "lis is opened and gets all that is kept: 0 messages"),
        (["out"], ["out"], "lis is opened and gets what comes from now on"),
        (["out"], [], "lis is opened and gets what comes from now on"),
        (
            ["lis", "out"],
            ["out"],
            "lis is opened and goes on where it was: 0 messages wait for it",
        ),
    ],
)
def test_a_plan_says_where_a_destination_begins(
    gateway: Any, had: list[str], now: list[str], effect: str
) -> None:
    assert effects(gateway, had, now) == [effect]


def test_of_a_new_channel_there_is_nothing_to_begin_with(gateway: Any) -> None:
    (change,) = ChannelFiles(gateway).plan("a", CHANNEL)["changes"]

    assert "out is opened" in change["effects"]
