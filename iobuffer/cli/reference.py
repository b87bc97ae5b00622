"""`make docs`: the option reference and the example, written from the declarations.

No command of `iobuffer`: it writes into a checkout. A test holds the files to what is
written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..settings.example import example
from ..settings.model import Kinds
from ..settings.reference import reference

__all__ = ["WRITTEN", "write"]

#: File in the checkout -> what writes its text.
WRITTEN: Mapping[str, Callable[[Kinds], str]] = {
    "docs/options.rst": reference,
    "etc/iobuffer.ini.example": example,
}


def write(root: Path, kinds: Kinds) -> None:
    """Write every file anew under the root of a checkout."""
    for name, text_of in WRITTEN.items():
        path = root / name
        path.write_text(text_of(kinds), encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    from ..registry import KINDS

    write(Path(__file__).parents[2], KINDS)
