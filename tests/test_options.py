from __future__ import annotations

from typing import Any

import attrs
import pytest

from iobuffer.options import (
    PORT,
    REQUIRED,
    TEXT,
    Group,
    Option,
    Variant,
    group,
    option,
    spec_of,
    specs,
    variant,
)


@attrs.frozen(kw_only=True)
class Inner:
    word: str = option(TEXT, default="x", help="A word.")


@attrs.frozen(kw_only=True)
class Outer:
    port: int = option(PORT, help="A port.")
    from_: str = option(TEXT, default="", help="Whence.", name="from")
    password: str = option(TEXT, default="", help="Secret.", secret=True)
    host: str = option(
        TEXT, default=attrs.Factory(lambda: "here"), help="Me.", default_words="me"
    )
    inner: Inner = group(Inner, help="Inside.")
    kind: Any = variant({"inner": Inner}, default="inner", help="Chosen.")
    other: Any = variant({"inner": Inner}, default=None, help="Chosen or not.")
    note: int = 5


def test_options_are_listed_by_the_names_that_files_use() -> None:
    found = specs(Outer)

    assert list(found) == [
        "port",
        "from",
        "password",
        "host",
        "inner",
        "kind",
        "other",
    ]
    assert found["from"][0] == "from_"
    assert isinstance(found["port"][1], Option)
    assert found["port"][1].default is REQUIRED
    assert found["inner"][1] == Group(Inner, "Inside.")
    assert found["kind"][1] == Variant({"inner": Inner}, "Chosen.", "inner")


def test_a_field_that_is_no_option_has_no_spec() -> None:
    assert spec_of(attrs.fields(Outer).note) is None


def test_defaults_build_the_object() -> None:
    built = Outer(port=5)

    assert built.inner == Inner()
    assert built.kind == Inner()
    assert built.other is None
    assert built.host == "here"


def test_a_required_option_is_required_by_the_class_too() -> None:
    with pytest.raises(TypeError, match="port"):
        Outer()


def test_a_secret_is_not_in_the_repr() -> None:
    assert "hunter2" not in repr(Outer(port=5, password="hunter2"))
