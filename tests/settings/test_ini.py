from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.settings.ini import Section, parse
from iobuffer.settings.raw import ABSENT, Node, Report


def _read(text: str) -> tuple[list[Section], list[str]]:
    report = Report("c.ini")
    sections = parse(text, report)
    return sections, [str(problem) for problem in report.problems]


def _options(node: Node) -> dict[str, tuple[str, int]]:
    found = {}
    for child in node.children.values():
        if child.value is not ABSENT:
            found[child.path] = (child.value, child.line)
        found.update(_options(child))
    return found


def test_sections_and_options_keep_their_lines() -> None:
    [gateway, source], problems = _read(
        "# a comment\n"
        "[gateway]\n"
        "state_dir = /x\n"
        "\n"
        "[source:chem-1]\n"
        "; another\n"
        "type=tcp_server\n"
        "tls.cert = /a = b\n"
    )

    assert problems == []
    assert gateway.name == "gateway"
    assert gateway.report.line == 2
    assert _options(gateway.root) == {"state_dir": ("/x", 3)}
    assert source.words == ("source", "chem-1")
    assert source.place == "c.ini:5"
    assert _options(source.root) == {
        "type": ("tcp_server", 7),
        "tls.cert": ("/a = b", 8),
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("/var/lib/iobuffer          ; store, keys", "/var/lib/iobuffer"),
        ("x\t; tab before it", "x"),
        (r"\x3b", r"\x3b"),
        ("hunter;2", "hunter;2"),
        ("a #b", "a #b"),
        ("50%(x)s%%", "50%(x)s%%"),
        ("${HOME}", "${HOME}"),
        ("a:b=c", "a:b=c"),
        ("", ""),
        (r"\r\n", r"\r\n"),
    ],
)
def test_a_value_is_what_stands_before_a_comment(written: str, value: str) -> None:
    [section], problems = _read(f"[a]\nb = {written}\n")

    assert problems == []
    assert _options(section.root) == {"b": (value, 2)}


def test_a_value_goes_on_in_indented_lines() -> None:
    [section], problems = _read("[a]\nallow = 10.0.0.0/8 ; one\n  ::1\nb = 2\n")

    assert problems == []
    assert _options(section.root) == {
        "allow": ("10.0.0.0/8\n::1", 2),
        "b": ("2", 4),
    }


def test_an_option_that_was_indented_by_accident_is_warned_of() -> None:
    _, problems = _read("[a]\ntype = udp\n  port = 514\n")

    assert problems == [
        "c.ini:3: warning: this indented line continues the value above it; if it is "
        "an option of its own, remove the blanks before it"
    ]


def test_a_section_or_option_given_twice_names_both_places() -> None:
    sections, problems = _read(
        "[a]\nport = 1\nport = 2\n  3\n[b]\nx = 1\n[ a ]\nport = 9\nc = d\n"
    )

    assert problems == [
        "c.ini:3: [a] port: given twice; see c.ini:2",
        "c.ini:7: section [a] given twice; see c.ini:1",
    ]
    assert [section.name for section in sections] == ["a", "b"]
    assert _options(sections[0].root) == {"port": ("1", 2)}


def test_every_faulty_line_is_reported_and_the_rest_is_read() -> None:
    sections, problems = _read(
        "stray = 1\nstray2 = 1\n[a]\nhunter2\n= x\n[bad\nlost = 1\n[]\n[b]\nport = 5\n"
    )

    assert problems == [
        "c.ini:1: expected a `[section]` before this",
        "c.ini:4: [a] expected `option = value`",
        "c.ini:5: [a] expected `option = value`",
        "c.ini:6: expected `[section]`",
        "c.ini:8: expected `[section]`",
    ]
    assert "hunter2" not in str(problems)
    assert _options(sections[1].root) == {"port": ("5", 10)}


def test_there_is_no_section_of_defaults() -> None:
    sections, _ = _read("[DEFAULT]\nport = 1\n[a]\n")

    assert [section.name for section in sections] == ["DEFAULT", "a"]
    assert _options(sections[1].root) == {}


def test_windows_line_ends_are_line_ends() -> None:
    [section], problems = _read("[a]\r\nb = c\r\n\r\nd = e\r\n")

    assert problems == []
    assert _options(section.root) == {"b": ("c", 2), "d": ("e", 4)}


_LINES = st.sampled_from(
    [
        "",
        "[a]",
        "[b:c]  ; x",
        "  [d]",
        "[e",
        "[]",
        "[a]]",
        "x = 1",
        "y=2 ; z",
        "z =",
        "  w = 3",
        "    v",
        "\tu = 4",
        "; c",
        "  # c",
        "q;r = 5",
        "= 6",
        "bare",
        ";",
        "s = ;",
        "t = a\r",
    ]
)


@given(st.lists(_LINES, max_size=12))
def test_configparser_finds_the_same_options_in_what_is_left(lines: list[str]) -> None:
    """The line index and configparser read one grammar: where nothing is reported,
    both find the same; where something is, nothing is raised."""
    text = "\n".join(lines)
    sections, problems = _read(text)
    if any("warning" not in problem for problem in problems):
        return
    plain = configparser.RawConfigParser(
        delimiters=("=",),
        comment_prefixes=("#", ";"),
        inline_comment_prefixes=(";",),
        empty_lines_in_values=False,
        default_section="\n",
    )
    plain.read_string(text)

    assert {
        section.name: {name: text for name, (text, _) in _options(section.root).items()}
        for section in sections
    } == {name: dict(plain.items(name)) for name in plain.sections()}


@given(st.text(alphabet="[]=;# \n\r\tab.\x00\x85", max_size=60))
def test_no_text_raises(text: str) -> None:
    _read(text)
