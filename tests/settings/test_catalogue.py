from __future__ import annotations

import attrs

from iobuffer.options import PORT, TEXT, choice, group, option, optional, variant
from iobuffer.settings.catalogue import catalogue, example_of
from iobuffer.settings.model import Kind, Kinds

from .toy_kinds import FRAMINGS, KINDS, ToyLine


def _spec(field: object) -> object:
    made = attrs.make_class("Made", {"one": field})
    return attrs.fields(made).one.metadata["iobuffer.option"]


@attrs.frozen
class _Policy:
    """A channel without options of its own."""


def _kinds(*config_classes: type) -> Kinds:
    def build() -> None:
        raise AssertionError("nothing is built here")

    return Kinds(
        sources={
            one.__name__.lower(): Kind(config_class=one, build=build, summary="A kind.")
            for one in config_classes
        },
        destinations={},
        channel=_Policy,
    )


def test_sections_come_in_the_order_of_a_configuration() -> None:
    found = [section.title for section in catalogue(KINDS).sections]

    assert found == [
        "[gateway]",
        "[http]",
        "[channel:CHANNEL]",
        "tcp_server source",
        "serial source",
        "remote_icombuffer source",
        "file destination",
        "tcp_server destination",
    ]


def test_what_is_required_comes_first_then_what_is_inherited_last() -> None:
    @attrs.frozen(kw_only=True)
    class Base:
        inherited: str = option(TEXT, default="", help="x")

    @attrs.frozen(kw_only=True)
    class Derived(Base):
        own: str = option(TEXT, default="", help="x")
        needed: str = option(TEXT, help="x")

    section = catalogue(_kinds(Derived)).sections[-1]

    assert [entry.name for entry in section.entries] == ["needed", "own", "inherited"]


def test_the_same_words_are_told_once_but_for_what_is_required() -> None:
    @attrs.frozen(kw_only=True)
    class One:
        port: int = option(PORT, help="The port.")
        host: str = option(TEXT, default="", help="The host.")

    @attrs.frozen(kw_only=True)
    class Two:
        port: int = option(PORT, help="The port.")
        host: str = option(TEXT, default="", help="The host.")
        other: str = option(TEXT, default="", help="Another host.")

    one, two = catalogue(_kinds(One, Two)).sections[-2:]

    assert [entry.told_in for entry in one.entries] == [None, None]
    assert [entry.told_in for entry in two.entries] == [None, one, None]


def test_another_default_is_told_again() -> None:
    @attrs.frozen(kw_only=True)
    class One:
        host: str = option(TEXT, default="a", help="The host.")

    @attrs.frozen(kw_only=True)
    class Two:
        host: str = option(TEXT, default="b", help="The host.")

    two = catalogue(_kinds(One, Two)).sections[-1]

    assert two.entries[0].told_in is None


def test_a_chapter_names_each_user_once_and_each_kind_once() -> None:
    chapters = {chapter.title: chapter for chapter in catalogue(KINDS).chapters}
    framing = chapters["framing"]

    assert [user.title for user in framing.users] == [
        "tcp_server source",
        "tcp_server destination",
    ]
    assert [one.title for one in framing.sections] == [
        "framing = line",
        "framing = delimiter",
    ]


def test_two_kinds_of_one_name_are_told_apart() -> None:
    @attrs.frozen(kw_only=True)
    class OtherLine:
        """Other lines."""

    @attrs.frozen(kw_only=True)
    class One:
        framing: object = variant(FRAMINGS, default="line", help="x")

    @attrs.frozen(kw_only=True)
    class Two:
        framing: object = variant({"line": OtherLine}, default="line", help="x")

    (framing,) = catalogue(_kinds(One, Two)).chapters

    assert [one.title for one in framing.sections] == [
        "framing = line",
        "framing = delimiter",
        "framing = line (two source)",
    ]


def test_a_group_within_a_group_has_a_chapter_of_its_own() -> None:
    @attrs.frozen(kw_only=True)
    class Inner:
        """Within."""

        x: str = option(TEXT, default="", help="x")

    @attrs.frozen(kw_only=True)
    class Outer:
        """Around."""

        inner: Inner = group(Inner, help="x")

    @attrs.frozen(kw_only=True)
    class One:
        outer: Outer = group(Outer, help="x")

    found = catalogue(_kinds(One)).chapters

    assert [chapter.title for chapter in found] == ["outer", "inner"]


def test_an_example_is_the_default_where_ini_can_write_that() -> None:
    word = choice("a", "b")

    assert example_of(_spec(option(TEXT, default="x", help="x"))) == ("x", True)
    assert example_of(_spec(option(optional(TEXT), default=None, help="x"))) == (
        "",
        True,
    )
    assert example_of(_spec(option(word, default=None, example="b", help="x"))) == (
        "b",
        False,
    )
    assert example_of(_spec(option(word, example="b", help="x"))) == ("b", False)
    assert example_of(_spec(option(word, help="x"))) == ("", False)
    made = attrs.Factory(lambda: "made")
    assert example_of(_spec(option(TEXT, default=made, help="x"))) == ("made", True)


def test_the_example_of_a_variant_is_no_guesswork() -> None:
    kinds = {"auto": ToyLine, "line": ToyLine}

    assert example_of(_spec(variant(kinds, default="auto", help="x"))) == ("auto", True)
    assert example_of(_spec(variant(kinds, default=None, help="x"))) == ("line", False)
