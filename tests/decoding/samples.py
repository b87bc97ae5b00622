"""Messages as they are met, by what they are (PROTOCOLS 1.1, 1.2, 1.9, 1.10)."""

from __future__ import annotations

__all__ = ["ASTM", "FRAMED_ASTM", "ORU", "SAMPLES", "TRAP_V1", "TRAP_V2", "TRAP_V3"]

ORU = (
    b"MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01^ORU_R01|4711|P|2.5\r"
    b"PID|1||123^^^HOSP^MR~999^^^SSA^SS||Doe^Jane&von||19700101|F\r"
    b"OBR|1|||718-7^Hemoglobin^LN\r"
    b"OBX|1|SN|718-7^Hemoglobin^LN||>^13.2|g/dl|12-16|N|||F\r"
    b"NTE|1||a\\T\\b \\X41\\ \\.br\\ \\H\\loud\\N\\\r"
    b"ZXX|1|own\r"
)
ASTM = (
    b"H|\\^&|||cobas^1|||||host||P|1|20260101\rP|1||4711||Doe^Jane\r"
    b"O|1|S1||^^^GLU\rR|1|^^^GLU|5.4|mmol/l&S&x\rC|1|I|seen\rL|1|N\r"
)
FRAMED_ASTM = (
    b"\x05\x021H|\\^&|||x\r\x03E5\r\n\x022P|1|2\r\x0305\r\n\x023L|1|N\r\x033C\r\n\x04"
)
TRAP_V1 = bytes.fromhex(
    "303c02010004067075626c6963a42f06092b06010401bf08020340047f000001020106020111430230"
    "3930123010060b2b06010401bf080203020102012a"
)
TRAP_V2 = bytes.fromhex(
    "306002010104067075626c6963a7530204552bb72b0201000201003045300e06082b06010201010300"
    "430230393019060a2b060106030101040100060b2b06010401bf08020300013018060b2b06010401bf"
    "08020302010409646f6f72206f70656e"
)
INFORM = bytes.fromhex(
    "304602010104067075626c6963a63902043cb420c9020100020100302b300e06082b06010201010300"
    "430230393019060a2b060106030101040100060b2b06010401bf0802030001"
)
TRAP_V3 = bytes.fromhex("3081a2020103300f") + bytes(158)

#: (kind, message)
SAMPLES = [
    ("hl7", ORU),
    ("hl7", b"\x0b" + ORU + b"\x1c\r"),
    ("hl7", b"\xef\xbb\xbf" + ORU),
    ("hl7", b"MSH~|^!#~LAB~~~~~~ADT|A01~2\nEVN~A01\n"),
    ("hl7", b"BHS|^~\\&|LAB\rMSH|^~\\&|L||||||ADT^A01|2\rMSH|^~\\&|L||||||ADT^A01|3\r"),
    ("hl7", b"MSH|^~\\&|A\rMSA|AE|4711|unknown patient\rERR|||101^missing^HL70357|E"),
    ("astm", ASTM),
    ("astm", FRAMED_ASTM),
    ("astm", b"H@!?*@@@x@\rL@1\r"),
    (
        "syslog",
        b'<134>1 2026-11-22T07:15:44+00:00 vm app - - [timeQuality tzKnown="1" '
        b'isSynced="0"][e@1 p="a\\"b\\]"] hello rfc5424 tcp',
    ),
    ("syslog", b"<13>1 2026-11-22T07:15:44.1234+00:00 vm app - - - "),
    ("syslog", b"<38>1 2026-11-22T07:21:08 host prg 1234 ID - \xef\xbb\xbfseq: 0, x"),
    ("syslog", b"<38>2026-11-22T07:21:08 localhost prg00000[1234]: seq: 0"),
    ("syslog", b"<13>Nov 22 07:15:44 vm app: msg 1\n"),
    ("syslog", b"<165>Nov 22 07:15:44: %ASA-6-302013: Built inbound"),
    ("syslog", b"<12>stdlib SOCK_STREAM\0"),
    ("syslog", b"57 <13>1 2026-11-22T07:15:44Z vm app - - - counted"),
    ("snmp", TRAP_V1),
    ("snmp", TRAP_V2),
    ("snmp", INFORM),
    ("snmp", TRAP_V3),
    ("json", b'\n{"a":[1.10,{"b":null}],"a":"x","t":true,"e":{},"l":[]}'),
    ("json", b"\xef\xbb\xbf[1,[2,[3]]]"),
    ("text", b"4006381333931"),
    ("text", "größe 12,5 mm\nzweite Zeile".encode()),
    ("text", b"\x01\x02\x03\xff\x00"),
    ("text", b""),
    ("text", b'{"a":'),
    ("text", b"<192>no priority"),
    ("text", b"MSHAPE is a word"),
    ("text", b"Hello, world"),
]
