"""Every kind of source and destination, on one screen.

Adding a kind = one file + one line here.
"""

from __future__ import annotations

from .destinations import file as file_destination
from .destinations import http as http_destination
from .destinations import remote as remote_destination
from .destinations import serial as serial_destination
from .destinations import tcp_client as tcp_client_destination
from .destinations import tcp_server as tcp_server_destination
from .destinations import udp as udp_destination
from .manhole.config import ManholeConfig
from .notifier import AlarmsConfig
from .settings.model import Kind, Kinds
from .sources import remote as remote_source
from .sources import serial as serial_source
from .sources import tcp_client as tcp_client_source
from .sources import tcp_server as tcp_server_source
from .sources import udp as udp_source
from .web.config import HttpConfig

__all__ = ["KINDS"]

KINDS = Kinds(
    sources={
        "tcp_server": Kind(
            config_class=tcp_server_source.TcpServerConfig,
            build=tcp_server_source.build,
            summary="Listens on a TCP port; devices and systems connect and send.",
        ),
        "tcp_client": Kind(
            config_class=tcp_client_source.TcpClientConfig,
            build=tcp_client_source.build,
            summary="Connects to a server and takes what it sends; reconnects.",
        ),
        "serial": Kind(
            config_class=serial_source.SerialConfig,
            build=serial_source.build,
            summary="Reads a serial line: RS232, RS485, or a terminal server's port.",
        ),
        "udp": Kind(
            config_class=udp_source.UdpConfig,
            build=udp_source.build,
            summary="Takes UDP datagrams: syslog, SNMP traps, anything.",
        ),
        "remote_icombuffer": Kind(
            config_class=remote_source.RemoteConfig,
            build=remote_source.build,
            summary="Takes the messages of a channel of another iobuffer.",
        ),
    },
    destinations={
        "tcp_client": Kind(
            config_class=tcp_client_destination.TcpClientConfig,
            build=tcp_client_destination.build,
            summary="Connects to a server and sends; reconnects for ever.",
        ),
        "tcp_server": Kind(
            config_class=tcp_server_destination.TcpServerConfig,
            build=tcp_server_destination.build,
            summary="Listens on a TCP port; every client that connects gets a copy.",
        ),
        "udp": Kind(
            config_class=udp_destination.UdpConfig,
            build=udp_destination.build,
            summary="Sends each message as a UDP datagram.",
        ),
        "serial": Kind(
            config_class=serial_destination.SerialConfig,
            build=serial_destination.build,
            summary="Writes to a serial line or a terminal server's port.",
        ),
        "file": Kind(
            config_class=file_destination.FileConfig,
            build=file_destination.build,
            summary="Appends to files, rotated by size and time.",
        ),
        "http": Kind(
            config_class=http_destination.HttpDestinationConfig,
            build=http_destination.build,
            summary="Posts each message, or several at a time, to a web server.",
        ),
        "remote_icombuffer": Kind(
            config_class=remote_destination.RemoteDestinationConfig,
            build=remote_destination.build,
            summary="Gives the messages to a channel of another iobuffer.",
        ),
    },
    extra={"http": HttpConfig, "alarms": AlarmsConfig, "manhole": ManholeConfig},
    aliases={"remote": "remote_icombuffer"},
)
