"""How soon the page is seen, and how much comes over the wire, in Debian's Chromium."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from .processes import free_port, gateway

__all__ = ["run"]

_ROUNDS = 7
_PAINT = """() => new Promise((told) => new PerformanceObserver((list) => {
  for (const each of list.getEntries())
    if (each.name === "first-contentful-paint") told(each.startTime);
}).observe({ type: "paint", buffered: true }))"""
_WIRE = """() => [...performance.getEntriesByType("navigation"),
  ...performance.getEntriesByType("resource")]
  .reduce((sum, each) => sum + each.transferSize, 0)"""


def _open(browser: Any, url: str) -> tuple[float, float, float]:
    """Milliseconds to the first paint and to the sign-in; bytes over the wire."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name="Sign in").wait_for()
    ready = page.evaluate("performance.now()")
    found = (page.evaluate(_PAINT), ready, page.evaluate(_WIRE))
    context.close()
    return found


def run() -> None:
    """The median of several visits, each with nothing in the browser's cache."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("  chromium is not installed")
        return
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="bench-paint-", dir="."))
    port = free_port()
    sections = f"[http]\nhost = 127.0.0.1\nport = {port}\n"
    try:
        with (
            gateway(sections, [port], folder),
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            visits = [
                _open(browser, f"http://127.0.0.1:{port}/") for _ in range(_ROUNDS)
            ]
            browser.close()
    finally:
        shutil.rmtree(folder)
    paint, ready, wire = (median(each) for each in zip(*visits, strict=True))
    print(
        f"  first paint {paint:.0f} ms, sign-in drawn {ready:.0f} ms, "
        f"{wire / 1000:.1f} KB over the wire"
    )
