from __future__ import annotations

import attrs
from .toy_kinds import FRAMINGS, KINDS

from iobuffer.options import PORT, TEXT, group, option, variant
from iobuffer.settings.build import dotted_names
from iobuffer.settings.model import Kinds
from iobuffer.settings.reference import default_words, reference


@attrs.frozen(kw_only=True)
class Odd:
    required: int = option(PORT, help="x")
    empty: str = option(TEXT, default="", help="x")
    none: str | None = option(TEXT, default=None, help="x")
    made: str = option(TEXT, default=attrs.Factory(lambda: "made"), help="x")
    told: str = option(
        TEXT, default=attrs.Factory(lambda: "here"), help="x", default_words="the host"
    )


def test_defaults_are_told_in_words() -> None:
    found = {
        field.name: default_words(field.metadata["iobuffer.option"])
        for field in attrs.fields(Odd)
    }

    assert found == {
        "required": "required",
        "empty": "default: empty",
        "none": "default: none",
        "made": "default: ``made``",
        "told": "default: the host",
    }


def test_every_option_of_every_kind_is_in_the_reference() -> None:
    text = reference(KINDS)
    kinds = [*KINDS.sources.values(), *KINDS.destinations.values()]
    classes = [kind.config_class for kind in kinds]

    for config_class in [KINDS.gateway, KINDS.channel, *classes]:
        for name in dotted_names(config_class):
            if not name.endswith(("_file", "_credential")):
                assert f"\n``{name}" in text, name


def test_what_kinds_share_is_described_once() -> None:
    text = reference(KINDS)

    assert text.count("\n``framing.keep_empty``\n") == 1
    assert "Used by tcp_server (source), tcp_server (destination)." in text


def test_headings_names_and_quotes_are_rest() -> None:
    text = reference(KINDS)

    assert "\ntype = serial\n~~~~~~~~~~~~~\n\nReads a device.\n" in text
    assert "Also written ``remote``." in text
    assert "Keep ``empty`` lines." in text
    assert "Also as ``auth.password_file`` or ``auth.password_credential``." in text


def test_a_user_is_named_once() -> None:
    """Two groups of one name, each with the same variant inside, are one user of it."""

    @attrs.frozen(kw_only=True)
    class Left:
        framing: object = variant(FRAMINGS, default="line", help="x")

    @attrs.frozen(kw_only=True)
    class Right:
        framing: object = variant(FRAMINGS, default="line", help="x")

    @attrs.frozen(kw_only=True)
    class UsesLeft:
        side: Left = group(Left, help="x")

    @attrs.frozen(kw_only=True)
    class UsesRight:
        side: Right = group(Right, help="x")

    kinds = Kinds(sources={}, destinations={}, gateway=UsesLeft, channel=UsesRight)

    assert "\nUsed by side.\n" in reference(kinds)
