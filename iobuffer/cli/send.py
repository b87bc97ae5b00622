r"""`iobuffer send`: send messages to any host, as a device would."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Any

import attrs
import click

from ..acks import ACKS
from ..acks.base import AckConfig, Verdict
from ..errors import ConfigError, ExitStatus, Unframeable
from ..framing import FRAMINGS
from ..framing.base import FramingConfig
from ..options import DURATION, HOST, PORT, variant
from ..settings.build import build
from ..settings.raw import Node, Report, put
from ._given import NotGiven, from_arguments, from_files
from ._peer import Lost, Peer, Place, Said, TlsWords, connect
from ._place import ending

__all__ = ["command"]

#: Sent with one call where no answer is awaited.
_TOGETHER = 500


@attrs.frozen(kw_only=True)
class _Wire:
    """How messages are written and answered: what `-o` may set."""

    framing: FramingConfig = variant(FRAMINGS, default="line", help="Framing.")
    ack: AckConfig = variant(ACKS, default="auto", help="Acknowledgement.")


class _Duration(click.ParamType):
    """A duration in the spelling of the configuration, as float seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        try:
            seconds: float = DURATION.parse(value)
        except ValueError:
            self.fail(f"expected {DURATION.expects}; got {value!r}", param, ctx)
        return seconds


class _HostPort(click.ParamType):
    """`host:port`, `[::1]:port` or `:port` for this machine."""

    name = "host:port"

    def convert(self, value: Any, param: Any, ctx: Any) -> Place:
        if isinstance(value, Place):
            return value
        host, _, port = value.rpartition(":")
        try:
            return Place(
                HOST.parse(host.strip("[]") or "127.0.0.1"), PORT.parse(port.strip())
            )
        except ValueError:
            self.fail(
                f"expected a host and a port such as 127.0.0.1:2575; got {value!r}",
                param,
                ctx,
            )


@click.command(name="send")
@click.argument("texts", metavar="[MESSAGE]...", nargs=-1)
@click.option("--to", type=_HostPort(), required=True, help="Where to send.")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Send what is in this file; - is standard input. May be repeated.",
)
@click.option(
    "--framing",
    type=click.Choice(list(FRAMINGS)),
    help="How messages are bounded.  [default: line; mllp with --hl7; datagram with "
    "--udp]",
)
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any option of the framing or the answer, spelled as in the configuration: "
    r"-o 'framing.delimiter=\r\n' -o ack.ok=OK",
)
@click.option(
    "--ack",
    type=click.Choice(list(ACKS)),
    help="The answer to wait for; none waits for none.  [default: hl7 with mllp]",
)
@click.option(
    "--hl7",
    is_flag=True,
    help="The input is HL7 as text: every line is a segment, each MSH a message.",
)
@click.option(
    "--split/--whole",
    default=None,
    help="Whether a file is taken apart by the framing, or is one message.  "
    "[default: --split with framing line, else --whole]",
)
@click.option(
    "-e", "--escapes", is_flag=True, help=r"In MESSAGE, \r \n \x02 are those bytes."
)
@click.option("--udp", is_flag=True, help="A datagram for each message.")
@click.option("--tls", is_flag=True, help="Speak TLS, and verify the peer.")
@click.option("--ca", default="", metavar="FILE", help="The CA of the peer, in PEM.")
@click.option("--cert", default="", metavar="FILE", help="Our certificate, in PEM.")
@click.option("--key", default="", metavar="FILE", help="Its key, if not in --cert.")
@click.option(
    "--server-name",
    default="",
    metavar="NAME",
    help="What the peer's certificate is for.  [default: the host]",
)
@click.option(
    "--insecure",
    is_flag=True,
    help="Do not verify the peer: whoever answers there may read the messages.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Send all of it N times.",
)
@click.option(
    "--interval", type=_Duration(), default="0s", help="Between two messages."
)
@click.option(
    "--timeout",
    type=_Duration(),
    default="10s",
    show_default=True,
    help="For the connection, and for each answer.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: a line per answer, one at end."
)
def command(
    texts: tuple[str, ...],
    to: Place,
    files: tuple[str, ...],
    framing: str | None,
    options: tuple[str, ...],
    ack: str | None,
    hl7: bool,
    split: bool | None,
    escapes: bool,
    udp: bool,
    tls: bool,
    ca: str,
    cert: str,
    key: str,
    server_name: str,
    insecure: bool,
    count: int,
    interval: float,
    timeout: float,
    as_json: bool,
) -> None:
    """Send messages as a device would.

    To any host and in any framing, and shows what it answers. Takes messages as
    arguments, from files, or from standard input:

    \b
        iobuffer send --to :5000 'hello' 'hello again'
        iobuffer send --to lis.example:2575 --hl7 -f result.hl7
        iobuffer send --to :5514 --udp '<13>hello'
        seq 1000 | iobuffer send --to :5000

    Where the protocol answers (HL7), each message waits for its answer before the next
    is sent; a refused one does not keep the others back.

    Exit status: 0 all were accepted (or, where nothing answers, sent); 1 the peer
    refused a message; 69 it cannot be reached, or did not answer; 78 an option of -o
    is wrong.
    """
    if udp and (tls or ca or cert or insecure):
        raise click.UsageError("--udp has no TLS")
    if timeout <= 0:
        raise click.UsageError("--timeout: expected more than 0s")
    tls_words = None
    if tls or ca or cert or key or server_name or insecure:
        # Whoever names a CA means TLS.
        tls_words = TlsWords(
            ca=ca, cert=cert, key=key, server_name=server_name, insecure=insecure
        )
    if framing is None and not any(one.startswith("framing=") for one in options):
        framing = "datagram" if udp else "mllp" if hl7 else "line"
    with ending():
        wire = _wire(framing, ack, options)
        if split is None:
            split = wire.framing.type_name == "line" and not hl7
        try:
            messages = _messages(texts, files, wire, split, hl7, escapes)
        except NotGiven as error:
            raise click.UsageError(str(error)) from error
    receipts = wire.ack.receipts(wire.framing.type_name)
    telling = _Telling(to, as_json, awaits=receipts is not None)
    try:
        peer = connect(
            to,
            udp=udp,
            tls=tls_words,
            encoder=wire.framing.encoder(),
            receipts=receipts,
            timeout_seconds=timeout,
        )
        try:
            _send(peer, messages, count, interval, telling)
        finally:
            peer.close()
    except (Lost, Unframeable) as error:
        telling.trouble = str(error)
    except KeyboardInterrupt:
        telling.trouble = "interrupted"
    sys.exit(telling.end())


class _Telling:
    """Says what became of the messages, as it comes, and at the end in sum."""

    def __init__(self, place: Place, as_json: bool, *, awaits: bool) -> None:
        self.awaits = awaits
        self.sent_total = 0
        self.trouble = ""
        self._place = place
        self._as_json = as_json
        self._accepted_total = 0
        self._refused_total = 0

    def answered(self, message: bytes, said: Said) -> None:
        """The peer has said something of a message."""
        verdict, text = said.receipt.verdict, said.receipt.text
        if verdict is Verdict.ACCEPTED:
            self._accepted_total += 1
        else:
            self._refused_total += 1
        milliseconds = round(said.seconds * 1000, 1)
        number = self._accepted_total + self._refused_total
        if self._as_json:
            found = {
                "message": number,
                "size_bytes": len(message),
                "verdict": verdict.value,
                "code": said.code,
                "text": text,
                "milliseconds": milliseconds,
            }
            print(json.dumps(found), flush=True)
            return
        # The text of a refusal begins with the code.
        words = text.removeprefix(said.code).removeprefix(": ")
        line = f"message {number}: {_VERDICTS[verdict]}"
        line += f" ({said.code})" if said.code else ""
        line += f", {milliseconds:g} ms"
        print(line + (f": {words}" if words else ""), flush=True)

    def end(self) -> ExitStatus:
        """The sum, and what the command's status is."""
        status = ExitStatus.OK
        if self.trouble:
            status = ExitStatus.UNAVAILABLE
        elif self._refused_total:
            status = ExitStatus.DOES_NOT_ADD_UP
        if self._as_json:
            found: dict[str, Any] = {"to": str(self._place), "sent": self.sent_total}
            if self.awaits:
                found["accepted"] = self._accepted_total
                found["refused"] = self._refused_total
            print(json.dumps(found | {"error": self.trouble}))
            return status
        words = f"{self.sent_total} sent to {self._place}"
        if self.awaits:
            words += f", {self._accepted_total} accepted"
            if self._refused_total:
                words += f", {self._refused_total} refused"
        elif self.sent_total:
            words += "; no answer is awaited"
        print(words)
        if self.trouble:
            print(f"iobuffer: {self.trouble}", file=sys.stderr)
        return status


_VERDICTS = {
    Verdict.ACCEPTED: "accepted",
    Verdict.ERROR: "not taken now",
    Verdict.REJECTED: "refused",
}


def _send(
    peer: Peer,
    messages: Sequence[bytes],
    count: int,
    interval_seconds: float,
    telling: _Telling,
) -> None:
    queue = chain.from_iterable(repeat(messages, count))
    together = 1 if telling.awaits or interval_seconds else _TOGETHER
    for index, group in enumerate(_groups(queue, together)):
        if index and interval_seconds:
            # What --interval asks for; there is no reactor here to hold up.
            time.sleep(interval_seconds)
        if telling.awaits:
            said = peer.exchange(group[0])
            telling.sent_total += 1
            telling.answered(group[0], said)
        else:
            peer.send(group)
            telling.sent_total += len(group)
    if not telling.awaits:
        peer.settle()


def _groups(queue: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    while group := list(islice(queue, size)):
        yield group


def _wire(framing: str | None, ack: str | None, options: Sequence[str]) -> _Wire:
    """What --framing, --ack and -o say together, read as the configuration is.

    Raises:
        ConfigError: what is wrong with it, all at once.
    """
    report = Report("iobuffer send")
    root = Node("")
    if framing is not None:
        put(root, "framing", framing, 0, report)
    if ack is not None:
        put(root, "ack", ack, 0, report)
    for text in options:
        name, equals, value = text.partition("=")
        if not equals:
            report.error(f"expected NAME=VALUE; got {text!r}")
        else:
            put(root, name.strip(), value, 0, report)
    wire: _Wire | None = build(root, _Wire, report)
    if wire is None or report.errors:
        raise ConfigError(report.problems)
    return wire


def _messages(
    texts: Sequence[str],
    files: Sequence[str],
    wire: _Wire,
    split: bool,
    hl7: bool,
    escapes: bool,
) -> list[bytes]:
    messages = from_arguments(texts, escapes=escapes, hl7=hl7)
    if not texts and not files:
        if sys.stdin.isatty():
            raise NotGiven("nothing to send: give a MESSAGE, --file, or a pipe")
        files = ("-",)
    found, skipped_bytes = from_files(files, wire.framing, split=split, hl7=hl7)
    if skipped_bytes:
        print(
            f"iobuffer: {skipped_bytes} bytes are no message in the framing "
            f"{wire.framing.type_name} and are left out",
            file=sys.stderr,
        )
    messages += found
    if not messages:
        raise NotGiven("nothing to send: the input holds no message")
    return messages
