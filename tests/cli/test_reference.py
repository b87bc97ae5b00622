"""What `make docs` writes is what is there, and the loader takes every line of it."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from iobuffer.cli.reference import WRITTEN, write
from iobuffer.registry import KINDS
from iobuffer.settings.load import load
from iobuffer.settings.model import Kinds, Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "etc" / "iobuffer.ini.example"

#: A part of the example: `; -- TITLE ---`, and all that follows up to the next.
_PART = re.compile(r"^; -- (.+?) -*\n", re.MULTILINE)
_OPTION = re.compile(r"^;([a-z][a-z0-9_.]* =.*)$", re.MULTILINE)
_DESTINATION = "[destination:chem-1:x]\ntype = file\npath = /x\nframing = line\n"
_SOURCE = "[source:chem-1]\ntype = tcp_server\nport = 1\n"


@attrs.frozen
class Part:
    """One part of the example. `head` is the section it needs, `options` its lines;
    those of `required` have to be given with every other."""

    title: str
    head: str
    required: tuple[str, ...]
    options: tuple[tuple[str, bool], ...]


def _parts() -> list[Part]:
    words = _PART.split(EXAMPLE.read_text())[1:]
    texts = dict(zip(words[::2], words[1::2], strict=True))
    heads = {title: _head(text) for title, text in texts.items()}
    found = []
    users = ""
    for title, text in texts.items():
        if title.startswith("A whole configuration"):
            continue
        if match := re.search(r"^; Part of: ((?:.|\n; )+)\.$", text, re.MULTILINE):
            users = match[1].replace("\n; ", " ")
        head = heads[title] or heads[_title_of(users.split(", ")[0])]
        lines = [match[1] for match in _OPTION.finditer(text)]
        chosen = [line for line in lines if not line.startswith("type =")]
        required = tuple(
            line
            for line in chosen
            if f"equired; an example:\n;{line}\n" in text or line == title
        )
        options = tuple(
            (line, not re.search(rf"example[:)]\n;{re.escape(line)}\n", text))
            for line in chosen
            if line not in required
        )
        found.append(Part(title, head, required, options))
    return found


def _head(text: str) -> str:
    """The section's own lines with what it requires; empty for a shared part."""
    match = re.search(r"^;(\[.*\])\n(?:;(type = .*)\n)?", text, re.MULTILINE)
    if match is None:
        return ""
    required = re.findall(r"Required; an example:\n;(.*)\n", text)
    return "\n".join([match[1], match[2] or "", *required]) + "\n"


def _title_of(user: str) -> str:
    """`tcp_server source` -> the title of that part."""
    if user.startswith("["):
        return user
    kind, role = user.split()
    header = {"source": "source:CHANNEL", "destination": "destination:CHANNEL:NAME"}
    return f"[{header[role]}] type = {kind}"


def _load(tmp_path: Path, part: Part, *lines: str) -> Settings:
    text = part.head
    for line in dict.fromkeys((*part.required, *lines)):
        if line not in text.splitlines():
            text += f"{line}\n"
    if "[source" not in text and "[destination" in text:
        text += _SOURCE
    elif "[channel" in text:
        text += _SOURCE + _DESTINATION
    elif "[source" in text:
        text += _DESTINATION
    path = tmp_path / "iobuffer.ini"
    path.write_text(text)
    return load(str(path), KINDS)


PARTS = _parts()
LINES = [(part, line, default) for part in PARTS for line, default in part.options]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_in_the_checkout_is_what_make_docs_writes(name: str) -> None:
    assert (ROOT / name).read_text() == WRITTEN[name](KINDS), "run `make docs`"


def test_write_writes_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "etc").mkdir()

    write(tmp_path, Kinds(sources={}, destinations={}))

    for name in WRITTEN:
        assert (tmp_path / name).stat().st_size > 0


def test_the_example_loads_as_it_stands() -> None:
    settings = load(str(EXAMPLE), KINDS)

    assert [*settings.channels] == ["chem-1"]
    assert settings.warnings == ()


def test_every_kind_and_every_shared_part_is_in_the_example() -> None:
    titles = {part.title for part in PARTS}
    kinds = {f"[source:CHANNEL] type = {name}" for name in KINDS.sources}
    kinds |= {
        f"[destination:CHANNEL:NAME] type = {name}" for name in KINDS.destinations
    }

    assert kinds | {"[gateway]", "[http]", "[channel:CHANNEL]"} <= titles
    assert {"tls", "rs485", "auth", "framing = mllp", "ack = hl7"} <= titles
    assert len(LINES) > 150


@pytest.mark.parametrize(
    ("part", "line", "is_default"),
    [pytest.param(*one, id=f"{one[0].title}-{one[1]}") for one in LINES],
)
def test_a_line_without_its_semicolon_is_accepted_and_changes_nothing(
    part: Part, line: str, is_default: bool, tmp_path: Path
) -> None:
    """But for the few that are marked as examples, which are only accepted."""
    with_line = _load(tmp_path, part, line)

    if is_default:
        assert with_line == _load(tmp_path, part)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_a_part_without_its_semicolons_is_accepted_as_a_whole(
    part: Part, tmp_path: Path
) -> None:
    _load(tmp_path, part, *(line for line, _ in part.options))
