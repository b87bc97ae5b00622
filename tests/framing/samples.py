"""Streams and what is in them, for every framing that has bounds of its own.

`skipped` is counted by hand. The syslog samples are what real senders put on the wire
(PROTOCOLS 1.9).
"""

from __future__ import annotations

import attrs

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

__all__ = ["SAMPLES", "Sample"]


@attrs.frozen
class Sample:
    """A stream, its messages, and how many bytes no message came out of."""

    title: str
    config: FramingConfig
    stream: bytes
    messages: list[bytes]
    skipped: int = 0
    stopped: bool = False


TRUNCATE = OnOversize.TRUNCATE
CLOSE = OnOversize.CLOSE

ORU = b"MSH|^~\\&|LAB|H|||20260101||ORU^R01|1|P|2.5\rPID|1||X"
ADT = b"MSH|^~\\&|ADT|H|||20260101||ADT^A01|2|P|2.5\rPID|1||Y\r"


def _block(message: bytes) -> bytes:
    return b"\x0b" + message + b"\x1c\r"


LINES = [
    Sample("LF", LineConfig(), b"one\ntwo\n", [b"one", b"two"]),
    Sample("LF CR CRLF mixed", LineConfig(), b"a\nb\rc\r\nd", [b"a", b"b", b"c", b"d"]),
    Sample(
        "blank lines are left out", LineConfig(), b"\r\n\n\ra\r\r\nb\n\n", [b"a", b"b"]
    ),
    Sample(
        "blank lines are kept",
        LineConfig(keep_empty=True),
        b"\r\n\na\r\r\nb\n",
        [b"", b"", b"a", b"", b"b"],
    ),
    Sample("lf leaves CR", LineConfig(ending="lf"), b"a\r\nb\n", [b"a\r", b"b"]),
    Sample("cr leaves LF", LineConfig(ending="cr"), b"a\r\nb\r", [b"a", b"\nb"]),
    Sample(
        "crlf leaves both",
        LineConfig(ending="crlf"),
        b"a\rb\nc\r\r\nd\r\n\r\n",
        [b"a\rb\nc\r", b"d"],
    ),
    Sample("nul", LineConfig(ending="nul"), b"a\nb\0c\0", [b"a\nb", b"c"]),
    Sample(
        "too long is skipped",
        LineConfig(max_message_bytes=4),
        b"abcd\nabcde\nabcdefghijkl\r\nxy\n",
        [b"abcd", b"xy"],
        skipped=17,
    ),
    Sample(
        "too long is cut",
        LineConfig(max_message_bytes=4, on_oversize=TRUNCATE),
        b"abcd\nabcdefg\r\nxy\nabcdef",
        [b"abcd", b"abcd", b"xy", b"abcd"],
        skipped=5,
    ),
    Sample(
        "too long closes",
        LineConfig(max_message_bytes=4, on_oversize=CLOSE),
        b"ab\nabcde\nxy\n",
        [b"ab"],
        skipped=9,
        stopped=True,
    ),
    Sample(
        "crlf, too long by one byte",
        LineConfig(ending="crlf", max_message_bytes=3),
        b"abc\r\nabcd\r\nabcdefgh\r\rxx\r\nab\r\r\nend\r",
        [b"abc", b"ab\r"],
        skipped=4 + 12 + 4,
    ),
    Sample(
        "crlf, cut",
        LineConfig(ending="crlf", max_message_bytes=3, on_oversize=TRUNCATE),
        b"abcd\r\nabcdefgh\r\rxx\r\nz",
        [b"abc", b"abc", b"z"],
        skipped=1 + 9,
    ),
    Sample(
        "crlf, closes",
        LineConfig(ending="crlf", max_message_bytes=3, on_oversize=CLOSE),
        b"abc\r\nabcd\r\nabc\r\n",
        [b"abc"],
        skipped=11,
        stopped=True,
    ),
    Sample("delimiter", DelimiterConfig(), b"a\nb\r\nc\rd", [b"a\nb", b"c\rd"]),
    Sample(
        "delimiter that overlaps itself",
        DelimiterConfig(delimiter=b"aab"),
        b"xaaabyaabaab",
        [b"xa", b"y"],
    ),
]

BRACKETS = [
    Sample(
        "start_end",
        StartEndConfig(start=b"<<", end=b">>"),
        b"junk<<one>><two<<<three>>>",
        [b"one", b"<three"],
        skipped=4 + 4 + 1,
    ),
    Sample(
        "start_end begins anew",
        StartEndConfig(start=b"<<", end=b">>"),
        b"<<one<<two>><<three",
        [b"two"],
        skipped=5 + 7,
    ),
    Sample(
        "start_end with one mark for both",
        StartEndConfig(start=b"~", end=b"~"),
        b"~one~~two~x",
        [b"one", b"two"],
        skipped=1,
    ),
    Sample(
        "start_end whose marks lie over one another",
        StartEndConfig(start=b"XA", end=b"AB"),
        b"XA1XAB2AB",
        [b"B2"],
        skipped=3,
    ),
    Sample(
        "start_end whose start is the beginning of its end",
        StartEndConfig(start=b">", end=b">>"),
        b">one>>x>two>>",
        [b"one", b"two"],
        skipped=1,
    ),
    Sample(
        "start_end whose end is inside its start",
        StartEndConfig(start=b"<1>", end=b"1"),
        b"<1>a<1>b1",
        [b"a<"],
        skipped=3,
    ),
    Sample(
        "start_end too long",
        StartEndConfig(start=b"<<", end=b">>", max_message_bytes=3),
        b"<<abc>><<abcd>><<abcdefgh>x>><<xyz>><<abcdefghij<<ok>>",
        [b"abc", b"xyz", b"ok"],
        skipped=8 + 14 + 12,
    ),
    Sample(
        "start_end, too long by one byte where the next one begins",
        StartEndConfig(start=b"<<", end=b">>", max_message_bytes=2),
        b"<<abc<<ab>>",
        [b"ab"],
        skipped=5,
    ),
    Sample(
        "start_end cut",
        StartEndConfig(
            start=b"<<", end=b">>", max_message_bytes=3, on_oversize=TRUNCATE
        ),
        b"<<abcd>><<abcdefgh>x>><<xyz>>",
        [b"abc", b"abc", b"xyz"],
        skipped=3 + 9,
    ),
    Sample(
        "start_end closes",
        StartEndConfig(start=b"<<", end=b">>", max_message_bytes=3, on_oversize=CLOSE),
        b"<<abc>><<abcd>><<abc>>",
        [b"abc"],
        skipped=15,
        stopped=True,
    ),
    Sample("mllp", MllpConfig(), _block(ORU) + _block(ADT), [ORU, ADT]),
    Sample(
        "mllp, junk between blocks",
        MllpConfig(),
        b"\0\0" + _block(ORU) + b"\n INFO sent\r\n" + _block(ADT) + b"\n",
        [ORU, ADT],
        skipped=2 + 13 + 1,
    ),
    Sample(
        "mllp, no CR behind FS",
        MllpConfig(),
        b"\x0bA\x1c\x0bB\x1c\n\x0bC\x1c",
        [b"A", b"B", b"C"],
    ),
    Sample(
        "mllp, a block cut off by the next",
        MllpConfig(),
        b"\x0b" + ORU + _block(ADT),
        [ADT],
        skipped=1 + len(ORU),
    ),
    Sample(
        "mllp, a block cut off by the end",
        MllpConfig(),
        _block(ADT) + b"\x0bMSH|",
        [ADT],
        skipped=5,
    ),
    Sample("mllp, keepalives", MllpConfig(), _block(b"") * 2 + _block(ORU), [ORU]),
    Sample("mllp, FS as data", MllpConfig(), b"\x0ba\x1cb\x1c\r", [b"a\x1cb"]),
    Sample(
        "mllp, FS as the end",
        MllpConfig(embedded_fs="end"),
        b"\x0ba\x1cb\x0bc\x1c\r",
        [b"a", b"c"],
        skipped=1,
    ),
    Sample(
        "mllp, no VT, skipped",
        MllpConfig(),
        ORU + b"\x1c\r" + _block(ADT),
        [ADT],
        skipped=len(ORU) + 2,
    ),
    Sample(
        "mllp, no VT, accepted",
        MllpConfig(missing_start="accept"),
        ORU
        + b"\x1c\r"
        + b"MS\nMSH|a\x1c\rnoise FMSH\rBHS|\x1c\r"
        + _block(ADT)
        + b"MS",
        [ORU, b"MSH|a", b"BHS|", ADT],
        skipped=3 + 11 + 2,
    ),
    Sample(
        "mllp, too long",
        MllpConfig(max_message_bytes=3),
        b"\x0babc\x1c\r\x0babcd\x1c\r\x0babcde\x0bxyz\x1c\r\x0bab\x1ccd\x1c\r\x0bz\x1c\r",
        [b"abc", b"xyz", b"z"],
        # The CR that ends a skipped block counts as framed.
        skipped=6 + 6 + 7,
    ),
    Sample(
        "mllp, cut",
        MllpConfig(max_message_bytes=3, on_oversize=TRUNCATE),
        b"\x0babcdefg\x1c\r\x0bxyz\x1c\r",
        [b"abc", b"xyz"],
        skipped=5,
    ),
    Sample(
        "mllp, closes",
        MllpConfig(max_message_bytes=3, on_oversize=CLOSE),
        b"\x0bxyz\x1c\r\x0babcdefg\x1c\r\x0bxyz\x1c\r",
        [b"xyz"],
        skipped=10 + 6,
        stopped=True,
    ),
    Sample(
        "stx_etx",
        StxEtxConfig(),
        b"x\x02one\x03\r\n\x02two\x03\x02\x03",
        [b"one", b"two"],
        skipped=3,
    ),
    Sample(
        "stx_etx, trailer, once not there",
        StxEtxConfig(trailer=b"\r\n"),
        b"\x02one\x03\r\n\x02two\x03\r\x02three\x03",
        [b"one", b"two", b"three"],
    ),
    Sample(
        # 31 ^ 32 ^ 03 = 00; 01 ^ 03 = 02 = STX; 00 ^ 03 = 03 = ETX
        "stx_etx, xor whose value is STX or ETX",
        StxEtxConfig(check="xor"),
        b"\x0212\x03\x00\x02\x01\x03\x02\x02\x00\x03\x03\x02ok\x03\x07",
        [b"12", b"\x01", b"\x00", b"ok"],
    ),
    Sample(
        "stx_etx, wrong check",
        StxEtxConfig(check="sum", check_encoding="hex"),
        b"\x02AB\x0386\x02AB\x0387\x02JJ\x0397\x02JO\x039c",
        [b"AB", b"JJ", b"JO"],
        skipped=6,
    ),
    Sample(
        "stx_etx, begins anew",
        StxEtxConfig(),
        b"\x02on\x02two\x03\x02three",
        [b"two"],
        skipped=3 + 6,
    ),
    Sample(
        "stx_etx, too long, its check looks like a start",
        StxEtxConfig(check="xor", max_message_bytes=2),
        b"\x02\x01\x00\x00\x03\x02\x0212\x03\x00",
        [b"12"],
        skipped=6,
    ),
]

COUNTED = [
    Sample(
        "length_prefix",
        LengthPrefixConfig(),
        b"\0\0\0\3abc\0\0\0\0\0\0\0\1x\0\0\0\5ab",
        [b"abc", b"x"],
        skipped=6,
    ),
    Sample(
        "length_prefix, little, inclusive, empty ones kept",
        LengthPrefixConfig(
            width=2, byte_order="little", includes_prefix=True, keep_empty=True
        ),
        b"\5\0abc\2\0\3\0x",
        [b"abc", b"", b"x"],
    ),
    Sample(
        "length_prefix, less than itself",
        LengthPrefixConfig(width=2, includes_prefix=True),
        b"\0\3x\0\1abc",
        [b"x"],
        skipped=5,
        stopped=True,
    ),
    Sample(
        "length_prefix, too long",
        LengthPrefixConfig(width=1, max_message_bytes=3),
        b"\3abc\5abcde\1x",
        [b"abc", b"x"],
        skipped=6,
    ),
    Sample(
        "length_prefix, cut",
        LengthPrefixConfig(width=1, max_message_bytes=3, on_oversize=TRUNCATE),
        b"\5abcde\1x",
        [b"abc", b"x"],
        skipped=2,
    ),
    Sample(
        "length_prefix, 4 GB claimed",
        LengthPrefixConfig(on_oversize=CLOSE),
        b"\0\0\0\1x\xff\xff\xff\xffabc",
        [b"x"],
        skipped=7,
        stopped=True,
    ),
    Sample(
        "length_prefix, 2**64 - 1 claimed",
        LengthPrefixConfig(width=8),
        b"\0\0\0\0\0\0\0\1x" + b"\xff" * 8 + b"abc",
        [b"x"],
        skipped=11,
    ),
    Sample(
        "netstring",
        NetstringConfig(),
        b"5:hello,0:,12:hello world!,",
        [b"hello", b"hello world!"],
    ),
    Sample(
        "netstring, empty ones kept", NetstringConfig(keep_empty=True), b"0:,", [b""]
    ),
    Sample(
        "netstring, leading zero",
        NetstringConfig(),
        b"1:x,03:foo,",
        [b"x"],
        skipped=7,
        stopped=True,
    ),
    Sample(
        "netstring, no comma",
        NetstringConfig(),
        b"1:x,3:foo;1:y,",
        [b"x"],
        skipped=10,
        stopped=True,
    ),
    Sample(
        "netstring, too many digits",
        NetstringConfig(),
        b"12345678901:x,",
        [],
        skipped=14,
        stopped=True,
    ),
    Sample(
        "netstring, too long",
        NetstringConfig(max_message_bytes=3),
        b"3:abc,4:abcd,1:x,",
        [b"abc", b"x"],
        # The comma behind it counts as framed.
        skipped=6,
    ),
    Sample(
        "netstring, cut",
        NetstringConfig(max_message_bytes=3, on_oversize=TRUNCATE),
        b"5:abcde,1:x,",
        [b"abc", b"x"],
        skipped=2,
    ),
    Sample("fixed", FixedConfig(length=3), b"abcdefgh", [b"abc", b"def"], skipped=2),
    Sample("idle", IdleConfig(), b"no end at all", [b"no end at all"]),
    Sample("idle, too long", IdleConfig(max_message_bytes=4), b"abcde", [], skipped=5),
]

_RFC5424 = (
    b'<134>1 2026-11-22T07:15:44+00:00 vm app - - [timeQuality tzKnown="1" '
    b'isSynced="0"] hello rfc5424 tcp'
)
_OCTET = b"<13>1 2026-11-22T07:15:44.123456+00:00 vm app - - - hello octet"
_EMPTY = b"<13>1 2026-11-22T07:15:44.1234+00:00 vm app - - - "
_LOGGEN = b"<38>1 2026-11-22T07:21:08 localhost prg 1234 - - \xef\xbb\xbfseq: 0, thread"
_LOGGEN_OLD = b"<38>2026-11-22T07:21:08 localhost prg00000[1234]: seq: 0"


def _counted(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)


SYSLOG = [
    Sample("logger -T --rfc5424", SyslogConfig(), _RFC5424 + b"\n", [_RFC5424]),
    Sample(
        "logger -T --octet-count -f, an empty line in it",
        SyslogConfig(),
        _counted(_OCTET) + _counted(_EMPTY) + _counted(_OCTET),
        [_OCTET, _EMPTY, _OCTET],
    ),
    Sample(
        "SysLogHandler over TCP",
        SyslogConfig(),
        b"<12>stdlib SOCK_STREAM\x00<12>stdlib2\x00",
        [b"<12>stdlib SOCK_STREAM", b"<12>stdlib2"],
    ),
    Sample(
        "rsyslog omfwd octet-counted",
        SyslogConfig(),
        _counted(b"<13>1 - vm app - - - msg 1\n") * 2,
        [b"<13>1 - vm app - - - msg 1"] * 2,
    ),
    Sample(
        "rsyslog omfwd traditional",
        SyslogConfig(),
        b"<13>Nov 22 07:15:44 vm app: msg 1\n<13>Nov 22 07:15:44 vm app: msg 2\n",
        [b"<13>Nov 22 07:15:44 vm app: msg 1", b"<13>Nov 22 07:15:44 vm app: msg 2"],
    ),
    Sample("loggen -i -S -P", SyslogConfig(), _counted(_LOGGEN) * 2, [_LOGGEN] * 2),
    Sample(
        "loggen -i -S", SyslogConfig(), (_LOGGEN_OLD + b"\n") * 2, [_LOGGEN_OLD] * 2
    ),
    Sample(
        "Cisco ASA's blank behind LF",
        SyslogConfig(),
        b"<166>a\n <166>b\n <166>c\n ",
        [b"<166>a", b"<166>b", b"<166>c"],
    ),
    Sample(
        "both framings mixed, LF and NUL within a counted one",
        SyslogConfig(),
        b"<1>a\r\n8 <1>b\n\0xy<1>c\n6 <1>d\r\n<1>e",
        [b"<1>a", b"<1>b\n\0xy", b"<1>c", b"<1>d", b"<1>e"],
    ),
    Sample(
        "digits that are no count",
        SyslogConfig(),
        b"12:00 up\n0 <120>x\n7\n1234567890 <1>a\n5 hello\n99",
        [b"12:00 up", b"0 <120>x", b"7", b"1234567890 <1>a", b"5 hello", b"99"],
    ),
    Sample(
        "a counted one cut off by the end",
        SyslogConfig(),
        b"<1>a\n99 <1>b",
        [b"<1>a"],
        skipped=7,
    ),
    Sample(
        "syslog, too long",
        SyslogConfig(max_message_bytes=6),
        b"<1>abc\n<1>abcd\n7 <1>abcd6 <1>abc<1>abcdefgh\0<1>x\n",
        [b"<1>abc", b"<1>abc", b"<1>x"],
        skipped=7 + 9 + 11,
    ),
    Sample(
        "syslog, cut",
        SyslogConfig(max_message_bytes=6, on_oversize=TRUNCATE),
        b"<1>abcd\n9 <1>abcdef<1>x\n",
        [b"<1>abc", b"<1>abc", b"<1>x"],
        skipped=1 + 3,
    ),
]

AUTO = [
    Sample("auto: mllp", AutoConfig(), b"\n\0" + _block(ORU) * 2, [ORU] * 2, skipped=2),
    Sample("auto: stx_etx", AutoConfig(), b"\x02ab\x03", [b"ab"]),
    Sample(
        "auto: syslog",
        AutoConfig(),
        b"<1>a\n5 <1>\nb<1>c\0",
        [b"<1>a", b"<1>\nb", b"<1>c"],
    ),
    Sample("auto: counted syslog", AutoConfig(), b"5 <1>ab<1>c\n", [b"<1>ab", b"<1>c"]),
    Sample(
        "auto: lines",
        AutoConfig(),
        b"\r\n  12 a\r\nb\r\n",
        [b"  12 a", b"b"],
        skipped=2,
    ),
    Sample("auto: digits and the end", AutoConfig(), b"123", [b"123"]),
    Sample("auto: digits in a line", AutoConfig(), b"123 4\n5\n", [b"123 4", b"5"]),
    Sample("auto: nothing but blanks", AutoConfig(), b"\r\n  \n ", [], skipped=6),
    Sample(
        "auto: ASTM is kept",
        AutoConfig(),
        b"\x05\x021H|\\^&\r\x0312\r\n\x04",
        [b"\x05\x021H|\\^&\r\x0312\r\n\x04"],
    ),
    Sample(
        "auto: very many blanks are the beginning of a line",
        AutoConfig(),
        b" " * 70 + b"\x0bx\n",
        [b" " * 70 + b"\x0bx"],
    ),
]

SAMPLES = [*LINES, *BRACKETS, *COUNTED, *SYSLOG, *AUTO]
