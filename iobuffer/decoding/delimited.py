"""Fields, repetitions, components and sub-components between delimiters: what HL7 v2
and ASTM E1394 have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from .values import Field, Space

__all__ = ["Delimiters", "Word", "field_of"]


@attrs.frozen
class Word:
    """What a field is called, and what its components are."""

    title: str = ""
    components: tuple[str, ...] = ()


@attrs.frozen
class Delimiters:
    """One character each; empty for one that the message does not have."""

    field: str
    component: str
    repetition: str
    escape: str
    sub: str = ""


def field_of(
    name: str,
    text: str,
    word: Word,
    marks: Delimiters,
    plain: Callable[[str], str],
    space: Space,
) -> Field | None:
    """One field with its parts; None when it is empty, or there is no room for it.

    Args:
        plain: undoes the escape sequences of a value that has no further parts.
    """
    if not text or not space.take():
        return None
    repeated = _split(text, marks.repetition, space)
    if len(repeated) == 1:
        parts = _components(name, text, word, marks, plain, space)
        return Field(name, word.title, _whole(text, parts, plain, space), parts)
    found = []
    for number, each in enumerate(repeated, 1):
        if each and space.take():
            nth = f"{name}[{number}]"
            parts = _components(nth, each, word, marks, plain, space)
            found.append(Field(nth, "", _whole(each, parts, plain, space), parts))
    return Field(name, word.title, space.value(text), tuple(found))


def _components(
    name: str,
    text: str,
    word: Word,
    marks: Delimiters,
    plain: Callable[[str], str],
    space: Space,
) -> tuple[Field, ...]:
    pieces = _split(text, marks.component, space)
    if len(pieces) == 1 and not (marks.sub and marks.sub in text):
        return ()
    found = []
    for number, piece in enumerate(pieces, 1):
        if not piece or not space.take():
            continue
        known = number <= len(word.components)
        title = word.components[number - 1] if known else ""
        below = _subs(f"{name}.{number}", piece, marks, plain, space)
        value = _whole(piece, below, plain, space)
        found.append(Field(f"{name}.{number}", title, value, below))
    return tuple(found)


def _subs(
    name: str,
    text: str,
    marks: Delimiters,
    plain: Callable[[str], str],
    space: Space,
) -> tuple[Field, ...]:
    pieces = _split(text, marks.sub, space)
    if len(pieces) == 1:
        return ()
    return tuple(
        Field(f"{name}.{number}", "", _whole(piece, (), plain, space))
        for number, piece in enumerate(pieces, 1)
        if piece and space.take()
    )


def _whole(
    text: str, parts: Sequence[Field], plain: Callable[[str], str], space: Space
) -> str:
    """The value that is shown for all of it: as it came where it has parts, because
    its separators would no longer be told from what an escape stood for."""
    shown = space.value(text)
    # Cut first: a megabyte of escapes takes a second, and nobody sees it.
    return shown if parts else plain(shown)


def _split(text: str, mark: str, space: Space) -> list[str]:
    # No more pieces than there is room for: a field may be nothing but separators.
    return text.split(mark, space.left + 1) if mark else [text]
