"""The file destination with its thread: confirmations, refusals, a disk in trouble."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import deferLater

from iobuffer.channel import Confidence
from iobuffer.destinations._appended import Sync
from iobuffer.destinations.base import LinkLost, Refused
from iobuffer.destinations.file import FileConfig, FileLink, build
from iobuffer.framing import FRAMINGS
from iobuffer.state import Word
from tests.destinations.fakes import LinkBench, TroubledDisk, batch_of, link_bench


def _link(
    reactor: Any, path: Path | str, disk: Any = None, **options: Any
) -> tuple[FileLink, LinkBench]:
    where = link_bench(reactor, FRAMINGS["line"]())
    options.setdefault("retry_max", 0.05)
    config = FileConfig(path=str(path), **options)
    if disk is None:
        return build(config, where.context), where
    return FileLink(config, where.context, disk), where


async def _until(reactor: Any, condition: Any) -> None:
    while not condition():
        await deferLater(reactor, 0.005, lambda: None)


async def _started(
    reactor: Any, path: Path | str, **options: Any
) -> tuple[FileLink, LinkBench]:
    link, where = _link(reactor, path, **options)
    link.start(where.user)
    await _until(reactor, lambda: where.user.told)
    assert where.user.told == ["up"]
    return link, where


async def test_batches_are_appended_framed_and_received_once_synced(
    reactor: Any, tmp_path: Path
) -> None:
    path = tmp_path / "{channel}" / "{destination}.txt"
    link, where = await _started(reactor, path)
    first = link.send(batch_of(b"a", b"b"))
    second = link.send(batch_of(b"c"))
    assert await first is Confidence.RECEIVED
    assert await second is Confidence.RECEIVED
    written = tmp_path / "ward-3" / "lis.txt"
    assert written.read_bytes() == b"a\nb\nc\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o640
    assert where.state.word is Word.RUNNING
    assert str(written) in where.state.reason
    await link.stop()
    assert where.state.word is Word.STOPPED


@pytest.mark.parametrize("fsync", ["never", "interval"])
async def test_without_a_sync_for_each_batch_it_is_only_sent(
    reactor: Any, tmp_path: Path, fsync: str
) -> None:
    link, _ = await _started(reactor, tmp_path / "f", fsync=Sync(fsync))
    assert await link.send(batch_of(b"a")) is Confidence.SENT
    await link.stop()
    assert (tmp_path / "f").read_bytes() == b"a\n"


async def test_a_message_that_cannot_be_framed_is_refused_behind_those_before_it(
    reactor: Any, tmp_path: Path
) -> None:
    link, _ = await _started(reactor, tmp_path / "f")
    outcomes: list[Any] = []
    for batch in (batch_of(b"a"), batch_of(b"b", b"x\ny", b"c"), batch_of(b"d")):
        link.send(batch).addBoth(outcomes.append)
    await _until(reactor, lambda: len(outcomes) == 3)
    assert outcomes[0] is Confidence.RECEIVED
    refused = outcomes[1].value
    assert isinstance(refused, Refused)
    assert (refused.index, refused.final) == (1, True)
    assert refused.confidence is Confidence.RECEIVED
    # Not written, or it would overtake what follows the refused one.
    assert isinstance(outcomes[2].value, LinkLost)
    assert (tmp_path / "f").read_bytes() == b"a\nb\n"
    assert await link.send(batch_of(b"c")) is Confidence.RECEIVED
    await link.stop()
    assert (tmp_path / "f").read_bytes() == b"a\nb\nc\n"


async def test_a_path_that_cannot_be_made_is_failed_with_the_remedy_and_tried_again(
    reactor: Any, tmp_path: Path
) -> None:
    (tmp_path / "folder").write_bytes(b"a file in the way")
    link, where = _link(reactor, tmp_path / "folder" / "f")
    link.start(where.user)
    await _until(reactor, lambda: where.state.word is Word.FAILED)
    assert str(tmp_path / "folder") in where.state.reason
    assert where.user.told == []
    assert not link.writable
    (tmp_path / "folder").unlink()
    await _until(reactor, lambda: link.writable)
    assert await link.send(batch_of(b"a")) is Confidence.RECEIVED
    assert where.state.word is Word.RUNNING
    await link.stop()


async def test_a_full_disk_fails_the_link_and_loses_nothing(
    reactor: Any, tmp_path: Path
) -> None:
    def write(fd: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk = TroubledDisk()
    link, where = await _started(reactor, tmp_path / "f", disk=disk)
    disk.broken = {"write": write}
    for _ in range(2):
        # It opens again, and whether there is room is seen by writing.
        await _until(reactor, lambda: link.writable)
        with pytest.raises(LinkLost):
            await link.send(batch_of(b"a"))
        await _until(reactor, lambda: where.user.told[-1].startswith("down: "))
    assert "No space left" in where.state.reason
    assert "make room" in where.state.reason
    failed = [state for state in where.states if state.word is Word.FAILED]
    assert len(failed) == 1, "told once, not at every attempt"
    disk.broken = {}
    await _until(reactor, lambda: link.writable)
    assert await link.send(batch_of(b"a")) is Confidence.RECEIVED
    assert where.state.word is Word.RUNNING
    await link.stop()
    assert (tmp_path / "f").read_bytes() == b"a\n"


async def test_a_slow_disk_does_not_hold_up_the_reactor_and_what_waits_is_one_call(
    reactor: Any, tmp_path: Path
) -> None:
    link, _ = await _started(reactor, tmp_path / "f")
    gate = threading.Event()
    calls: list[int] = []
    append = link._file.append

    def slow(pieces: Any) -> Any:
        calls.append(len(pieces))
        gate.wait(10)
        return append(pieces)

    link._file.append = slow  # type: ignore[method-assign]
    sends = [link.send(batch_of(b"%d" % n)) for n in range(5)]
    await deferLater(reactor, 0.05, lambda: None)
    assert not any(send.called for send in sends)
    gate.set()
    for send in sends:
        assert await send is Confidence.RECEIVED
    assert calls == [1, 4]
    await link.stop()


async def test_what_waits_for_the_disk_is_bounded(reactor: Any, tmp_path: Path) -> None:
    link, where = await _started(reactor, tmp_path / "f")
    outcomes: list[Any] = []
    sent = 0
    while link.writable:
        link.send(batch_of(b"x" * 300_000)).addBoth(outcomes.append)
        sent += 1
    assert sent < 20
    before = len(where.user.told)
    await _until(reactor, lambda: len(outcomes) == sent)
    assert link.writable
    assert where.user.told[before:].count("up") >= 1
    await link.stop()


async def test_reopen_gives_up_what_hangs_and_goes_on_when_the_disk_does(
    reactor: Any, tmp_path: Path
) -> None:
    link, where = await _started(reactor, tmp_path / "f")
    gate = threading.Event()
    append = link._file.append

    def hanging(pieces: Any) -> Any:
        gate.wait(10)
        return append(pieces)

    link._file.append = hanging  # type: ignore[method-assign]
    sent = link.send(batch_of(b"a"))
    link.reopen("no progress")
    with pytest.raises(LinkLost):
        await sent
    assert where.user.told == ["up", "down: no progress"]
    assert not link.writable
    gate.set()
    await _until(reactor, lambda: link.writable)
    assert await link.send(batch_of(b"a")) is Confidence.RECEIVED
    await link.stop()
    # Twice rather than never: the first was written after all.
    assert (tmp_path / "f").read_bytes() == b"a\na\n"


async def test_stop_still_confirms_what_is_being_written(
    reactor: Any, tmp_path: Path
) -> None:
    link, _ = await _started(reactor, tmp_path / "f")
    being_written = link.send(batch_of(b"a"))
    waiting = link.send(batch_of(b"b"))
    waiting.addErrback(lambda failure: failure.trap(LinkLost) and None)
    await link.stop()
    assert await being_written is Confidence.RECEIVED
    assert (tmp_path / "f").read_bytes() == b"a\n"


async def test_two_destinations_with_one_path_are_told_so(
    reactor: Any, tmp_path: Path
) -> None:
    link, _ = await _started(reactor, tmp_path / "f")
    other, where = _link(reactor, tmp_path / "f")
    other.start(where.user)
    await _until(reactor, lambda: where.state.word is Word.FAILED)
    assert "{destination}" in where.state.reason
    await link.stop()
    await _until(reactor, lambda: other.writable)
    await other.stop()


async def test_a_torn_tail_is_logged(reactor: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"whole\nto")
    link, where = await _started(reactor, tmp_path / "f")
    assert [level for level, _ in where.logged] == ["warn"]
    await link.stop()


def test_unknown_fields_are_problems_of_the_path() -> None:
    problems = dict(FileConfig(path="/out/{chanel}.txt").problems())
    assert "unknown field {chanel}" in problems["path"]
    assert dict(FileConfig(path="/out/").problems()).keys() == {"path"}
    assert not dict(FileConfig(path="/out/{channel}-%Y.txt").problems())
