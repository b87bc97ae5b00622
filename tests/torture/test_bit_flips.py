"""One bit of a stopped store, flipped anywhere (S5): nothing false is delivered, and
whatever is missing is said to be."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from iobuffer.storage.sqlite import SqliteStore

from .campaign import Outcome, outcome
from .gateway import GatewayProcess, free_ports, wait_until
from .producer import MllpSender
from .sink import Sink

SEEDS = range(int(os.environ.get("IOBUFFER_BIT_FLIPS", "24")))
BROKEN_SEEDS = range(8)
#: Each is a process that mostly starts; this machine class has two cores.
AT_ONCE = 2

_SECTIONS = """
[source:hl7]
type = tcp_server
host = 127.0.0.1
port = {source}
framing = mllp

[destination:hl7:answering]
type = tcp_client
host = 127.0.0.1
port = {sink}
retry_max = 1s
"""


@attrs.frozen
class Backlog:
    """State directories with messages that nobody has had: one of a gateway that was
    stopped, one of a gateway that was killed; and who sent them."""

    stopped: Path
    killed: Path
    sender: MllpSender


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backlog]:
    folder = tmp_path_factory.mktemp("backlog")
    source, nobody = free_ports(2)
    sender = MllpSender(1, source, window=6, rate=500)
    sections = _SECTIONS.format(source=source, sink=nobody)
    with GatewayProcess(folder, sections, ports=[source]) as gateway:
        gateway.start()
        sender.start()
        wait_until("a backlog", lambda: len(sender.acked) > 700, 20)
        gateway.stop()
        sender.quiet.set()
        stopped = Path(
            shutil.copytree(
                gateway.state_dir,
                folder / "stopped",
                ignore=shutil.ignore_patterns("*.sock"),
            )
        )
        gateway.start()
        sender.quiet.clear()
        wait_until("more of it", lambda: len(sender.acked) > 1100, 20)
        gateway.kill()
        sender.stop()
        yield Backlog(stopped, gateway.state_dir, sender)


def flip(state_dir: Path, draw: random.Random) -> str:
    """Flip a bit, each byte of the store being as likely; where that was."""
    names = ("store.sqlite3", "store.sqlite3-wal", "high-water")
    files = [state_dir / name for name in names if (state_dir / name).exists()]
    sizes = [path.stat().st_size for path in files]
    path = draw.choices(files, sizes)[0]
    content = bytearray(path.read_bytes())
    at, bit = draw.randrange(len(content)), draw.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} of {path.name}"


@attrs.frozen
class Delivered:
    where: str
    outcome: Outcome
    log: str
    damaged_messages: int
    repaired: bool


def deliver_damaged(
    folder: Path, template: Path, sender: MllpSender, seed: int, broken: str = ""
) -> Delivered:
    """Copy, flip, start (after a repair, where a start is refused), deliver, stop."""
    state_dir = Path(
        shutil.copytree(
            template, folder / "state", ignore=shutil.ignore_patterns("*.sock")
        )
    )
    where = flip(state_dir, random.Random(seed))
    ports = free_ports(1)
    repaired = False
    with Sink(answers=True) as sink:
        sections = _SECTIONS.format(source=ports[0], sink=sink.port)
        with GatewayProcess(folder, sections, ports=ports, broken=broken) as gateway:
            try:
                gateway.start()
            except RuntimeError:
                assert "store repair" in gateway.log, f"{where}\n{gateway.log}"
                assert "Traceback" not in gateway.log, f"{where}\n{gateway.log}"
                gateway.command("store", "repair", str(gateway.config))
                repaired = True
                gateway.start()
            acked = {(1, number) for number in sender.acked}
            wait_until(
                "all or nothing more",
                lambda: (
                    acked <= sink.names
                    or (
                        _is_quiet(sink)
                        if broken
                        else gateway.has_delivered("hl7", "answering")
                    )
                ),
                20,
            )
            gateway.stop()
        judged = outcome("answering", sink.delivered, sender)
    damaged = -1
    if not broken:
        store = SqliteStore(state_dir, min_free_bytes=0)
        damaged = store.state("hl7").damaged_messages
        store.close()
    shutil.rmtree(state_dir)
    return Delivered(where, judged, gateway.log, damaged, repaired)


def _is_quiet(sink: Sink) -> bool:
    # A broken build has no API to ask, and that nothing more comes is no event.
    had = len(sink.delivered)
    time.sleep(0.7)
    return sink.connections_total > 0 and len(sink.delivered) == had


def run(
    tmp_path: Path, backlog: Backlog, seeds: range, broken: str = ""
) -> list[Delivered]:
    sender = backlog.sender
    # What only the killed one has is missing from the other, and is no loss.
    early = MllpSender(1, 1)
    early.sent, early.acked = sender.sent, set()

    def one(seed: int) -> Delivered:
        killed = seed % 2 and not broken
        template = backlog.killed if killed else backlog.stopped
        by = sender if killed else early
        return deliver_damaged(tmp_path / str(seed), template, by, seed, broken)

    store = SqliteStore(backlog.stopped, min_free_bytes=0)
    first = store.state("hl7").stored_messages
    store.close()
    early.acked = set(range(1, first + 1))
    with ThreadPoolExecutor(AT_ONCE) as several:
        return list(several.map(one, seeds))


def test_a_flipped_bit_is_never_delivered_and_never_kept_quiet(
    tmp_path: Path, backlog: Backlog
) -> None:
    found = run(tmp_path, backlog, SEEDS)

    for each in found:
        verdict = each.outcome.verdict
        what = f"{each.where}: {each.outcome}\n{each.log}"
        assert verdict.corrupt == 0, what
        assert not verdict.phantom, what
        assert verdict.reordered == 0, what
        if verdict.lost:
            assert " error store: " in each.log or each.repaired, what
            assert len(verdict.lost) <= each.damaged_messages or each.repaired, what
        assert "Traceback" not in each.log, what
    lost = [len(each.outcome.verdict.lost) for each in found]
    repaired = sum(each.repaired for each in found)
    print(f"lost: {lost}, repaired: {repaired}")
    # A bit of the database costs at most the rows of its page. One of the log costs
    # whatever was logged after it: SQLite reads no further.
    assert max(lost[::2]) < 150


def test_a_store_that_does_not_look_at_its_checksums_is_found_out(
    tmp_path: Path, backlog: Backlog
) -> None:
    """The calibration: the same without the check of each row's CRC."""
    found = run(tmp_path, backlog, BROKEN_SEEDS, "unchecked")

    assert sum(each.outcome.verdict.corrupt for each in found) > 0
