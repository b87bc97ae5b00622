"""A gateway under load, with those who send to it and those it delivers to, on trial.

    hl7      MLLP, 16 ahead     -> a receiver that answers (AA), and a file
    scanner  lines, 06 each     -> a receiver over plain TCP
    lines    lines, unanswered  -> a receiver over plain TCP
    trap     datagrams          -> a file

The first two are promised everything that was acknowledged to them. Lines may lose what
was in the kernel's buffers when the gateway died, and that only from the end of a
connection. Datagrams may go missing. All of them keep their order, and nothing arrives
that was not sent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import attrs

from .gateway import GatewayProcess, free_ports
from .judge import Verdict, judge, parse_message
from .messages import unwrap
from .producer import DatagramSender, LineSender, MllpSender, Sender
from .sink import Sink

__all__ = ["Campaign", "Outcome", "in_file", "outcome"]

#: Messages in flight to the receiver over plain TCP: what a kill may bring twice.
WINDOW_MESSAGES = 500
#: To one that answers: `window = 0` means one.
_ANSWERED_WINDOW_MESSAGES = 1

#: For the whole of what is waited for at the end.
_FINISH_SECONDS = 180.0


@attrs.frozen
class Outcome:
    """What one destination has had. `holes`: messages that are missing though later
    ones of the same connection arrived, which no kill explains."""

    place: str
    senders: tuple[Sender | DatagramSender, ...]
    delivered: Sequence[bytes]
    verdict: Verdict
    holes: int

    def __str__(self) -> str:
        sent = sum(sender.sent for sender in self.senders)
        acked = sum(len(sender.acked) for sender in self.senders)
        return (
            f"{self.place}: sent {sent}, acknowledged {acked}, delivered "
            f"{len(self.delivered)}: {self.verdict}, holes {self.holes}"
        )


def outcome(
    place: str, delivered: Sequence[bytes], *senders: Sender | DatagramSender
) -> Outcome:
    """Hold what senders know against what arrived, in the order of arrival."""
    acked = [(each.source, number) for each in senders for number in each.acked]
    sent = {
        (each.source, number) for each in senders for number in range(1, each.sent + 1)
    }
    names = {parse_message(message) for message in delivered}
    holes = 0
    for sender in senders:
        if isinstance(sender, Sender):
            for first, last in sender.connections:
                here = [
                    n for n in range(first, last + 1) if (sender.source, n) in names
                ]
                holes += here[-1] - first + 1 - len(here) if here else 0
    return Outcome(place, senders, delivered, judge(sent, acked, delivered), holes)


class Campaign:
    """The four channels, running. A context manager that leaves nothing behind.

    Args:
        folder: for the configuration, the log and what is delivered to a file.
        state_dir: of the gateway; in `folder` unless given.
        options, broken, prefix: see GatewayProcess.
        seed: of what happens to the receivers.
        load: share of the full load.
    """

    def __init__(
        self,
        folder: Path,
        *,
        state_dir: Path | None = None,
        options: str = "",
        broken: str = "",
        prefix: Sequence[str] = (),
        seed: int = 0,
        load: float = 1.0,
    ) -> None:
        self.draw = random.Random(seed)
        self.kills = 0
        hl7, scanner, lines, trap = ports = free_ports(4)
        self.answering = Sink(answers=True)
        self.noting = Sink()
        self.reading = Sink()
        self.sinks = (self.answering, self.noting, self.reading)
        self._hl7_file = folder / "delivered.hl7"
        self._trap_file = folder / "delivered.traps"
        self.hl7 = MllpSender(1, hl7, window=16, rate=300 * load)
        self.scanner = LineSender(2, scanner, window=64, rate=1000 * load)
        self.lines = LineSender(3, lines, rate=1000 * load)
        self.trap = DatagramSender(4, trap, rate=200 * load)
        self.senders = (self.hl7, self.scanner, self.lines, self.trap)
        tcp_server = "type = tcp_server\nhost = 127.0.0.1\nport ="
        tcp_client = "type = tcp_client\nretry_max = 1s\nhost = 127.0.0.1\nport ="
        sections = f"""
[source:hl7]
{tcp_server} {hl7}
framing = mllp

[destination:hl7:answering]
{tcp_client} {self.answering.port}

[destination:hl7:file]
type = file
path = {self._hl7_file}

[source:scanner]
{tcp_server} {scanner}
framing = line
ack = bytes

[destination:scanner:noting]
{tcp_client} {self.noting.port}
window = {WINDOW_MESSAGES}

[source:lines]
{tcp_server} {lines}
framing = line

[destination:lines:reading]
{tcp_client} {self.reading.port}
window = {WINDOW_MESSAGES}

[source:trap]
type = udp
host = 127.0.0.1
port = {trap}

[destination:trap:file]
type = file
path = {self._trap_file}
"""
        for channel in ("hl7", "scanner", "lines", "trap"):
            # Short, so that what was delivered is deleted while the test runs.
            sections += f"\n[channel:{channel}]\nkeep = 5s\n"
        self.gateway = GatewayProcess(
            folder,
            sections,
            ports=ports,
            state_dir=state_dir,
            options=options,
            broken=broken,
            prefix=prefix,
        )

    def __enter__(self) -> Campaign:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for sender in self.senders:
            sender.stop()
        self.gateway.__exit__(kind, error, traceback)
        for sink in self.sinks:
            sink.__exit__(kind, error, traceback)

    def begin(self) -> None:
        """Start the gateway, then everybody who sends."""
        self.gateway.start()
        self.start_senders()

    def start_senders(self) -> None:
        """Whether there is a gateway or not."""
        for sender in self.senders:
            sender.start()

    def disturb(self) -> None:
        """Let a receiver go away, hang or come back, or leave things as they are."""
        draw = self.draw
        for sink in self.sinks:
            if draw.random() < 0.5:
                # Whoever has no answers to give must not throw away what its kernel
                # has taken: so it goes in order.
                gone = sink.reset if sink is self.answering else sink.down
                draw.choice([gone, sink.hang, sink.up, sink.up])()

    def finish(self, seconds: float = 40.0) -> list[Outcome]:
        """Receivers up, senders ended; wait until everything that was acknowledged has
        arrived, or nothing more for so long, then stop the gateway. What each place has
        had."""
        for sink in self.sinks:
            sink.up()
        for sender in self.senders:
            sender.stop()
        acked = {(1, number) for number in self.hl7.acked}
        noted = {(2, number) for number in self.scanner.acked}
        waiting = [
            lambda: acked <= self.answering.names,
            lambda: noted <= self.noting.names,
            lambda: len(in_file(self._hl7_file, b"\x1c\r")) >= len(acked),
        ]
        begun = moved = time.monotonic()
        had = -1
        while not all(holds() for holds in waiting):
            has = sum(len(sink.delivered) for sink in self.sinks)
            now = time.monotonic()
            if has != had:
                # A busy machine takes its time: only who gets nowhere is given up.
                had, moved = has, now
            if now - moved > seconds or now - begun > _FINISH_SECONDS:
                break  # the verdict says what is missing
            time.sleep(0.25)
        self.gateway.stop()
        outcomes = [
            outcome("answering", self.answering.delivered, self.hl7),
            outcome("noting", self.noting.delivered, self.scanner),
            outcome("reading", self.reading.delivered, self.lines),
            outcome("file", in_file(self._hl7_file, b"\x1c\r"), self.hl7),
            outcome("traps", in_file(self._trap_file, b"\n"), self.trap),
        ]
        print(*outcomes, sep="\n")
        return outcomes

    def bound_of_duplicates(self, place: str) -> int:
        """A kill may bring again what was in flight, and what was confirmed since the
        cursor was last written; a lost connection what was in flight."""
        if place == "answering":
            sink, window = self.answering, _ANSWERED_WINDOW_MESSAGES
        else:
            # A file takes what its channel is given; that is far less than what the
            # reading receiver has had in its busiest moment.
            sink, window = self.reading, WINDOW_MESSAGES
        again = window + sink.busiest_messages
        return self.kills * again + sink.disruptions * window


def in_file(path: Path, end: bytes) -> list[bytes]:
    """The messages in a file that the gateway delivers to."""
    if not path.exists():
        return []
    *messages, rest = path.read_bytes().split(end)
    if rest:
        messages.append(rest)
    return [unwrap(message.removeprefix(b"\x0b")) for message in messages]
