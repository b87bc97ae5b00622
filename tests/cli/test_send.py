from __future__ import annotations

import json
import socket
import ssl
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus

from ..links.certificates import Authority
from .peers import mllp_answer, tcp_peer, udp_peer

HL7 = (
    "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|ID1|P|2.5.1\nPID|1||4711\n"
    "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|ID2|P|2.5.1\nPID|1||4712\n"
)


def _send(
    port: int, *arguments: str | Path, stdin: str | bytes | None = None
) -> Result:
    given = ["send", "--to", f"127.0.0.1:{port}", "--timeout", "5s"]
    return CliRunner().invoke(main, [*given, *map(str, arguments)], input=stdin)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_arguments_go_out_as_lines() -> None:
    with tcp_peer() as heard:
        result = _send(heard.port, "hello", "Grüße")

    assert result.exit_code == ExitStatus.OK, result.output
    assert heard.bytes == "hello\nGrüße\n".encode()
    assert result.output == (
        f"2 sent to 127.0.0.1:{heard.port}; no answer is awaited\n"
    )


def test_what_comes_on_a_pipe_is_taken_apart_into_lines() -> None:
    with tcp_peer() as heard:
        result = _send(heard.port, stdin=b"one\r\ntwo\n\xff\n")

    assert heard.bytes == b"one\ntwo\n\xff\n"
    assert "3 sent" in result.output


def test_options_of_the_framing_are_spelled_as_in_the_configuration() -> None:
    with tcp_peer() as heard:
        _send(
            heard.port,
            "--framing=delimiter",
            "-o",
            r"framing.delimiter=\x03;",
            "a",
            "b",
        )

    assert heard.bytes == b"a\x03;b\x03;"


def test_a_file_is_one_message_byte_for_byte_unless_it_is_to_be_split(
    tmp_path: Path,
) -> None:
    file = tmp_path / "blocks"
    file.write_bytes(b"\x02one\x03\x02two\x03")

    with tcp_peer() as whole:
        _send(whole.port, "--framing=netstring", "-f", file)
    with tcp_peer() as split:
        _send(split.port, "--framing=stx_etx", "--split", "-f", file)

    assert whole.bytes == b"10:\x02one\x03\x02two\x03,"
    assert split.bytes == b"\x02one\x03\x02two\x03"


def test_bytes_of_a_file_that_are_no_message_are_told(tmp_path: Path) -> None:
    file = tmp_path / "blocks"
    file.write_bytes(b"noise\x02one\x03")

    with tcp_peer() as heard:
        result = _send(heard.port, "--framing=stx_etx", "--split", "-f", file)

    assert heard.bytes == b"\x02one\x03"
    assert "5 bytes are no message in the framing stx_etx" in result.stderr


def test_escapes_stand_for_bytes_only_where_asked_for() -> None:
    with tcp_peer() as heard:
        _send(heard.port, "-e", r"a\x02b")
    with tcp_peer() as literal:
        _send(literal.port, r"a\x02b")

    assert heard.bytes == b"a\x02b\n"
    assert literal.bytes == b"a\\x02b\n"


def test_hl7_as_text_is_sent_message_by_message_and_each_answer_is_shown(
    tmp_path: Path,
) -> None:
    file = tmp_path / "results.hl7"
    file.write_text(HL7)

    with tcp_peer(mllp_answer(b"AA")) as heard:
        result = _send(heard.port, "--hl7", "-f", file)

    first, second, nothing = heard.bytes.split(b"\x1c\r")
    assert first == b"\x0b" + HL7[: len(HL7) // 2].replace("\n", "\r").encode()
    assert second.startswith(b"\x0bMSH")
    assert not nothing
    assert result.exit_code == ExitStatus.OK
    lines = result.output.splitlines()
    assert lines[0].startswith("message 1: accepted (AA), ")
    assert lines[1].startswith("message 2: accepted (AA), ")
    assert lines[2] == f"2 sent to 127.0.0.1:{heard.port}, 2 accepted"


@pytest.mark.parametrize(
    ("code", "words"), [("AE", "not taken now"), ("AR", "refused"), ("CR", "refused")]
)
def test_a_refusal_is_shown_with_its_text_and_the_status_is_1(
    code: str, words: str
) -> None:
    with tcp_peer(mllp_answer(code.encode(), b"no such patient")) as heard:
        result = _send(heard.port, "--hl7", stdin=HL7)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert result.output.startswith(f"message 1: {words} ({code}), ")
    assert result.output.splitlines()[0].endswith(" ms: no such patient")
    # The second was sent all the same.
    assert "2 sent" in result.output
    assert "0 accepted, 2 refused" in result.output


def test_json_is_a_line_for_each_answer_and_one_at_the_end() -> None:
    with tcp_peer(mllp_answer(b"AE", b"later")) as heard:
        result = _send(heard.port, "--hl7", "--json", stdin=HL7)

    first, _, last = map(json.loads, result.output.splitlines())
    assert first.pop("milliseconds") >= 0
    assert first == {
        "message": 1,
        "size_bytes": len(HL7) // 2,
        "verdict": "error",
        "code": "AE",
        "text": "AE: later",
    }
    assert last == {
        "to": f"127.0.0.1:{heard.port}",
        "sent": 2,
        "accepted": 0,
        "refused": 2,
        "error": "",
    }


def test_fixed_bytes_are_awaited_where_they_are_the_answer() -> None:
    with tcp_peer(lambda heard: b"OK" if heard.endswith(b"\n") else b"") as heard:
        result = _send(
            heard.port, "--ack=bytes", "-o", "ack.ok=OK", "-o", "ack.error=NO", "a", "b"
        )

    assert result.exit_code == ExitStatus.OK
    assert "2 sent" in result.output
    assert "2 accepted" in result.output


def test_no_answer_in_time_says_so_and_sends_no_more() -> None:
    with tcp_peer() as heard:
        result = _send(heard.port, "--hl7", "--timeout", "100ms", stdin=HL7)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert heard.bytes.count(b"\x0b") == 1
    assert result.stderr == (
        f"iobuffer: no answer from 127.0.0.1:{heard.port} within 0.1 s\n"
    )


def test_an_answer_to_another_message_is_none() -> None:
    stray = mllp_answer(b"AA")

    def answer(heard: bytes) -> bytes:
        return stray(heard).replace(b"ID1", b"ID9")

    with tcp_peer(answer) as heard:
        result = _send(heard.port, "--hl7", "--timeout", "200ms", stdin=HL7)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "1 came that do not belong to this message" in result.stderr


def test_a_peer_that_hangs_up_without_an_answer_is_named() -> None:
    with tcp_peer(lambda _: None) as heard:
        result = _send(heard.port, "--hl7", stdin=HL7)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "closed the connection" in result.stderr


def test_where_nothing_listens_the_place_is_named() -> None:
    port = _free_port()

    tcp = _send(port, "hello")
    udp = _send(port, "--udp", "hello")

    for result in (tcp, udp):
        assert result.exit_code == ExitStatus.UNAVAILABLE
        assert result.stderr == f"iobuffer: nothing listens on 127.0.0.1:{port}\n"


def test_datagrams_are_a_message_each() -> None:
    with udp_peer(3) as heard:
        result = _send(heard.port, "--udp", "<13>one", "<13>two", "three\n")

    assert result.exit_code == ExitStatus.OK
    assert heard.chunks == [b"<13>one", b"<13>two", b"three\n"]


def test_all_is_sent_as_often_as_asked_with_the_interval_between() -> None:
    began_at = time.monotonic()
    with tcp_peer() as heard:
        _send(heard.port, "--count=2", "--interval=50ms", "a", "b")

    assert heard.bytes == b"a\nb\na\nb\n"
    assert time.monotonic() - began_at >= 0.15


def test_many_messages_arrive_whole() -> None:
    with tcp_peer() as heard:
        result = _send(heard.port, "--count=20000", "x" * 99)

    assert len(heard.bytes) == 2_000_000
    assert "20000 sent" in result.output


def test_a_message_that_the_framing_cannot_carry_is_refused_with_the_remedy() -> None:
    with tcp_peer() as heard:
        result = _send(heard.port, "one\ntwo")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "the message holds the ending" in result.stderr
    assert not heard.bytes


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def _context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    return context


def test_tls_verifies_the_peer_with_the_ca_that_is_named(authority: Authority) -> None:
    with tcp_peer(context=_context(authority)) as heard:
        result = _send(heard.port, "--tls", "--ca", authority.ca, "hello")

    assert result.exit_code == ExitStatus.OK, result.output
    assert heard.bytes == b"hello\n"


def test_an_unknown_ca_is_refused_and_nothing_is_sent(authority: Authority) -> None:
    with tcp_peer(context=_context(authority)) as heard:
        result = _send(heard.port, "--tls", "hello")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "the certificate of 127.0.0.1" in result.stderr
    assert "--ca" in result.stderr
    assert "--insecure" in result.stderr
    assert not heard.bytes


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    with tcp_peer(context=_context(authority)) as heard:
        result = _send(
            heard.port, "--ca", authority.ca, "--server-name", "other.example", "hello"
        )

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "other.example" in result.stderr
    assert not heard.bytes


def test_insecure_sends_to_whoever_answers(authority: Authority) -> None:
    with tcp_peer(context=_context(authority)) as heard:
        result = _send(heard.port, "--insecure", "hello")

    assert result.exit_code == ExitStatus.OK, result.output
    assert heard.bytes == b"hello\n"


def test_our_certificate_is_shown_to_a_peer_that_asks_for_one(
    authority: Authority,
) -> None:
    context = _context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca)
    cert, key = authority.issue("device")

    with tcp_peer(context=context) as heard:
        with_it = _send(
            heard.port, "--ca", authority.ca, "--cert", cert, "--key", key, "hello"
        )
    with tcp_peer(context=context) as refusing:
        without = _send(refusing.port, "--ca", authority.ca, "hello")

    assert with_it.exit_code == ExitStatus.OK, with_it.output
    assert heard.bytes == b"hello\n"
    assert without.exit_code == ExitStatus.UNAVAILABLE
    assert "--cert" in without.stderr


def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")

    result = _send(_free_port(), "--ca", broken, "hello")
    absent = _send(_free_port(), "--ca", tmp_path / "none.pem", "hello")

    assert f"{broken}: no certificate or key" in result.stderr
    assert f"{tmp_path / 'none.pem'}: cannot be read" in absent.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--udp", "--tls", "x"], "--udp has no TLS"),
        (["--timeout", "soon", "x"], "expected a duration such as"),
        (["-f", "/nonexistent", "x"], "/nonexistent: cannot be read"),
        (["--framing", "mlp", "x"], "'mlp' is not one of"),
        (["-e", r"\q"], "is not written with escapes"),
        ([], "the input holds no message"),
    ],
)
def test_what_is_asked_wrongly_is_a_usage_error(
    arguments: list[str], words: str
) -> None:
    result = _send(1, *arguments)

    assert result.exit_code == ExitStatus.USAGE
    assert words in " ".join(result.stderr.split())


def test_a_place_without_a_port_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["send", "--to", "lis.example", "x"])

    assert result.exit_code == ExitStatus.USAGE
    assert "expected a host and a port such as 127.0.0.1:2575" in result.stderr


def test_a_wrong_option_is_named_as_the_configuration_would() -> None:
    result = _send(1, "-o", "framing.delimeter=;", "--framing=delimiter", "x")

    assert result.exit_code == ExitStatus.CONFIG
    assert "framing.delimeter" in result.stderr
    assert "did you mean framing.delimiter?" in result.stderr
