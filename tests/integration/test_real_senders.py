"""Programs that nobody wrote for us send to a gateway in a process of its own.

What they put on the line is written down on the way, taken apart here by other means
than the gateway's, and compared byte for byte with what was delivered. Each gateway is
stopped at the end, and its ledger audited.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from ..links.certificates import Authority
from ..torture.gateway import GatewayProcess, free_ports, wait_until
from .eavesdropper import Eavesdropper

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "etc" / "demo" / "example.hl7"
ANSWER_SECONDS = 10.0


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def run(*command: str | Path, data: bytes | None = None) -> bytes:
    """Run a sender to its end; what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    return done.stdout


@attrs.frozen
class Running:
    """A gateway with one channel, from one source into a file of netstrings."""

    gateway: GatewayProcess
    port: int
    _file: Path

    def delivered(self, count: int) -> list[bytes]:
        """All messages in the file, once there are that many."""
        try:
            wait_until("messages", lambda: len(self._read()) >= count, ANSWER_SECONDS)
        except TimeoutError:
            pass  # the comparison says what is missing
        return self._read()

    def _read(self) -> list[bytes]:
        text = self._file.read_bytes() if self._file.exists() else b""
        found = []
        while text:
            size, _, text = text.partition(b":")
            found.append(text[: int(size)])
            assert text[int(size) : int(size) + 1] == b","
            text = text[int(size) + 1 :]
        return found


@contextmanager
def running(folder: Path, source: str, *, listens: bool = True) -> Iterator[Running]:
    """Start; `source` is its options, with {port} for its port. Then stop and audit."""
    port = free_ports(1)[0]
    file = folder / "delivered"
    sections = f"""
[source:device]
{source.format(port=port)}

[destination:device:file]
type = file
path = {file}
framing = netstring
"""
    with GatewayProcess(folder, sections, ports=[port] if listens else []) as gateway:
        gateway.start()
        yield Running(gateway, port, file)
        gateway.stop()
        assert "Traceback" not in gateway.log
        gateway.audit()


TCP = "type = tcp_server\nhost = 127.0.0.1\nport = {port}\n"
UDP = "type = udp\nhost = 127.0.0.1\nport = {port}\n"


# -- syslog ----------------------------------------------------------------------------


def lines_of(heard: list[bytes]) -> list[bytes]:
    return [line for each in heard for line in each.split(b"\n") if line]


def counted_of(heard: list[bytes]) -> list[bytes]:
    """RFC 6587, octet counting."""
    found = []
    for stream in heard:
        while stream:
            count, _, stream = stream.partition(b" ")
            found.append(stream[: int(count)])
            stream = stream[int(count) :]
    return found


@needs("logger")
@pytest.mark.parametrize("framing", ["framing = syslog", ""])
@pytest.mark.parametrize(
    ("options", "taken_apart"),
    [
        (["-T", "--rfc5424"], lines_of),
        (["-T", "--rfc3164"], lines_of),
        (["-T", "--octet-count", "--rfc5424"], counted_of),
        (["-T", "--octet-count", "--rfc3164"], counted_of),
    ],
    ids=["5424", "3164", "counted 5424", "counted 3164"],
)
def test_logger_over_tcp(
    tmp_path: Path,
    options: list[str],
    taken_apart: Callable[[list[bytes]], list[bytes]],
    framing: str,
) -> None:
    """With `framing = syslog`, and with `auto` finding out."""
    many = tmp_path / "many"
    many.write_text("".join(f"line {number} grüße\n" for number in range(50)))
    with (
        running(tmp_path, TCP + framing) as device,
        Eavesdropper(device.port) as ear,
    ):
        to = ["logger", "-n", "127.0.0.1", "-P", str(ear.port), *options]
        run(*to, "hello over TCP")
        device.delivered(1)
        run(*to, "-f", many)
        delivered = device.delivered(51)

        assert delivered == taken_apart(ear.heard)
        assert len(delivered) == 51
        assert b"hello over TCP" in delivered[0]


@needs("logger")
@pytest.mark.parametrize("shape", ["--rfc5424", "--rfc3164"])
def test_logger_over_udp(tmp_path: Path, shape: str) -> None:
    with (
        running(tmp_path, UDP + "framing = syslog") as device,
        Eavesdropper(device.port, datagrams=True) as ear,
    ):
        for number in range(5):
            to = ["-n", "127.0.0.1", "-P", str(ear.port), "-d", shape]
            run("logger", *to, f"hello {number} over UDP")
        delivered = device.delivered(5)

        assert delivered == ear.heard
        assert b"hello 4 over UDP" in delivered[4]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_python_s_sysloghandler(tmp_path: Path, kind: socket.SocketKind) -> None:
    """Over TCP it ends each message in NUL, over UDP it appends one."""
    source = TCP if kind is socket.SOCK_STREAM else UDP
    texts = ["first", "second\nwith two lines", "grüße"]
    with running(tmp_path, source + "framing = syslog") as device:
        handler = logging.handlers.SysLogHandler(
            ("127.0.0.1", device.port), socktype=kind
        )
        log = logging.Logger("sender")
        log.addHandler(handler)
        for text in texts:
            log.warning(text)
        handler.close()
        if kind is socket.SOCK_DGRAM:
            expected = [b"<12>" + text.encode() for text in texts]
        else:
            # Of a stream the line end is as good an end as NUL (RFC 6587, 3.4.2).
            expected = [
                b"<12>first",
                b"<12>second",
                b"with two lines",
                b"<12>gr\xc3\xbc\xc3\x9fe",
            ]

        assert device.delivered(len(expected)) == expected


# -- HL7 -------------------------------------------------------------------------------


def blocks_of(heard: list[bytes]) -> list[bytes]:
    """What stands between VT and FS CR."""
    return [
        block
        for stream in heard
        for block in re.findall(rb"\x0b(.*?)\x1c\r", stream, re.DOTALL)
    ]


MLLP_SEND = Path(sys.executable).parent / "mllp_send"


@pytest.mark.skipif(not MLLP_SEND.exists(), reason="needs mllp_send of python-hl7")
@pytest.mark.parametrize("framing", ["framing = mllp", ""])
def test_mllp_send(tmp_path: Path, framing: str) -> None:
    several = tmp_path / "several.hl7"
    one = EXAMPLE.read_text()
    several.write_text(
        "".join(one.replace("DEMO0001", f"MSG{number}") for number in range(5))
    )
    with (
        running(tmp_path, TCP + framing) as device,
        Eavesdropper(device.port) as ear,
    ):
        said = run(
            MLLP_SEND, "--loose", "-p", str(ear.port), "-f", several, "127.0.0.1"
        )
        delivered = device.delivered(5)

        assert delivered == blocks_of(ear.heard)
        assert len(delivered) == 5
        for number in range(5):
            assert f"MSA|AA|MSG{number}".encode() in said


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls(authority: Authority, *, client_ca: bool = False) -> str:
    cert, key = authority.issue("gateway")
    lines = f"tls.enabled = yes\ntls.cert = {cert}\ntls.key = {key}\n"
    return lines + (f"tls.client_ca = {authority.ca}\n" if client_ca else "")


HL7 = (
    b"MSH|^~\\&|A|W|LIS|L|20261122084500||ORU^R01|TLS-1|P|2.5.1\rPID|1||4711\r"
    b"OBX|1|NM|GLU^Glucose||5.4|mmol/L|||||F\r"
)


@needs("openssl")
@pytest.mark.parametrize("with_certificate", [False, True])
def test_openssl_s_client(
    tmp_path: Path, authority: Authority, with_certificate: bool
) -> None:
    """HL7 over TLS, answered; also where a certificate of the client is asked for."""
    source = TCP + "framing = mllp\n" + tls(authority, client_ca=with_certificate)
    with running(tmp_path, source) as device:
        command = ["openssl", "s_client", "-quiet", "-verify_return_error"]
        command += ["-CAfile", authority.ca, "-connect", f"127.0.0.1:{device.port}"]
        if with_certificate:
            cert, key = authority.issue("client")
            command += ["-cert", cert, "-key", key]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as sender:
            assert sender.stdin is not None
            assert sender.stdout is not None
            sender.stdin.write(b"\x0b" + HL7 + b"\x1c\r")
            sender.stdin.flush()
            answer = os.read(sender.stdout.fileno(), 4096)
            sender.terminate()

        assert b"MSA|AA|TLS-1" in answer
        assert device.delivered(1) == [HL7]


@needs("openssl")
def test_a_client_without_its_certificate_is_turned_away(
    tmp_path: Path, authority: Authority
) -> None:
    source = TCP + "framing = mllp\n" + tls(authority, client_ca=True)
    with running(tmp_path, source) as device:
        context = ssl.create_default_context(cafile=authority.ca)

        # In TLS 1.3 the client hears of it only when it reads.
        with pytest.raises(OSError, match=r"(?i)certificate required|reset|EOF"):
            _ask_over_tls(device.port, context)

        wait_until("why", lambda: "certificate" in device.gateway.log, ANSWER_SECONDS)
        assert device.delivered(0) == []


def _ask_over_tls(port: int, context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as line,
        context.wrap_socket(line, server_hostname="localhost") as sender,
    ):
        sender.sendall(b"\x0b" + HL7 + b"\x1c\r")
        return sender.recv(4096)


# -- SNMP ------------------------------------------------------------------------------


TRAP_V1 = ["1.3.6.1.4.1.8072.2.3", "127.0.0.1", "6", "17", "12345"]
TRAP_V2 = ["12345", "1.3.6.1.4.1.8072.2.3.0.1"]
VALUE = ["1.3.6.1.4.1.8072.2.3.2.1", "i", "42"]


@needs("snmptrap", "snmpinform")
@pytest.mark.parametrize(
    "command",
    [
        ["snmptrap", "-v", "1", *TRAP_V1],
        ["snmptrap", "-v", "2c", *TRAP_V2],
        # It ends with 1 when nobody answers.
        ["snmpinform", "-v", "2c", "-r", "1", "-t", "5", *TRAP_V2],
    ],
    ids=["trap v1", "trap v2c", "inform"],
)
def test_snmp(tmp_path: Path, command: list[str]) -> None:
    with (
        running(tmp_path, UDP) as device,
        Eavesdropper(device.port, datagrams=True) as ear,
    ):
        program, _, version, *rest = command
        options = [rest.pop(0) for _ in range(4)] if rest[0] == "-r" else []
        to = ["-v", version, "-c", "public", *options, f"127.0.0.1:{ear.port}"]
        run(program, *to, *rest, *VALUE)

        assert device.delivered(1) == ear.heard
        assert len(ear.heard) == 1


# -- ncat ------------------------------------------------------------------------------


LINES = [b"line %d \x80\xff\x00 of bytes" % number for number in range(2000)]


@needs("ncat")
@pytest.mark.parametrize("security", ["plain", "tls", "tls with a certificate"])
def test_ncat(tmp_path: Path, authority: Authority, security: str) -> None:
    source = TCP + "framing = line\n"
    options = []
    if security != "plain":
        asked = security != "tls"
        source += tls(authority, client_ca=asked)
        options = ["--ssl-verify", "--ssl-trustfile", authority.ca]
        if asked:
            cert, key = authority.issue("client")
            options += ["--ssl-cert", cert, "--ssl-key", key]
    with running(tmp_path, source) as device:
        # ncat looks for names in a certificate, not for addresses.
        where = ["-4", "localhost", str(device.port)]
        data = b"".join(line + b"\n" for line in LINES)
        run("ncat", "--send-only", *options, *where, data=data)

        assert device.delivered(len(LINES)) == LINES


# -- a serial line ---------------------------------------------------------------------


@contextmanager
def cable(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Two serial devices with a line between them, until it is cut."""
    ends = folder / "gateway-end", folder / "device-end"
    with subprocess.Popen(
        ["socat", *(f"pty,raw,echo=0,link={end}" for end in ends)]
    ) as line:
        wait_until("both ends", lambda: all(end.exists() for end in ends), 5)
        yield ends
        line.kill()
    for end in ends:
        end.unlink(missing_ok=True)


@needs("socat")
def test_a_serial_line_that_is_cut_and_comes_back(tmp_path: Path) -> None:
    source = f"""
type = serial
port = {tmp_path}/gateway-end
baud_rate = 9600
framing = line
ack = bytes
retry_max = 1s
"""
    with running(tmp_path, source, listens=False) as device:

        def send(far: Path, code: bytes) -> bytes:
            end = os.open(far, os.O_RDWR | os.O_NOCTTY)
            try:
                os.write(end, code + b"\r\n")
                return os.read(end, 1)
            finally:
                os.close(end)

        def wait_for_state(word: str, since: int) -> None:
            pattern = re.compile(rf"device/source: {word}")
            wait_until(
                word, lambda: pattern.search(device.gateway.log, since), ANSWER_SECONDS
            )

        wait_for_state("(failed|waiting)", 0)
        with cable(tmp_path) as (_, far):
            wait_for_state("running", 0)
            assert send(far, b"4006381333931") == b"\x06"
            device.delivered(1)
            before = len(device.gateway.log)
        wait_for_state("(failed|waiting)", before)
        before = len(device.gateway.log)
        time.sleep(0.3)
        with cable(tmp_path) as (_, far):
            wait_for_state("running", before)
            assert send(far, b"4006381333948") == b"\x06"

            assert device.delivered(2) == [b"4006381333931", b"4006381333948"]
