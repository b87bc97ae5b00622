"""What axe finds to be in the way of somebody."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

__all__ = ["barriers"]


def barriers(page: Any) -> list[tuple[str, list[str]]]:
    """The serious ones of what is seen now: the rule, and where it is broken."""
    found = Axe().run(page).response["violations"]
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
