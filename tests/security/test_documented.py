"""docs/security.rst names tests: they are there, and none of ours is left out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.rst").read_text()


def test_every_test_that_the_document_names_is_there() -> None:
    named = set(re.findall(r"``(tests/[\w/]+\.py)``", TEXT))

    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_attack_of_ours_is_in_the_document() -> None:
    ours = {
        str(path.relative_to(ROOT))
        for folder in ("tests/security", "tests/integration/security")
        for path in (ROOT / folder).glob("test_*.py")
    }

    assert (
        sorted(
            path
            for path in ours - {"tests/security/test_documented.py"}
            if path not in TEXT
        )
        == []
    )


def test_each_kind_of_attack_has_its_row() -> None:
    rows = {int(number) for number in re.findall(r"\bA(\d+)\b", TEXT)}

    # A18, the dependencies, is a matter of each installation.
    assert rows == {*range(1, 18), 19}
