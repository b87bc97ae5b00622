"""The format is written down where it is made, and docs/ says the same."""

from __future__ import annotations

import textwrap
from pathlib import Path

import apsw

from iobuffer.storage import high_water, schema, sqlite
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, batch_of

DOCS = Path(__file__).parent.parent.parent / "docs" / "storage-format.rst"


def test_the_docs_say_what_the_modules_say() -> None:
    text = DOCS.read_text()
    assert sqlite.__doc__ is not None
    assert high_water.__doc__ is not None
    assert sqlite.__doc__ in text
    assert high_water.__doc__ in text
    assert textwrap.indent(schema.SCHEMA.strip(), "    ") in text


def test_the_query_in_the_docs_reads_the_messages(tmp_path: Path) -> None:
    """As the sqlite3 program would run it, on a stopped store."""
    store = SqliteStore(tmp_path / "state")
    store.open_channel("c", KEEP, ["d"])
    store.append("c", batch_of(b"MSH|", b"two", at=0.0))
    store.commit(1.0)
    store.close()
    assert sqlite.__doc__ is not None
    begin = sqlite.__doc__.index("SELECT c.name")
    statement = sqlite.__doc__[begin : sqlite.__doc__.index(";", begin)]
    connection = apsw.Connection(str(tmp_path / "state" / "store.sqlite3"))
    rows = connection.execute(statement).fetchall()
    connection.close()
    assert rows == [
        ("c", 1, 2, "1970-01-01 00:00:00", '[["peer:1",2]]', b"MSH|two"),
    ]
