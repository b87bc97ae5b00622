"""The same bytes cut by one framing after another."""

from __future__ import annotations

import pytest

from iobuffer.framing import FRAMINGS
from iobuffer.framing.fixed import FixedConfig
from iobuffer.framing.idle import IdleConfig
from iobuffer.framing.side_by_side import Cut, Recording, best_of, cut, side_by_side

HL7 = b"\x0bMSH|^~\\&|A|B\rPID|1\r\x1c\r"

STREAMS = {
    "mllp": HL7 + HL7,
    "stx_etx": b"\x02abc\x03\x02def\x03",
    "netstring": b"3:abc,4:defg,",
    "length_prefix": b"\0\0\0\3abc\0\0\0\1d",
    "syslog": b"<13>Oct  1 10:00:00 h app: hi\n<13>Oct  1 10:00:00 h app: ho\n",
    "line": b"one\r\ntwo\r\n",
}


def recorded(*chunks: tuple[float, str, bytes]) -> Recording:
    recording = Recording()
    for at, peer, data in chunks:
        recording.add(at, peer, data)
    return recording


def compared(recording: Recording, *, datagrams: bool = False) -> dict[str, Cut]:
    cuts = side_by_side(recording, FRAMINGS, None, 100.0, datagrams=datagrams)
    return {each.name: each for each in cuts}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("name", STREAMS)
def test_the_framing_that_was_meant_is_the_best(name: str, size: int) -> None:
    data = STREAMS[name]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    recording = recorded(*((0.0, "p", piece) for piece in pieces))
    found = compared(recording)

    best = best_of(found.values())
    assert best is not None
    assert best.name == name
    assert (best.messages, best.skipped_bytes, best.unfinished_bytes) == (2, 0, 0)


def test_every_framing_is_shown_with_what_it_skips() -> None:
    found = compared(recorded((0.0, "p", STREAMS["stx_etx"])))

    assert (found["mllp"].messages, found["mllp"].skipped_bytes) == (0, 10)
    assert (found["line"].messages, found["line"].unfinished_bytes) == (0, 10)
    assert not found["line"].fits


def test_bytes_without_marks_fit_nothing_but_silence() -> None:
    found = compared(recorded((0.0, "p", b"4006381"), (1.0, "p", b"4006382")))

    assert found["idle"].messages == 2
    assert best_of(found.values()) is None


def test_silence_counts_only_once_it_has_lasted() -> None:
    recording = recorded((0.0, "p", b"40063"), (0.1, "p", b"81"))
    config = IdleConfig()

    assert cut(recording, config, 0.2, datagrams=False).messages == 0
    assert cut(recording, config, 0.4, datagrams=False).messages == 1


def test_peers_are_cut_apart_each_for_itself() -> None:
    recording = recorded(
        (0.0, "a", HL7[:7]),
        (0.0, "b", HL7[:9]),
        (0.1, "a", HL7[7:]),
        (0.1, "b", HL7[9:]),
    )

    assert compared(recording)["mllp"].messages == 2


def test_the_end_of_a_connection_ends_its_message() -> None:
    open_ended = recorded((0.0, "a", b"one\ntwo"))
    ended = recorded((0.0, "a", b"one\ntwo"), (0.1, "a", b""), (0.2, "a", b"three\n"))

    assert compared(open_ended)["line"].messages == 1
    assert compared(ended)["line"].messages == 3


def test_auto_says_what_it_has_found() -> None:
    auto = FRAMINGS["auto"]()

    assert cut(recorded(), auto, 0.0, datagrams=False).found == "auto"
    assert cut(recorded((0.0, "p", HL7)), auto, 0.0, datagrams=False).found == "mllp"


def test_the_configured_framing_is_compared_with_its_own_options() -> None:
    recording = recorded((0.0, "p", b"abcdef"))
    cuts = side_by_side(
        recording, FRAMINGS, FixedConfig(length=3), 1.0, datagrams=False
    )

    assert [each.messages for each in cuts if each.name == "fixed"] == [2]
    assert "start_end" not in [each.name for each in cuts], "it needs its marks"


@pytest.mark.parametrize(
    ("datagram", "name"), [(b"<13>hi", "syslog"), (b"any\nthing", "datagram")]
)
def test_a_datagram_stands_alone(datagram: bytes, name: str) -> None:
    recording = recorded((0.0, "a", datagram), (0.0, "a", datagram))
    found = compared(recording, datagrams=True)

    best = best_of(found.values())
    assert best is not None
    assert (best.name, best.messages) == (name, 2)


def test_a_recording_keeps_no_more_than_it_may() -> None:
    recording = Recording(max_bytes=10, max_chunks=3)

    assert recording.add(0.0, "p", b"12345678") == b"12345678"
    assert recording.add(0.0, "p", b"12345678") == b"12"
    assert recording.full
    assert recording.add(0.0, "p", b"1") == b""
    small = Recording(max_bytes=10, max_chunks=3)
    for _ in range(5):
        small.add(0.0, "p", b"1")
    assert len(small.chunks) == 3
    assert small.full
