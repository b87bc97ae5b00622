"""The options of a serial line, shared by source and destination.

/dev/serial/by-id/...       a device
rfc2217://host:port         a terminal server that sets the line for us
socket://host:port          a terminal server that gives the bytes as they are
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..options import BOOL, DEVICE, DURATION, choice, group, integer, option
from .serial_device import LineSettings, Rs485

__all__ = ["Rs485Config", "SerialOptions", "network_place"]

_NETWORK = ("rfc2217", "socket")


@attrs.frozen(kw_only=True)
class Rs485Config:
    """RS-485: who drives the shared pair, and when."""

    enabled: bool = option(
        BOOL,
        default=False,
        help="Whether the driver turns the line round with RTS. Most USB adapters for "
        "RS-485 do that by themselves: then leave it at no.",
    )
    rts_level_for_tx: bool = option(
        BOOL, default=True, help="Level of RTS while sending."
    )
    rts_level_for_rx: bool = option(
        BOOL, default=False, help="Level of RTS while receiving."
    )
    delay_before_tx: float = option(
        DURATION, default=0.0, help="From switching RTS to the first bit sent."
    )
    delay_before_rx: float = option(
        DURATION, default=0.0, help="From the last bit sent to switching RTS back."
    )
    loopback: bool = option(
        BOOL,
        default=False,
        help="Whether what is sent is received as well. With yes, a source that "
        "answers reads its own answers.",
    )


# Not slotted: the config classes inherit from another base beside it.
@attrs.frozen(kw_only=True, slots=False)
class SerialOptions:
    """The options of every serial line."""

    port: str = option(
        DEVICE,
        example="/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3-if00-port0",
        help="The device: /dev/serial/by-id/... keeps its name when it is plugged in "
        "elsewhere, /dev/ttyUSB0 does not. Or a port of a terminal server: "
        "rfc2217://host:port, which sets the line, or socket://host:port, which gives "
        "the bytes as they are and is set at the server.",
    )
    baud_rate: int = option(
        integer(50, 20_000_000),
        default=9600,
        help="Bits per second; any that the device can do. A wrong one shows as "
        "garbage and framing errors.",
    )
    data_bits: int = option(
        choice(5, 6, 7, 8), default=8, help="Data bits of a character."
    )
    parity: str = option(
        choice("None", "Even", "Odd", "Mark", "Space"),
        default="None",
        help="What the check bit of a character says. Received characters with a wrong "
        "one are kept, and counted where the driver does.",
    )
    stop_bits: float = option(
        choice(1, 1.5, 2),
        default=1,
        help="Stop bits of a character. Linux sends 2 for 1.5.",
    )
    flow_control: str = option(
        choice("None", "RTS/CTS", "XON/XOFF"),
        default="None",
        help="How the receiver holds up the sender. XON/XOFF takes the bytes 11 and 13 "
        "(hex) out of the data: never with binary messages.",
    )
    rs485: Rs485Config = group(Rs485Config, help="RS-485, where the driver does it.")

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        scheme, mark, _ = self.port.partition("://")
        if mark and scheme.lower() not in _NETWORK:
            yield "port", "expected a device, rfc2217://host:port or socket://host:port"
        elif mark:
            if network_place(self.port) is None:
                yield "port", f"expected {scheme}://host:port"
            if self.rs485.enabled:
                yield "rs485.enabled", "is set at the terminal server, not from here"

    @property
    def settings(self) -> LineSettings:
        """For the driver."""
        rs485 = self.rs485
        return LineSettings(
            baud_rate=self.baud_rate,
            data_bits=self.data_bits,
            parity=self.parity[0],
            stop_bits=self.stop_bits,
            xon_xoff=self.flow_control == "XON/XOFF",
            rts_cts=self.flow_control == "RTS/CTS",
            rs485=Rs485(
                rts_level_for_tx=rs485.rts_level_for_tx,
                rts_level_for_rx=rs485.rts_level_for_rx,
                delay_before_tx_seconds=rs485.delay_before_tx,
                delay_before_rx_seconds=rs485.delay_before_rx,
                loopback=rs485.loopback,
            )
            if rs485.enabled
            else None,
        )


def network_place(port: str) -> tuple[str, str, int] | None:
    """Scheme, host and port number of a terminal server's port; None for a device."""
    scheme, mark, place = port.partition("://")
    host, colon, number = place.partition("?")[0].rpartition(":")
    if not (mark and colon and host and number.isdecimal()):
        return None
    if scheme.lower() not in _NETWORK or not 0 < int(number) < 65536:
        return None
    return scheme.lower(), host.strip("[]"), int(number)
