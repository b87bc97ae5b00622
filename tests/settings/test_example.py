from __future__ import annotations

from pathlib import Path

from iobuffer.settings.example import example
from iobuffer.settings.load import load
from iobuffer.settings.model import Kinds

from .toy_kinds import KINDS


def test_it_loads_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "iobuffer.ini"
    path.write_text(example(KINDS))

    settings = load(str(path), KINDS)

    assert settings.warnings == ()
    assert settings.channels["chem-1"].source.type_name == "tcp_server"
    assert [*settings.channels["chem-1"].destinations] == ["archive"]


def test_no_line_is_longer_than_a_page() -> None:
    assert max(map(len, example(KINDS).splitlines())) <= 88


def test_an_option_stands_at_its_default_under_its_help() -> None:
    assert (
        "\n; Silence.\n; A duration such as 500ms, 30s, 5m, 7d.\n;idle = 200ms\n"
        in example(KINDS)
    )


def test_what_is_required_is_marked_as_such() -> None:
    text = example(KINDS)

    assert "1 to 65535. Required; an example:\n;port =" in text


def test_what_was_told_before_is_only_listed() -> None:
    assert "; As told under tcp_server source:\n;host = 0.0.0.0\n" in example(KINDS)


def test_a_variant_left_out_by_default_shows_an_example() -> None:
    assert "Left out by default; an example:\n;ack = bytes\n" in example(KINDS)


def test_a_default_of_this_machine_is_not_written_down() -> None:
    text = example(Kinds(sources={}, destinations={}))

    assert "; Text. Default: the host's name; an example:\n;name = " in text


def test_secrets_say_how_else_they_are_given() -> None:
    assert "; Text. Also as auth.password_file or auth.password_credential." in example(
        KINDS
    )


def test_what_is_shared_names_who_has_it() -> None:
    assert "; Part of: tcp_server source, tcp_server destination.\n" in example(KINDS)
