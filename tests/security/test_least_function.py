"""TORTURE A17: nothing in the package can be made to run what somebody else wrote."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import iobuffer
from iobuffer.registry import KINDS
from iobuffer.settings.build import dotted_names

PACKAGE = Path(iobuffer.__file__).parent

#: Calls that run text, and modules whose input can.
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen"}
MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "xml",
    "lxml",
    "defusedxml",
    "yaml",
    "jsonpickle",
    "telnetlib",
    "code",
}
#: The manhole is a prompt for programmers: that is what it is for, and it is off.
PROMPT = "manhole/shell.py"


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text())):
            yield name, node


def test_no_text_is_run_and_nothing_is_read_that_makes_objects() -> None:
    found = set()
    for name, node in nodes():
        if isinstance(node, ast.Import):
            found |= {(name, each.name.split(".")[0]) for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add((name, node.module.split(".")[0]))
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in CALLS:
                found.add((name, called.id))
            if isinstance(called, ast.Attribute) and called.attr in ("system", "popen"):
                found.add((name, called.attr))

    assert {(where, what) for where, what in found if what in MODULES | CALLS} <= {
        (PROMPT, "code")
    }


def test_no_program_is_run_through_a_shell() -> None:
    for name, node in nodes():
        if isinstance(node, ast.keyword) and node.arg == "shell":
            raise AssertionError(f"{name}: a shell")


def test_no_option_of_a_channel_names_a_program() -> None:
    """The one that does, [alarms] mail_command, is in a file that only its owner
    writes; channels come through the API too."""
    classes = [
        kind.config_class
        for kind in (*KINDS.sources.values(), *KINDS.destinations.values())
    ]
    for config_class in (*classes, KINDS.channel):
        names = list(dotted_names(config_class))
        assert names
        assert [name for name in names if "command" in name or "exec" in name] == []
