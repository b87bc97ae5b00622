from __future__ import annotations

import attrs

from iobuffer.options import BYTES, PORT, TEXT, option
from iobuffer.settings.build import dotted_names
from iobuffer.settings.model import Kinds
from iobuffer.settings.reference import default_words, reference

from .toy_kinds import KINDS


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
    assert "\nAn option of `tcp_server source`_, `tcp_server destination`_.\n" in text


def test_what_was_told_before_is_only_pointed_to() -> None:
    told = "As in `tcp_server source`_: ``host`` (default: ``0.0.0.0``)"

    assert told in reference(KINDS)


def test_headings_names_and_quotes_are_rest() -> None:
    text = reference(KINDS)

    assert (
        "\nserial source\n~~~~~~~~~~~~~\n\n``type = serial``. Reads a device.\n" in text
    )
    assert "Also written ``remote``." in text
    assert "Keep ``empty`` lines." in text
    flat = " ".join(text.split())
    assert "Also as ``auth.password_file`` or ``auth.password_credential``." in flat


def test_what_rest_would_take_for_its_own_is_escaped() -> None:
    @attrs.frozen(kw_only=True)
    class Marked:
        """Paths_ such as *.ini | x."""

        end: bytes = option(BYTES, help=r"Such as \x03, or `\x04`.")

    text = reference(Kinds(sources={}, destinations={}, gateway=Marked))

    assert r"Paths\_ such as \*.ini \| x." in text
    assert r"Such as \\x03, or ``\x04``." in text
