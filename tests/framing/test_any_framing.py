"""What holds for every framing and any bytes (TORTURE N5, N6)."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iobuffer.errors import Unframeable
from iobuffer.framing.auto import AutoConfig
from iobuffer.framing.base import FramingConfig, OnOversize
from iobuffer.framing.bracketed import StartEndConfig
from iobuffer.framing.delimited import DelimiterConfig, LineConfig
from iobuffer.framing.fixed import FixedConfig
from iobuffer.framing.idle import IdleConfig
from iobuffer.framing.mllp import MllpConfig
from iobuffer.framing.netstring import NetstringConfig
from iobuffer.framing.prefixed import LengthPrefixConfig
from iobuffer.framing.stx_etx import StxEtxConfig
from iobuffer.framing.syslog import SyslogConfig

from .cuts import assert_adds_up, fed, pieces_of, whole

#: Few distinct bytes, so that marks meet, repeat and lie over one another.
SOUP = st.lists(
    st.sampled_from(
        [
            *(bytes([byte]) for byte in b"\x00\x02\x03\x05\x0b\x1c\r\n <>:,0125aMS"),
            b"\r\n",
            b"\x1c\r",
            b"\x0b",
            b"MSH|",
            b"<1>",
            b"5 <1>ab",
            b"3:abc,",
            b"\x00\x02ab",
            b"ab>>",
            b"<<ab",
        ]
    ),
    max_size=40,
).map(b"".join)
CUTS = st.lists(st.integers(0, 2**16), max_size=6)
SMALL_LIMITS = st.sampled_from([1, 2, 3, 5, 8, 64])
PAIRS_OF_MARKS = st.sampled_from(
    [
        (b"<<", b">>"),
        (b"<", b"\n"),
        (b"a", b"a"),
        (b"aa", b"aaa"),
        (b"2a", b"a>>"),
        (b"\r", b"\n\r"),
        (b"a<", b"<1>"),
        (b"<1>", b"1"),
    ]
)


@st.composite
def configs(draw: st.DrawFn) -> FramingConfig:
    """Any framing with bounds of its own, with a limit that its messages reach."""
    limits = {
        "max_message_bytes": draw(SMALL_LIMITS),
        "on_oversize": draw(st.sampled_from(OnOversize)),
    }
    flag = st.booleans()
    start, end = draw(PAIRS_OF_MARKS)
    kind = draw(st.integers(0, 10))
    if kind == 0:
        endings = ["auto", "lf", "cr", "crlf", "nul"]
        ending = draw(st.sampled_from(endings))
        return LineConfig(ending=ending, keep_empty=draw(flag), **limits)
    if kind == 1:
        mark = draw(st.sampled_from([b"\r\n", b"aa", b"a<a", b"\x1c\r", b"aab"]))
        return DelimiterConfig(delimiter=mark, keep_empty=draw(flag), **limits)
    if kind == 2:
        return StartEndConfig(start=start, end=end, **limits)
    if kind == 3:
        return MllpConfig(
            missing_start=draw(st.sampled_from(["skip", "accept"])),
            embedded_fs=draw(st.sampled_from(["data", "end"])),
            **limits,
        )
    if kind == 4:
        return StxEtxConfig(
            check=draw(st.sampled_from(["none", "xor", "sum", "crc16"])),
            check_encoding=draw(st.sampled_from(["raw", "hex"])),
            trailer=draw(st.sampled_from([b"", b"\r\n"])),
            **limits,
        )
    if kind == 5:
        return LengthPrefixConfig(
            width=draw(st.sampled_from([1, 2, 4, 8])),
            byte_order=draw(st.sampled_from(["big", "little"])),
            includes_prefix=draw(flag),
            keep_empty=draw(flag),
            **limits,
        )
    if kind == 6:
        return FixedConfig(length=draw(st.integers(1, 9)))
    if kind == 7:
        return IdleConfig(**limits)
    if kind == 8:
        return SyslogConfig(**limits)
    if kind == 9:
        return NetstringConfig(keep_empty=draw(flag), **limits)
    return AutoConfig(**limits)


@settings(max_examples=1000, deadline=None)
@given(configs(), SOUP, CUTS)
def test_the_outcome_does_not_depend_on_the_cuts(
    config: FramingConfig, stream: bytes, cuts: list[int]
) -> None:
    assert fed(config, pieces_of(stream, cuts)) == whole(config, stream)


@settings(max_examples=400, deadline=None)
@given(configs(), SOUP)
def test_the_outcome_byte_by_byte_is_that_of_the_whole(
    config: FramingConfig, stream: bytes
) -> None:
    single = [stream[at : at + 1] for at in range(len(stream))]
    assert fed(config, single) == whole(config, stream)


@settings(max_examples=600, deadline=None)
@given(
    configs(),
    st.lists(st.one_of(SOUP, st.sampled_from(["idle", "give up"])), max_size=8),
)
def test_silence_and_giving_up_at_any_time_lose_count_of_no_byte(
    config: FramingConfig, steps: list[bytes | str]
) -> None:
    framer = config.framer()
    received_bytes = 0
    for step in steps:
        if isinstance(step, bytes):
            framer.feed(step)
            received_bytes += len(step)
        elif step == "give up":
            framer.give_up_partial()
        elif framer.idle_seconds is not None:
            framer.idle()
        assert_adds_up(framer, received_bytes)
        assert framer.partial_bytes <= config.max_message_bytes + 16
    framer.finish()
    assert framer.partial_bytes == 0
    assert_adds_up(framer, received_bytes)


#: Each with messages that it can carry besides any bytes.
ENCODINGS: list[FramingConfig] = [
    LineConfig(ending="lf"),
    LineConfig(ending="crlf"),
    LineConfig(ending="nul", keep_empty=True),
    DelimiterConfig(delimiter=b"aa"),
    DelimiterConfig(delimiter=b"a<a", keep_empty=True),
    StartEndConfig(start=b"<<", end=b">>"),
    StartEndConfig(start=b"a", end=b"a"),
    StartEndConfig(start=b"2a", end=b"a>>"),
    StartEndConfig(start=b"a<", end=b"<1>"),
    MllpConfig(),
    MllpConfig(embedded_fs="end", missing_start="accept"),
    StxEtxConfig(),
    StxEtxConfig(check="xor", trailer=b"\r\n"),
    StxEtxConfig(check="sum", check_encoding="hex", check_includes_stx=True),
    StxEtxConfig(check="crc16", crc16="modbus", check_includes_etx=False),
    StxEtxConfig(check="crc16", crc16="ccitt", check_encoding="hex"),
    LengthPrefixConfig(keep_empty=True),
    LengthPrefixConfig(width=1, includes_prefix=True),
    LengthPrefixConfig(width=8, byte_order="little"),
    NetstringConfig(keep_empty=True),
    NetstringConfig(),
]


def _encoded(config: FramingConfig, messages: Sequence[bytes]) -> bytes | None:
    try:
        return config.encoder().encode(messages)
    except Unframeable as error:
        refused_at = error.index
    # What comes before the message that is refused can be sent, and it cannot.
    config.encoder().encode(messages[:refused_at])
    with pytest.raises(Unframeable):
        config.encoder().encode([messages[refused_at]])
    return None


# Drawn, for pytest-twisted cannot run a hypothesis test under several parameters.
@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(ENCODINGS), st.lists(SOUP, max_size=5))
def test_what_was_put_on_is_taken_off_again_or_refused(
    config: FramingConfig, messages: list[bytes]
) -> None:
    stream = _encoded(config, messages)
    if stream is None:
        return
    outcome = whole(config, stream)
    keeps_empty = getattr(config, "keep_empty", False)
    mark = config.encoder().encode([b""])
    if config.type_name in ("line", "delimiter"):
        # A message that ends in the ending does not get a second one.
        messages = [message.removesuffix(mark) for message in messages]
    assert outcome.messages == [m for m in messages if m or keeps_empty]
    assert outcome.skipped_bytes == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(SOUP.map(lambda soup: b"<1>a" + soup + b"."), max_size=5))
def test_octet_counting_carries_any_syslog_message(messages: list[bytes]) -> None:
    stream = SyslogConfig().encoder().encode(messages)
    assert whole(SyslogConfig(), stream).messages == messages


#: A good message behind garbage, with what makes sure that the garbage has ended.
RESYNCS = [
    (LineConfig(max_message_bytes=64), b"\n", b"good\n", b"good"),
    (DelimiterConfig(max_message_bytes=64), b"\r\n", b"good\r\n", b"good"),
    (StartEndConfig(start=b"<<", end=b">>"), b">>", b"<<good>>", b"good"),
    (MllpConfig(), b"", b"\x0bgood\x1c\r", b"good"),
    (MllpConfig(max_message_bytes=5), b"", b"\x0bgood\x1c\r", b"good"),
    (StxEtxConfig(), b"", b"\x02good\x03", b"good"),
    (SyslogConfig(), b"\n\n", b"<1>good\n", b"<1>good"),
]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(RESYNCS), SOUP)
def test_a_good_message_behind_garbage_is_found(
    resync: tuple[FramingConfig, bytes, bytes, bytes], garbage: bytes
) -> None:
    config, end, stream, message = resync
    # Whoever is told a length believes it, and takes the good message for a part.
    assume(config.type_name != "syslog" or not re.search(rb"[1-9]\d* <", garbage))
    assert whole(config, garbage + end + stream).messages[-1] == message


MIB = 1024 * 1024
UNFINISHED: list[tuple[FramingConfig, bytes]] = [
    (LineConfig(), b"x"),
    (DelimiterConfig(delimiter=b"aaaab"), b"a"),
    (StartEndConfig(start=b"<", end=b">>"), b"<>xxxxxxxxxxxxxx"),
    (MllpConfig(), b"\x0b" + b"x" * 15),
    (StxEtxConfig(), b"\x02" + b"x" * 15),
    (LengthPrefixConfig(), b"\x00\xff\xff\xff" + b"x" * 1020),
    (FixedConfig(length=2 * MIB), b"x"),
    (SyslogConfig(), b"<" + b"x" * MIB),
    (SyslogConfig(), b"9999999 <" + b"x" * MIB),
    (NetstringConfig(), b"9999999:" + b"x" * MIB),
    (AutoConfig(), b"x"),
]


@pytest.mark.parametrize(("config", "pattern"), UNFINISHED, ids=str)
def test_a_mebibyte_fed_byte_by_byte_costs_linear_time(
    config: FramingConfig, pattern: bytes
) -> None:
    """Copying what is held at each byte would take minutes; the bound is generous."""
    stream = (pattern * (MIB // len(pattern) + 1))[:MIB]
    framer = config.framer()
    started = time.process_time()
    for byte in stream:
        framer.feed(b"%c" % byte)
    assert time.process_time() - started < 10
    assert_adds_up(framer, MIB)


#: Where one mark is found at every byte and the other one nowhere.
ONE_MARK: list[tuple[FramingConfig, bytes]] = [
    (MllpConfig(), b"\x0b"),
    (MllpConfig(missing_start="accept"), b"MSH\r"),
    (StxEtxConfig(), b"\x02"),
    (StartEndConfig(start=b"<", end=b">>"), b"<"),
    (SyslogConfig(), b"x\n"),
    (LineConfig(max_message_bytes=1), b"aa\r"),
]


@pytest.mark.parametrize(("config", "pattern"), ONE_MARK, ids=str)
def test_a_chunk_of_nothing_but_one_mark_costs_linear_time(
    config: FramingConfig, pattern: bytes
) -> None:
    """Searching the rest of the chunk at each mark takes twice the bound and more."""
    framer = config.framer()
    stream = pattern * (MIB // len(pattern))
    started = time.process_time()
    framer.feed(stream)
    assert time.process_time() - started < 6
    assert_adds_up(framer, len(stream))


def test_a_message_that_never_ends_holds_no_more_than_the_limit() -> None:
    config = LineConfig(max_message_bytes=64 * 1024)
    framer = config.framer()
    for _ in range(100):
        assert framer.feed(b"x" * 4096) == []
        assert framer.partial_bytes <= 64 * 1024
    assert framer.oversize_total == 1
    assert framer.feed(b"\nnext\n") == [b"next"]
