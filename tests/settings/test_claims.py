"""Who is in whose way, and what a file would lose, said before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from iobuffer.registry import KINDS
from iobuffer.settings.channels import channel_from_object
from iobuffer.settings.claims import claims_of, doubts
from iobuffer.settings.load import load


class Http:
    host, port = "127.0.0.1", 8080


@attrs.define
class Manhole:
    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 2222
    socket: str | None = None


def told(
    http: Any = None, manhole: Any = None, **channels: dict[str, Any]
) -> list[str]:
    """The warnings about these channels, each a source or a whole object."""
    built = {}
    for name, found in channels.items():
        whole = found if "source" in found else {"source": found}
        built[name] = channel_from_object({"id": name, **whole}, KINDS, f"{name}.json")
    sections = {"http": http, "manhole": manhole}
    extra = {name: each for name, each in sections.items() if each is not None}
    return [
        f"{each.channel} {each.place}: {each.message}" for each in doubts(built, extra)
    ]


def tcp(port: int, host: str = "0.0.0.0") -> dict[str, Any]:
    return {"type": "tcp_server", "port": port, "host": host}


def udp(port: int, host: str = "0.0.0.0") -> dict[str, Any]:
    return {"type": "udp", "port": port, "host": host}


def to(path: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "path": path, **more}


def test_two_sources_on_one_port_are_told_of_with_the_remedy() -> None:
    assert told(a=tcp(5000), b=tcp(5000)) == [
        "b source.port: TCP port 5000 is also that of channel a (its source): only "
        "one of them can have it; give one of them another port, or an address of "
        "its own"
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (tcp(5000, "0.0.0.0"), tcp(5000, "127.0.0.1")),
        (tcp(5000, "::"), tcp(5000, "10.0.0.1")),
        (udp(514), udp(514, "127.0.0.1")),
        (
            {"type": "serial", "port": "/dev/ttyS9"},
            {"type": "serial", "port": "/dev/ttyS9"},
        ),
    ],
)
def test_a_wildcard_is_in_the_way_of_every_address(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert len(told(a=one, b=other)) == 1
    assert len(told(a=other, b=one)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (tcp(5000), tcp(5001)),
        (tcp(5000), udp(5000)),
        (tcp(5000, "127.0.0.1"), tcp(5000, "127.0.0.2")),
        (tcp(5000), {"type": "tcp_client", "host": "h", "port": 5000}),
        (tcp(5000), {"source": tcp(5000), "enabled": False}),
    ],
)
def test_what_can_be_had_side_by_side_is_no_doubt(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert told(a=one, b=other) == []


def test_a_destination_that_listens_and_the_web_server_count_too() -> None:
    listening = {"source": udp(1), "destinations": {"out": tcp(8080)}}

    assert told(Http(), a=listening) == [
        "a destinations.out.port: TCP port 8080 is also that of the gateway itself "
        "([http]): only one of them can have it; give one of them another port, or an "
        "address of its own"
    ]


def test_the_manhole_counts_while_it_listens_on_a_port() -> None:
    assert len(told(manhole=Manhole(), a=tcp(2222))) == 1
    assert told(manhole=Manhole(enabled=False), a=tcp(2222)) == []
    assert told(manhole=Manhole(socket="/run/manhole"), a=tcp(2222)) == []


def test_two_destinations_on_one_file_are_told_of() -> None:
    one = {"source": udp(1), "destinations": {"x": to("/tmp/f"), "y": to("/tmp/./f")}}

    assert told(a=one) == [
        "a destinations.y.path: file /tmp/f is also that of channel a (destination "
        "x): only one of them can have it; give each a path of its own, with {channel} "
        "or {destination} in it"
    ]


def test_fields_in_a_path_keep_files_apart() -> None:
    assert (
        told(
            a={"source": udp(1), "destinations": {"x": to("/tmp/{channel}/f")}},
            b={"source": udp(2), "destinations": {"x": to("/tmp/{channel}/f")}},
        )
        == []
    )
    assert (
        told(
            a={
                "source": udp(1),
                "destinations": {
                    "x": to("/tmp/{destination}"),
                    "y": to("/tmp/{destination}"),
                },
            }
        )
        == []
    )


@pytest.mark.parametrize("framing", ["idle", "raw", {"type": "fixed", "length": 20}])
def test_a_file_that_would_lose_the_bounds_is_told_of(framing: Any) -> None:
    source = tcp(1) | {"framing": framing}
    [found] = told(a={"source": source, "destinations": {"f": to("/tmp/f")}})

    assert "puts no bounds into a file" in found
    assert "set framing = line" in found


@pytest.mark.parametrize("framing", ["auto", "line", "mllp"])
def test_a_file_that_keeps_the_bounds_is_no_doubt(framing: str) -> None:
    source = tcp(1) | {"framing": framing}

    assert told(a={"source": source, "destinations": {"f": to("/tmp/f")}}) == []


def test_a_framing_that_somebody_chose_for_the_file_is_his_choice() -> None:
    chosen = {
        "source": tcp(1) | {"framing": "idle"},
        "destinations": {"f": to("/tmp/f", framing="raw")},
    }

    assert told(a=chosen) == []


def test_a_channel_that_is_not_enabled_claims_nothing() -> None:
    channel = channel_from_object(
        {"id": "a", "enabled": False, "source": tcp(1)}, KINDS, "a.json"
    )

    assert list(claims_of(channel)) == []


def test_check_says_it_at_the_line_of_the_option(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_text(
        f"[gateway]\nstate_dir = {tmp_path}\n"
        "[source:a]\ntype = udp\nport = 514\n[destination:a:f]\ntype = udp\n"
        "host = h\nport = 1\n"
        "[source:b]\ntype = udp\nport = 514\n[destination:b:f]\ntype = udp\n"
        "host = h\nport = 1\n"
    )
    [warning] = load(str(path), KINDS).warnings

    assert (warning.line, warning.section, warning.option) == (12, "source:b", "port")
