"""A page whose session has revealed a channel, as the dialog does it."""

from __future__ import annotations

from typing import Any

__all__ = ["opened_revealed"]


def opened_revealed(
    open_page: Any,
    user: tuple[str, str],
    channel: str,
    rest: str = "messages",
    **options: Any,
) -> Any:
    """The page of this channel, on which this user sees what messages say."""
    page = open_page(user, "api/whoami", **options)
    asked = page.context.request
    answer = asked.post(
        f"/api/channels/{channel}/reveal",
        data={"reason": "a test"},
        headers={"X-CSRF-Token": asked.get("/api/whoami").json()["csrf"]},
    )
    assert answer.ok, answer.text()
    page.goto(f"/#/channels/{channel}/{rest}")
    return page
