"""A secret's text: inline, from a file (`NAME_file`), or from systemd
(`NAME_credential`, a file of `LoadCredential=` in $CREDENTIALS_DIRECTORY).

Exactly one of the three. No message here or elsewhere quotes the secret itself.
"""

from __future__ import annotations

import os
from typing import Any

from ..errors import ConfigError
from ..options import Option
from ..paths import exposed
from .files import MAX_SECRET_BYTES, read_text
from .raw import ABSENT, Node, Report

__all__ = ["MASK", "SPELLINGS", "secret_value"]

#: What is shown in place of every secret, here and on the documentation page.
MASK = "********"

#: What may follow the name of a secret option.
SPELLINGS = ("", "_file", "_credential")


def secret_value(name: str, spec: Option, parent: Node, report: Report) -> Any:
    """The value of the secret option `name` beneath `parent`; ABSENT if not given,
    or if what was given is at fault (then the fault is in `report`)."""
    given = [
        parent.children[name + spelling]
        for spelling in SPELLINGS
        if name + spelling in parent.children
    ]
    if not given:
        return ABSENT
    node = given[0]
    if len(given) > 1:
        words = " and ".join(one.path for one in given)
        report.error(f"give one of {words}, not both", given[1].path, given[1].line)
        return ABSENT
    if node.children or isinstance(node.value, list):
        report.error("expected text; got something else", node.path, node.line)
        return ABSENT
    if node is parent.children.get(name):
        return _inline(node, spec, report)
    path = _path(node, report)
    if not path:
        return ABSENT
    try:
        found = read_text(path, MAX_SECRET_BYTES)
    except ConfigError as error:
        words = error.problems[0].message
        report.error(f"{path} {words}", node.path, node.line)
        return ABSENT
    if why := exposed(found.mode):
        message = f"{path} holds a secret and {why}; chmod 640 {path}"
        report.error(message, node.path, node.line)
        return ABSENT
    # Editors and `echo` end a file with a line break that nobody means.
    return _parsed(found.text.removesuffix("\n").removesuffix("\r"), node, spec, report)


def _inline(node: Node, spec: Option, report: Report) -> Any:
    if node.value is not None and node.value != "" and report.exposed:
        report.error(
            f"a secret stands in this file and {report.exposed}; "
            f"chmod 640 {report.file}, or use {node.path}_file",
            node.path,
            node.line,
        )
    if node.value == MASK:
        report.warning(
            f"the secret is {MASK} itself, as it is printed where secrets are masked; "
            "write the real one",
            node.path,
            node.line,
        )
    return _parsed(node.value, node, spec, report)


def _parsed(value: Any, node: Node, spec: Option, report: Report) -> Any:
    try:
        return spec.converter.parse(value)
    except ValueError:
        message = f"expected {spec.converter.expects}; the value is not shown"
        report.error(message, node.path, node.line)
        return ABSENT


def _path(node: Node, report: Report) -> str:
    """The file to read; empty when there is none, which is then reported."""
    value = node.value.strip() if isinstance(node.value, str) else ""
    if not value:
        report.error("expected a path or a name", node.path, node.line)
        return ""
    if node.path.endswith("_file"):
        return value
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        report.error(
            "$CREDENTIALS_DIRECTORY is not set; a credential comes from systemd's "
            "LoadCredential=, outside systemd use a _file",
            node.path,
            node.line,
        )
        return ""
    if "/" in value or value in (".", ".."):
        report.error(
            "expected the name of a credential, not a path", node.path, node.line
        )
        return ""
    return os.path.join(directory, value)
