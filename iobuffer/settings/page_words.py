"""The words of the user's documentation page, for the form that sets a channel up.

A literal table, in the page's order. What stands in a `PageKind` of `SOURCES` is on the
page letter by letter (a test holds the two together); destinations have no page, and
borrow its labels. `settings/forms.py` puts these words before the options' own.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = [
    "DESTINATIONS",
    "FRAMING_TITLES",
    "LABELS",
    "SOURCES",
    "PageKind",
    "PageOption",
]


@attrs.frozen
class PageOption:
    """A row of the page's table: its label, its description, its common values."""

    label: str
    description: str
    common: tuple[str | int, ...] = ()


@attrs.frozen(kw_only=True)
class PageKind:
    """A source or destination: heading, first paragraph, "Use when", tip, and rows.

    `options` are those that everybody sets: a form shows them at once, and a short
    text of a channel names them even at their defaults.
    """

    title: str
    about: str
    use_when: str
    tip: str = ""
    options: Mapping[str, PageOption]


_TLS = "Enable encrypted connections"
_TLS_WITH_FILES = "Enable encrypted connections with certificate and key file paths"

_SERIAL: Mapping[str, PageOption] = {
    "port": PageOption(
        "Port",
        "Serial port identifier",
        ("/dev/ttyUSB0", "/dev/ttyS0", "COM1", "COM3"),
    ),
    "baud_rate": PageOption(
        "Baud Rate", "Communication speed", (9600, 19200, 38400, 57600, 115200)
    ),
    "data_bits": PageOption("Data Bits", "Number of data bits per byte", (7, 8)),
    "parity": PageOption("Parity", "Error detection method", ("None", "Even", "Odd")),
    "stop_bits": PageOption("Stop Bits", "Number of stop bits", (1, 2)),
    "flow_control": PageOption(
        "Flow Control", "Flow control method", ("None", "RTS/CTS", "XON/XOFF")
    ),
}

_INSTANCE: Mapping[str, PageOption] = {
    "url": PageOption("URL", "The remote ioBufferPro instance address"),
    "channel_id": PageOption("Channel ID", "The specific channel to receive from"),
    "auth.username": PageOption(
        "Authentication", "Credentials for the remote instance"
    ),
    "auth.password": PageOption(
        "Authentication", "Credentials for the remote instance"
    ),
}

SOURCES: Mapping[str, PageKind] = {
    "tcp_server": PageKind(
        title="TCP Server",
        about="A TCP Server source listens for incoming connections on a specified "
        "port. External systems connect to ioBufferPro to send their messages.",
        use_when="External systems need to connect to ioBufferPro (e.g., medical "
        "devices, monitoring systems, or applications that push data outward).",
        options={
            "host": PageOption(
                "Host",
                "Bind address. Use 0.0.0.0 for all network interfaces, or 127.0.0.1 "
                "for localhost only",
                ("0.0.0.0", "127.0.0.1"),
            ),
            "port": PageOption("Port", "The port number to listen on"),
            "tls.enabled": PageOption("TLS", _TLS_WITH_FILES),
            "tls.cert": PageOption("TLS", _TLS_WITH_FILES),
            "tls.key": PageOption("TLS", _TLS_WITH_FILES),
        },
    ),
    "tcp_client": PageKind(
        title="TCP Client",
        about="A TCP Client source connects to a remote server to receive messages. "
        "ioBufferPro initiates the connection and automatically reconnects if the "
        "connection is lost.",
        use_when="ioBufferPro needs to connect to an existing server to pull data "
        "(e.g., connecting to a central data feed or an upstream system).",
        tip="If the remote server becomes unavailable, ioBufferPro automatically "
        "reconnects using exponential backoff — no manual intervention required.",
        options={
            "host": PageOption("Host", "Remote server hostname or IP address"),
            "port": PageOption("Port", "Remote server port number"),
            "tls.enabled": PageOption("TLS", _TLS),
        },
    ),
    "serial": PageKind(
        title="Serial Port (RS232/RS485)",
        about="A Serial Port source reads data from a serial device connected to the "
        "system. This is ideal for integrating legacy equipment that communicates over "
        "RS232 or RS485.",
        use_when="You need to receive data from serial-connected devices such as "
        "medical instruments, industrial sensors, barcode scanners, or legacy "
        "equipment.",
        options=_SERIAL,
    ),
    "remote_icombuffer": PageKind(
        title="Remote ioBufferPro",
        about="A Remote ioBufferPro source receives messages from another ioBufferPro "
        "instance. This enables chaining multiple ioBufferPro deployments together for "
        "multi-site or multi-tier architectures.",
        use_when="You need to relay messages between ioBufferPro instances across "
        "different sites, networks, or environments.",
        options=_INSTANCE,
    ),
    "udp": PageKind(
        title="UDP",
        about="A UDP source receives UDP datagrams on a specified port. UDP is a "
        "connectionless protocol, making this source type ideal for high-volume, "
        "low-overhead data streams.",
        use_when="You need to receive syslog messages, SNMP traps, or other UDP-based "
        "protocol data.",
        tip="UDP is inherently connectionless, so there is no connection status or "
        "reconnection logic for this source type. ioBufferPro listens continuously for "
        "incoming datagrams.",
        options={
            "host": PageOption(
                "Host", "Bind address. Use 0.0.0.0 for all interfaces", ("0.0.0.0",)
            ),
            "port": PageOption("Port", "The port number to listen on"),
        },
    ),
}

DESTINATIONS: Mapping[str, PageKind] = {
    "tcp_client": PageKind(
        title="TCP Client",
        about="Connects to a server and sends it the messages; connects again for "
        "ever.",
        use_when="A system listens for what it is sent, such as a laboratory system "
        "that takes HL7 over MLLP.",
        options={
            "host": PageOption("Host", "Name or address of the server"),
            "port": PageOption("Port", "The server's port"),
            "tls.enabled": PageOption("TLS", _TLS),
        },
    ),
    "tcp_server": PageKind(
        title="TCP Server",
        about="Listens on a port; every client that connects gets a copy of each "
        "message.",
        use_when="The systems that want the messages connect by themselves.",
        options={
            "host": PageOption(
                "Host",
                "Address to listen on: 0.0.0.0 for all interfaces, or 127.0.0.1 for "
                "programs of this machine",
                ("0.0.0.0", "127.0.0.1"),
            ),
            "port": PageOption("Port", "The port number to listen on"),
            "tls.enabled": PageOption("TLS", _TLS_WITH_FILES),
            "tls.cert": PageOption("TLS", _TLS_WITH_FILES),
            "tls.key": PageOption("TLS", _TLS_WITH_FILES),
        },
    ),
    "serial": PageKind(
        title="Serial Port (RS232/RS485)",
        about="Writes to a serial line or a terminal server's port.",
        use_when="The receiver has a serial port: a printer, a display, a legacy "
        "system.",
        options=_SERIAL,
    ),
    "udp": PageKind(
        title="UDP",
        about="Sends each message as a datagram. Nobody confirms it: what the network "
        "loses is lost.",
        use_when="A collector takes syslog or other datagrams, and a loss can be "
        "borne.",
        options={
            "host": PageOption("Host", "Name or address of the receiver"),
            "port": PageOption("Port", "The receiver's UDP port"),
        },
    ),
    "file": PageKind(
        title="File",
        about="Appends the messages to files, which are rotated by size and time.",
        use_when="An archive is wanted, or a program that reads files.",
        options={
            "path": PageOption(
                "Path",
                "The file; {channel} and {destination} stand for their names, "
                "%Y-%m-%d for the day",
                ("/var/lib/iobuffer-archive/{channel}/%Y-%m-%d.txt",),
            ),
        },
    ),
    "http": PageKind(
        title="HTTP",
        about="Posts each message, or several at a time, to a web server.",
        use_when="The receiver is a web service.",
        options={
            "url": PageOption("URL", "Where to POST the messages"),
            "auth.username": PageOption(
                "Authentication", "Credentials for the web server"
            ),
            "auth.password": PageOption(
                "Authentication", "Credentials for the web server"
            ),
        },
    ),
    "remote_icombuffer": PageKind(
        title="Remote ioBufferPro",
        about="Gives the messages to a channel of another ioBufferPro instance.",
        use_when="This instance can reach the other one, but not the other way round.",
        options={
            **_INSTANCE,
            "channel_id": PageOption(
                "Channel ID", "The channel there that takes the messages"
            ),
        },
    ),
}

#: What the page's own row is split into, or what it has no row for.
LABELS: Mapping[str, str] = {
    "tls.cert": "Certificate",
    "tls.key": "Key",
    "auth.username": "Username",
    "auth.password": "Password",
    "framing": "Framing",
    "ack": "Acknowledgement",
    "retry_max": "Longest Retry Pause",
    "keepalive": "TCP Keepalive",
    "user_timeout": "TCP User Timeout",
    "no_data_for": "Reopen After Silence",
    "fsync": "Sync to Disk",
}

FRAMING_TITLES: Mapping[str, str] = {
    "auto": "Detect",
    "line": "Lines",
    "delimiter": "Delimiter",
    "start_end": "Start and end bytes",
    "mllp": "MLLP (HL7)",
    "stx_etx": "STX/ETX",
    "length_prefix": "Length before each message",
    "fixed": "Fixed length",
    "idle": "Silence between messages",
    "syslog": "Syslog",
    "netstring": "Netstring",
    "datagram": "One message per datagram",
    "raw": "As the network cuts it",
}
