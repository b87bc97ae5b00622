"""The only folder with a reactor.

Each `async def` test runs under a deadline of its own, and fails when it leaves a
logged error, an open port or a delayed call behind. pytest-twisted alone sees neither,
and a test that hangs would end only with the whole run.
"""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

DEADLINE_SECONDS = 30.0


@pytest.fixture
def reactor() -> Any:
    """The installed reactor; tests and what they build get it as an argument."""
    from twisted.internet import reactor as installed

    return installed


def _within_deadline(test: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> defer.Deferred[Any]:
        from twisted.internet import reactor as installed

        deferred = defer.ensureDeferred(test(*args, **kwargs))
        return deferred.addTimeout(seconds, installed)  # type: ignore[arg-type]

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for test in items:
        function = getattr(test, "obj", None)
        if inspect.iscoroutinefunction(function):
            marker = test.get_closest_marker("deadline")
            seconds = marker.args[0] if marker else DEADLINE_SECONDS
            test.obj = _within_deadline(function, seconds)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def clean_reactor(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test that logs an error or leaves something on the reactor."""
    if "reactor" not in request.fixturenames:
        yield
        return
    installed = request.getfixturevalue("reactor")
    errors: list[str] = []

    def observe(event: Any) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            text = formatEvent(event)
            errors.append(f"{text}\n{failure.getTraceback()}" if failure else text)

    readers_before = set(installed.getReaders())
    calls_before = set(installed.getDelayedCalls())
    globalLogPublisher.addObserver(observe)
    yield
    # A Deferred that failed with nobody listening says so when it is collected.
    gc.collect()
    globalLogPublisher.removeObserver(observe)
    readers = {
        reader
        for reader in set(installed.getReaders()) - readers_before
        if type(reader).__name__ not in ("_UnixWaker", "_SIGCHLDWaker", "_SocketWaker")
    }
    calls = set(installed.getDelayedCalls()) - calls_before
    for call in calls:
        call.cancel()
    for reader in readers:
        installed.removeReader(reader)
    assert not errors, "logged errors:\n" + "\n".join(errors)
    assert not readers, f"left on the reactor: {readers}"
    assert not calls, f"delayed calls left: {[str(call) for call in calls]}"
