"""What was written + a config class -> the frozen config object.

Every fault is reported, none is raised: what is at fault is left out and the rest is
looked at all the same, so that one run names them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..options import REQUIRED, Group, Option, Variant, specs
from .raw import ABSENT, Node, Report
from .secret import SPELLINGS, secret_value
from .words import nearest, plain, quoted, unknown

__all__ = ["build", "dotted_names", "holds_secret", "pick"]


def build(
    node: Node,
    config_class: type,
    report: Report,
    *,
    also: tuple[str, ...] = (),
    kind: str = "",
    siblings: Mapping[str, type] | None = None,
) -> Any | None:
    """The config object, or None when anything was at fault.

    Args:
        also: names beneath `node` that the caller reads itself, such as `type`.
        kind: what `config_class` is called among its siblings.
        siblings: kind -> config class, of all that could have stood here; an option of
            another one is then named as such.
    """
    errors_before = report.errors
    values: dict[str, Any] = {}
    known = specs(config_class)
    taken = set(also)
    for name, (attribute, spec) in known.items():
        taken.add(name)
        if isinstance(spec, Group):
            value = _group(name, spec, node, report)
        elif isinstance(spec, Variant):
            value = _variant(name, spec, node, report)
        else:
            value = _option(name, spec, node, report)
            if spec.secret:
                taken.update(name + spelling for spelling in SPELLINGS)
        if value is not ABSENT:
            values[attribute] = value
    for name, child in node.children.items():
        if name not in taken:
            if report.is_full:
                # To look for what was meant costs more than to count it.
                report.error("unknown option")
                continue
            message = _unknown(name, node, config_class, also, kind, siblings or {})
            report.error(message, plain(child.path), child.line)
    if report.errors > errors_before:
        return None
    built = config_class(**values)
    _cross_check(built, node, report)
    return built if report.errors == errors_before else None


def pick(
    names: Mapping[str, Any],
    node: Node,
    report: Report,
    *,
    default: str | None = None,
    required: bool = False,
    aliases: Mapping[str, str] | None = None,
    private: bool = False,
) -> str | None:
    """Which of `names` was chosen, by the bare type or by `type`.

    None after an error, and for a `default` of None where nothing is written; when
    `required`, or when options are written without a type, that is an error too.

    `private` keeps the value out of the error: a secret may stand in the type's place.
    """
    inner = node.children.get("type")
    written = [
        one for one in (node, inner) if one is not None and one.value is not ABSENT
    ]
    if not written:
        if default is None and (node.children or required):
            place = node.below("type") if required else node.path
            message = f"required and not given; expected one of {', '.join(names)}"
            report.error(message, place, node.line)
        return default
    chosen: set[str | None] = set()
    for one in written:
        word = one.value.strip().lower() if isinstance(one.value, str) else ""
        word = (aliases or {}).get(word, word)
        chosen.add(word if word in names else None)
        if word not in names:
            got = "" if private else f"; got {quoted(one.value)}"
            near = nearest(word.partition("\n")[0], names) if word else None
            hint = f"; did you mean {near}?" if near else ""
            message = f"expected one of {', '.join(names)}{got}{hint}"
            report.error(message, one.path, one.line)
    if len(chosen) > 1 and None not in chosen:
        first = written[0].path
        report.error(
            f"says another type than {first}", written[1].path, written[1].line
        )
        return None
    return chosen.pop() if len(chosen) == 1 else None


def _option(name: str, spec: Option, parent: Node, report: Report) -> Any:
    if spec.secret:
        value = secret_value(name, spec, parent, report)
        asked = any(name + spelling in parent.children for spelling in SPELLINGS)
    else:
        asked = name in parent.children
        value = _value(spec, parent.children[name], report) if asked else ABSENT
    if not asked and spec.default is REQUIRED:
        report.error(
            f"required and not given; expected {spec.converter.expects}",
            parent.below(name),
            parent.line,
        )
    return value


def _value(spec: Option, node: Node, report: Report) -> Any:
    written = {} if node.children else node.value
    try:
        if written is ABSENT or node.children:
            raise ValueError(written)
        value = spec.converter.parse(written)
    except ValueError:
        got = quoted({} if written is ABSENT else written)
        report.error(
            f"expected {spec.converter.expects}; got {got}", node.path, node.line
        )
        return ABSENT
    if spec.converter.check is not None:
        for problem in spec.converter.check(value):
            report.add(problem, node.path, node.line)
    return value


def _group(name: str, spec: Group, parent: Node, report: Report) -> Any:
    node = parent.children.get(name) or Node(parent.below(name), parent.line)
    # JSON's null says as much as leaving it out.
    if node.value is not ABSENT and node.value is not None:
        if spec.bare:
            return build(
                _spelled_out(node, spec.bare, report), spec.config_class, report
            )
        inside = next(iter(specs(spec.config_class)), "")
        report.error(
            f"expected options beneath it, such as {node.below(inside)}; "
            f"got a value of its own",
            node.path,
            node.line,
        )
    return build(node, spec.config_class, report)


def _spelled_out(node: Node, bare: str, report: Report) -> Node:
    """The node with its own value where the option `bare` beneath it would stand."""
    if bare in node.children:
        report.error(f"given as {node.below(bare)} too", node.path, node.line)
    children = {**node.children, bare: Node(node.path, node.line, node.value)}
    return Node(node.path, node.line, ABSENT, children)


def _variant(name: str, spec: Variant, parent: Node, report: Report) -> Any:
    node = parent.children.get(name) or Node(parent.below(name), parent.line)
    if node.value is None:
        node = Node(node.path, node.line, ABSENT, node.children)
    private = any(map(holds_secret, spec.kinds.values()))
    kind = pick(spec.kinds, node, report, default=spec.default, private=private)
    if kind is None:
        return ABSENT
    return build(
        node,
        spec.kinds[kind],
        report,
        also=("type",),
        kind=kind,
        siblings=spec.kinds,
    )


def _cross_check(built: Any, node: Node, report: Report) -> None:
    """What the object itself finds wrong, or doubtful, with its options together."""
    for method, tell in (("problems", report.error), ("warnings", report.warning)):
        ask = getattr(built, method, None)
        for found in ask() if ask is not None else ():
            name, message = ("", found) if isinstance(found, str) else found
            place: Node | None = node
            for part in name.split(".") if name else ():
                place = place.children.get(part) if place else None
            line = place.line if place else node.line
            tell(message, node.below(name) if name else node.path, line)


def _unknown(
    name: str,
    node: Node,
    config_class: type,
    also: tuple[str, ...],
    kind: str,
    siblings: Mapping[str, type],
) -> str:
    owners = [other for other, one in siblings.items() if name in specs(one)]
    if owners:
        return f"not an option of {kind}; it belongs to {', '.join(owners)}"
    names = [*also, *dotted_names(config_class)]
    return unknown("option", name, names, node.below(""))


def dotted_names(config_class: type, prefix: str = "") -> Iterator[str]:
    """Every name that an option of this class may be written by, nested ones too."""
    for name, (_, spec) in specs(config_class).items():
        yield prefix + name
        if isinstance(spec, Group):
            yield from dotted_names(spec.config_class, f"{prefix}{name}.")
        elif isinstance(spec, Variant):
            inside = (
                dotted_names(one, f"{prefix}{name}.") for one in spec.kinds.values()
            )
            yield from dict.fromkeys(inner for names in inside for inner in names)
        elif spec.secret:
            yield from (prefix + name + spelling for spelling in SPELLINGS[1:])


def holds_secret(config_class: type) -> bool:
    """True when a secret is anywhere among the options of this class."""
    for _, spec in specs(config_class).values():
        if isinstance(spec, Option):
            found = spec.secret
        elif isinstance(spec, Group):
            found = holds_secret(spec.config_class)
        else:
            found = any(map(holds_secret, spec.kinds.values()))
        if found:
            return True
    return False
