from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iobuffer.errors import ConfigError
from iobuffer.settings.load import load
from iobuffer.settings.model import GatewayConfig, Settings

from .toy_kinds import KINDS, ToyFile, ToyHttp, ToyTcp

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file below the directory that the test stands in; gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str, mode: int = 0o640) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return name

    return write


def _problems(path: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, KINDS)
    return [str(problem) for problem in caught.value.problems]


CHANNEL = """
[source:chem-1]
type = tcp_server
port = 5000
[destination:chem-1:lis]
type = file
path = /x
"""


def test_a_channel_pair_is_two_sections(write: Write) -> None:
    path = write("c.ini", "[gateway]\nstate_dir = /s   ; store, keys\n" + CHANNEL)

    settings = load(path, KINDS)

    assert isinstance(settings, Settings)
    assert settings.gateway == GatewayConfig(state_dir="/s")
    assert settings.extra == {}
    assert settings.warnings == ()
    assert settings.files == ("c.ini",)
    channel = settings.channels["chem-1"]
    assert channel.origin == "c.ini"
    assert channel.policy.keep == 604800.0
    assert channel.source is not None
    assert channel.source.config == ToyTcp(port=5000)
    assert channel.destinations["lis"].config == ToyFile(path="/x")


def test_a_channel_that_others_push_to_is_its_own_section_and_destinations(
    write: Write,
) -> None:
    lis = "[destination:chem-1:lis]\ntype = file\npath = /x\n"
    path = write("c.ini", "[channel:chem-1]\n" + lis)
    channel = load(path, KINDS).channels["chem-1"]

    assert channel.source is None
    assert list(channel.destinations) == ["lis"]
    # Without it, it may as well be a name that was misspelt.
    assert "no source" in _problems(write("d.ini", lis))[0]


def test_an_empty_file_is_a_gateway_of_defaults(write: Write) -> None:
    settings = load(write("c.ini", ""), KINDS)

    assert settings.gateway == GatewayConfig()
    assert settings.channels == {}


def test_equal_files_give_equal_settings(write: Write) -> None:
    path = write("c.ini", CHANNEL)

    assert load(path, KINDS) == load(path, KINDS)


def test_further_sections_are_read_when_they_are_written(write: Write) -> None:
    settings = load(write("c.ini", "[http]\nport = 81\n"), KINDS)

    assert settings.extra == {"http": ToyHttp(port=81)}


def test_included_files_are_read_in_order_of_their_names(write: Write) -> None:
    write("etc/conf.d/b.ini", "[source:b]\ntype = tcp_server\nport = 2\n")
    write("etc/conf.d/a.ini", "[source:a]\ntype = tcp_server\nport = 1\n")
    write(
        "etc/channels/c.json",
        '{"id": "c", "source": {"type": "serial", "port": "COM3"}}',
    )
    path = write(
        "etc/c.ini",
        "[gateway]\ninclude = conf.d/*.ini, channels/*.json, *.ini, none/*.ini,\n"
        "  conf.d/a.ini\n",
    )

    settings = load(path, KINDS)

    assert list(settings.channels) == ["a", "b", "c"]
    assert settings.files == (
        "etc/c.ini",
        "etc/conf.d/a.ini",
        "etc/conf.d/b.ini",
        "etc/channels/c.json",
    )
    assert settings.channels["c"].origin == "etc/channels/c.json"
    assert len(settings.warnings) == 3  # each without a destination


def test_a_file_that_is_named_outright_must_be_there(write: Write) -> None:
    path = write("c.ini", "[gateway]\ninclude = a.ini, b.ini\n")

    assert _problems(path) == [
        "a.ini: cannot be read: No such file or directory",
        "b.ini: cannot be read: No such file or directory",
    ]


def test_a_missing_main_file_is_one_problem(write: Write) -> None:
    assert _problems("no.ini") == ["no.ini: cannot be read: No such file or directory"]


def test_a_channel_file_can_be_looked_at_alone(write: Write) -> None:
    path = write(
        "x.json", '{"id": "x", "source": {"type": "tcp_server", "port": 70000}}'
    )

    assert (
        "x.json:1: source.port: expected a whole number from 1 to 65535; got 70000"
        in _problems(path)
    )


def test_all_problems_of_all_files_come_at_once_in_order(write: Write) -> None:
    write("a.ini", "[gateway]\nname = x\n[source:a]\ntype = nothing\n")
    path = write(
        "c.ini",
        "[gateway]\n"
        "nmae = x\n"
        "include = a.ini\n"
        "[sourc:x]\n"
        "[http:x]\n"
        "[source]\n"
        "[destination:x]\n"
        "[source:..]\n"
        "[channel:z]\n"
        "keep = 12 parsecs\n"
        "[source:chem-1]\n"
        "type = tcp_server\n"
        "port = 99999\n"
        "bare\n",
    )

    assert _problems(path) == [
        "c.ini:2: [gateway] nmae: unknown option; did you mean name?",
        "c.ini:4: [sourc:x] unknown section; did you mean source?",
        "c.ini:5: [http:x] expected [http], without a name",
        "c.ini:6: [source] expected [source:CHANNEL]",
        "c.ini:7: [destination:x] expected [destination:CHANNEL:NAME]",
        "c.ini:8: [source:..] expected a name of letters, digits, - _ . "
        "(64 at most, not beginning with a dot); got '..'",
        "c.ini:9: [channel:z] this channel has a policy and no source; add one, or "
        "set enabled = no to keep what is stored. Where another iobuffer pushes to it, "
        'write [channel:NAME] beside its destinations, or in JSON "source": null',
        "c.ini:10: [channel:z] keep: expected a duration such as 500ms, 30s, 5m, 7d; "
        "got '12 parsecs'",
        "c.ini:11: warning: [source:chem-1] this channel has no destination; "
        "its messages are kept as far as max_bytes allows, and go nowhere unless "
        "another iobuffer takes them (a user of the role relay that is bound to this "
        "channel)",
        "c.ini:13: [source:chem-1] port: expected a whole number from 1 to 65535; "
        "got '99999'",
        "c.ini:14: [source:chem-1] expected `option = value`",
        "a.ini:1: [gateway] belongs into the main file, c.ini",
        "a.ini:3: warning: [source:a] this channel has no destination; "
        "its messages are kept as far as max_bytes allows, and go nowhere unless "
        "another iobuffer takes them (a user of the role relay that is bound to this "
        "channel)",
        "a.ini:4: [source:a] type: expected one of tcp_server, serial, "
        "remote_icombuffer; got 'nothing'",
    ]


def test_one_channel_in_two_files_names_both(write: Write) -> None:
    write("b.ini", "[channel:chem-1]\nkeep = 1d\n")
    write("b.json", '{"id": "chem-1", "source": {"type": "serial"}}')
    path = write("c.ini", "[gateway]\ninclude = b.ini, b.json\n" + CHANNEL)

    assert _problems(path) == [
        "b.ini:1: [channel:chem-1] channel chem-1 is also in c.ini:4; "
        "a channel stands in one file",
        "b.json: channel chem-1 is also in c.ini:4; a channel stands in one file",
        "b.json: warning: this channel has no destination; its messages are "
        "kept as far as max_bytes allows, and go nowhere unless another iobuffer takes "
        "them (a user of the role relay that is bound to this channel)",
        "b.json:1: source.port: required and not given; "
        "expected a host name or an address",
    ]


def test_two_sources_of_one_channel_name_both_places(write: Write) -> None:
    write("b.ini", "[source:chem-1]\ntype = serial\nport = COM3\n")
    path = write(
        "c.ini",
        "[gateway]\ninclude = b.ini\n" + CHANNEL + "[source:chem-1]\ntype = serial\n",
    )

    assert _problems(path) == [
        "c.ini:10: section [source:chem-1] given twice; see c.ini:4",
        "b.ini:1: [source:chem-1] section given twice; see c.ini:4",
    ]


@pytest.mark.parametrize(("mode", "refused"), [(0o640, False), (0o644, True)])
def test_an_inline_secret_needs_a_private_file(
    write: Write, mode: int, refused: bool
) -> None:
    path = write(
        "c.ini",
        "[source:x]\ntype = remote\nurl = http://h\nauth.password = hunter2\n"
        "[destination:x:y]\ntype = file\npath = /x\n",
        mode,
    )

    if refused:
        [problem] = _problems(path)
        assert problem.startswith("c.ini:4: [source:x] auth.password: a secret stands")
        assert "hunter2" not in problem
    else:
        source = load(path, KINDS).channels["x"].source
        assert source is not None
        assert source.config.auth.password == "hunter2"


def test_warnings_come_with_the_settings(write: Write) -> None:
    path = write(
        "c.ini",
        CHANNEL.replace("port = 5000", "port = 5000\ntls.cert = /nowhere/cert.pem"),
    )

    [warning] = load(path, KINDS).warnings

    assert str(warning) == (
        "c.ini:5: warning: [source:chem-1] tls.cert: /nowhere/cert.pem: No such file "
        "or directory; the channel is failed until it is there"
    )


def test_a_faulty_include_is_told_once(write: Write) -> None:
    path = write("c.ini", "[gateway]\ninclude = a\0b\n")

    [problem] = _problems(path)

    assert "include: expected paths or patterns" in problem


def test_a_file_included_through_a_link_is_read_once(write: Write) -> None:
    write("a.ini", "[source:a]\ntype = tcp_server\nport = 1\n")
    os.symlink("a.ini", "b.ini")
    path = write("c.ini", "[gateway]\ninclude = a.ini, b.ini\n")

    assert load(path, KINDS).files == ("c.ini", "a.ini")


def test_channel_files_in_the_state_directory_are_read_and_each_once(
    write: Write, tmp_path: Path
) -> None:
    """The API keeps channels there; an include may name the same files."""
    channel = '{"id": "%s", "source": {"type": "tcp_server", "port": 5001}}'
    write("state/channels/a.json", channel % "a")
    write("state/channels/b.json", channel % "b")
    path = write("c.ini", "[gateway]\nstate_dir = state\ninclude = state/channels/a*\n")

    settings = load(path, KINDS)

    assert sorted(settings.channels) == ["a", "b"]
    assert settings.channels["b"].origin == str(tmp_path / "state/channels/b.json")


def test_a_channel_of_the_state_directory_may_not_stand_elsewhere_too(
    write: Write,
) -> None:
    write("state/channels/chem-1.json", '{"id": "chem-1", "source": {"type": "x"}}')
    path = write("c.ini", "[gateway]\nstate_dir = state\n" + CHANNEL)

    assert any("channel chem-1 is also in c.ini" in each for each in _problems(path))
