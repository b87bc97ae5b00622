"""A browser on the page of a gateway that runs in a process of its own.

One gateway and one browser for all tests here; each test has contexts of its own, which
are fresh browsers to the page. A console error, a violated Content-Security-Policy or
a script that failed to load fails the test in which it happens.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .stage import ADMIN, OPERATOR, SECONDS, VIEWER, Stage, staged

CHROMIUM = shutil.which("chromium")
#: A folder for pictures of every view, to be looked at.
SHOTS = os.environ.get("IOBUFFER_SHOTS", "")

_WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""
_SIGNED_IN = 'localStorage.setItem("iobuffer.signed-in", "yes")'


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage")) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, stage: Stage) -> Iterator[Open]:
    """open_page(user, address="#/", before, **options of the context): a page on which
    this user (None: nobody) is signed in; `before` is told of it before it loads."""
    contexts: list[Any] = []
    faults: list[str] = []

    def opened(
        user: tuple[str, str] | None = ADMIN,
        address: str = "#/",
        before: Callable[[Any], None] = lambda page: None,
        **options: Any,
    ) -> Any:
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = browser.new_context(base_url=stage.url, **options)
        contexts.append(context)
        context.set_default_timeout(SECONDS * 1000)
        context.add_init_script(_WATCH)
        if user is not None:
            answer = context.request.post(
                "/api/login", data={"name": user[0], "password": user[1]}
            )
            assert answer.ok, answer.text()
            # What the page itself notes when somebody signs in on it.
            context.add_init_script(_SIGNED_IN)
        page = context.new_page()
        page.on("console", lambda said: _note(faults, said))
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        before(page)
        page.goto(f"/{address}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults, faults


def _note(faults: list[str], said: Any) -> None:
    # A refusal that the page shows in its own words is no fault of the page.
    expected = "Failed to load resource: the server responded with a status of 4"
    if said.type == "error" and not said.text.startswith(expected):
        faults.append(f"console: {said.text}")


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """picture(page, name): keep what is seen, where IOBUFFER_SHOTS says."""

    def keep(page: Any, name: str) -> None:
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

    return keep


@pytest.fixture(params=["viewer", "operator", "admin"])
def somebody(request: pytest.FixtureRequest) -> tuple[str, tuple[str, str]]:
    """Each role with its user."""
    users = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}
    return request.param, users[request.param]
