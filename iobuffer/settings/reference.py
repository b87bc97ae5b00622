"""The option reference in reST, from the metadata that reads the options.

Every kind lists its own options. What several kinds share (the framings, TLS) is
described once, behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from ..options import REQUIRED, Group, Option, Variant, specs
from .model import Kind, Kinds

__all__ = ["default_words", "reference"]


def reference(kinds: Kinds) -> str:
    """The whole reference as one reST document."""
    return "\n".join(_Reference(kinds).lines()) + "\n"


def default_words(spec: Option) -> str:
    """What holds when the option is left out, as INI writes it."""
    if spec.default is REQUIRED:
        return "required"
    if spec.default_words:
        return f"default: {spec.default_words}"
    default = spec.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    if default is None:
        return "default: none"
    text = spec.converter.show(default)
    return f"default: ``{text}``" if text else "default: empty"


@attrs.define
class _Shared:
    """A group or variant that is described behind the kinds, and who uses it."""

    name: str
    spec: Group | Variant
    users: list[str] = attrs.Factory(list)


@attrs.define
class _Reference:
    kinds: Kinds
    shared: dict[tuple[object, ...], _Shared] = attrs.Factory(dict)

    def lines(self) -> Iterator[str]:
        yield from _heading("Options", "=")
        yield from _paragraph(
            "Written by ``iobuffer`` from the same declarations that read the files; "
            '``tls.cert = x`` in INI is ``"tls": {"cert": "x"}`` in JSON.'
        )
        yield from _heading("[gateway]", "-")
        yield from self._class(self.kinds.gateway, "[gateway]")
        for name, config_class in self.kinds.extra.items():
            yield from _heading(f"[{name}]", "-")
            yield from self._class(config_class, f"[{name}]")
        yield from _heading("[channel:CHANNEL]", "-")
        yield from self._class(self.kinds.channel, "[channel]")
        yield from _heading("[source:CHANNEL]", "-")
        yield from self._kinds(self.kinds.sources, "source")
        yield from _heading("[destination:CHANNEL:NAME]", "-")
        yield from self._kinds(self.kinds.destinations, "destination")
        # Describing one may find another inside it, so the dict grows meanwhile.
        done = 0
        while done < len(self.shared):
            one = list(self.shared.values())[done]
            yield from self._shared(one)
            done += 1

    def _kinds(self, table: Mapping[str, Kind], role: str) -> Iterator[str]:
        for name, kind in table.items():
            yield from _heading(f"type = {name}", "~")
            yield from _paragraph(kind.summary)
            other = [alias for alias, of in self.kinds.aliases.items() if of == name]
            if other:
                yield from _paragraph(f"Also written ``{'``, ``'.join(other)}``.")
            yield from self._class(kind.config_class, f"{name} ({role})")

    def _class(self, config_class: type, user: str, prefix: str = "") -> Iterator[str]:
        if prefix == "" and config_class.__doc__ and user.startswith("["):
            yield from _paragraph(config_class.__doc__)
        for name, (_, spec) in specs(config_class).items():
            if isinstance(spec, Option):
                yield from _option(prefix + name, spec)
                continue
            what: object = (
                spec.config_class
                if isinstance(spec, Group)
                else tuple(spec.kinds.items())
            )
            default = spec.default if isinstance(spec, Variant) else None
            one = self.shared.setdefault((name, what), _Shared(name, spec))
            if user not in one.users:
                one.users.append(user)
            if isinstance(spec, Group):
                yield f"``{prefix}{name}.*``"
                yield f"    {_rest(spec.help)} See `{_title(one)}`_."
            else:
                yield f"``{prefix}{name}``"
                yield f"    {_rest(spec.help)} See `{_title(one)}`_."
                yield ""
                words = f"``{default}``" if default else "none"
                yield f"    One of {', '.join(spec.kinds)}; default: {words}."
            yield ""

    def _shared(self, one: _Shared) -> Iterator[str]:
        yield from _heading(_title(one), "-")
        yield from _paragraph(f"Used by {', '.join(one.users)}.")
        prefix = f"{one.name}."
        if isinstance(one.spec, Group):
            yield from self._class(one.spec.config_class, one.name, prefix)
            return
        for kind, config_class in one.spec.kinds.items():
            yield from _heading(f"{one.name} = {kind}", "~")
            if config_class.__doc__:
                yield from _paragraph(config_class.__doc__)
            yield from self._class(config_class, f"{one.name} {kind}", prefix)


def _title(one: _Shared) -> str:
    # The first user is enough to tell two of the same name apart.
    return f"{one.name} of {one.users[0]}"


def _heading(text: str, underline: str) -> Iterator[str]:
    yield text
    yield underline * len(text)
    yield ""


def _paragraph(text: str) -> Iterator[str]:
    # A docstring's lines, without their indentation.
    for line in text.strip().splitlines():
        yield _rest(line.strip())
    yield ""


def _rest(text: str) -> str:
    """Our `code` as reST's ``code``; what is reST already stays."""
    return re.sub(r"(?<!`)`([^`]+)`(?![`_])", r"``\1``", text)


def _option(name: str, spec: Option) -> Iterator[str]:
    yield f"``{name}``"
    yield f"    {_rest(spec.help)}"
    yield ""
    expects = spec.converter.expects.replace("\\", "\\\\").replace("*", "\\*")
    yield f"    {expects[:1].upper()}{expects[1:]}; {default_words(spec)}."
    if spec.secret:
        yield f"    Also as ``{name}_file`` or ``{name}_credential``."
    yield ""
