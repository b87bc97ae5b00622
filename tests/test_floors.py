"""The floors of DESIGN 3: who may import whom, read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "iobuffer"

#: Longest prefix wins. Lower floors know nothing of higher ones.
FLOORS = {
    "errors": 0,
    "batch": 0,
    "options": 0,
    "converters": 0,
    "paths": 0,
    "hours": 0,
    "framing": 1,
    "acks": 1,
    "storage": 1,
    "decoding": 1,
    "relay_format": 1,
    "heap": 1,
    "relay_order": 2,
    "keeping": 2,
    "channel": 2,
    "counters": 2,
    "rates": 2,
    "history": 2,
    "channel_log": 2,
    "figures": 2,
    "surroundings": 2,
    "alarms": 2,
    "exposition": 2,
    "state": 2,
    "settings": 2,
    "people": 2,
    "links": 3,
    "sources": 3,
    "destinations": 3,
    "offers": 3,
    "following": 2,
    "turns": 3,
    "fullness": 3,
    "storekeeper": 3,
    "notifier": 3,
    "web": 3,
    "sd_notify": 3,
    "manhole": 3,
    "registry": 4,
    "relays": 4,
    "transitions": 4,
    "pair": 4,
    "voice": 4,
    "counted": 4,
    "line_quality": 4,
    "past": 4,
    "watch": 4,
    "status_words": 4,
    "gateway": 4,
    "operations": 4,
    "message_operations": 4,
    "replays": 4,
    "trials": 4,
    "search": 4,
    "serving": 4,
    "upkeep": 4,
    "logs": 4,
    "precautions": 4,
    "tap": 4,
    "cli": 4,
}

#: Rooms on one floor that may see each other.
SHARED_WITHIN_FLOOR = {
    0: {
        ("options", "errors"),
        ("batch", "errors"),
        ("options", "converters"),
        ("options", "paths"),
        ("converters", "paths"),
        ("paths", "converters"),
        ("converters", "errors"),
        ("paths", "errors"),
        ("converters", "options"),
        ("paths", "options"),
        ("hours", "converters"),
    },
    1: set(),
    2: {
        ("channel", "keeping"),
        ("channel", "state"),
        ("channel", "counters"),
        ("relay_order", "channel"),
        ("figures", "counters"),
        ("figures", "state"),
        ("alarms", "figures"),
        ("alarms", "state"),
        ("exposition", "alarms"),
        ("exposition", "counters"),
        ("exposition", "figures"),
        ("exposition", "state"),
    },
    3: {
        ("sources", "links"),
        ("destinations", "links"),
        ("web", "links"),
        ("storekeeper", "offers"),
        ("storekeeper", "turns"),
        ("storekeeper", "fullness"),
        ("fullness", "turns"),
        ("turns", "offers"),
        ("notifier", "links"),
    },
}

#: What lies between the store and everybody else.
KEEPERS = ("channel", "following", "fullness", "turns", "storekeeper")

TWISTED_FROM = 3
TWISTED = ("twisted", "treq", "OpenSSL", "service_identity", "serial", "zope")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def room(module: Path) -> str:
    relative = module.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(module: Path) -> list[tuple[str, str]]:
    """(kind, name): ("ours", room) or ("theirs", top-level package)."""
    found = []
    depth = len(module.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found += [("theirs", each.name.split(".")[0]) for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(("theirs", (node.module or "").split(".")[0]))
        elif isinstance(node, ast.ImportFrom):
            if node.level < depth:
                continue  # within its own room
            if node.module:
                found.append(("ours", node.module.split(".")[0]))
            else:
                found += [("ours", each.name) for each in node.names]
    return found


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_imports_only_from_floors_below(module: Path) -> None:
    here = room(module)
    if here == "__init__":
        return
    assert here in FLOORS, f"{here}: say on which floor this room is"
    floor = FLOORS[here]
    for kind, name in imports(module):
        if kind == "theirs":
            assert name != "iobuffer", "use a relative import"
            if name in TWISTED:
                assert floor >= TWISTED_FROM, f"{name} on floor {floor}"
            continue
        if name.startswith("__"):
            continue
        there = FLOORS[name]
        allowed = (
            there < floor
            or name == here
            or (here, name) in SHARED_WITHIN_FLOOR.get(floor, set())
            or (floor == there == 4)
        )
        assert allowed, f"{here} (floor {floor}) imports {name} (floor {there})"


def test_the_edge_sees_the_store_only_through_the_channel() -> None:
    for module in modules():
        if room(module) in ("sources", "destinations", "links", "web"):
            names = [name for kind, name in imports(module) if kind == "ours"]
            assert "storage" not in names, module


def test_nobody_below_the_keeper_sees_more_of_the_store_than_its_contract() -> None:
    for module in modules():
        if room(module) in KEEPERS:
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.ImportFrom) and "storage" in (
                    node.module or ""
                ):
                    assert node.module == "storage.base"
