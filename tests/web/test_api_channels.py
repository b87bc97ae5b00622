"""What a channel's states say, and to whom."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from iobuffer.web.api_channels import told
from iobuffer.web.base import Call, Principal, Role, Site


@attrs.frozen
class Payloads:
    """Of operations, what a channel's policy says."""

    policy: str = "reveal"

    def payloads(self, name: str) -> str:
        return self.policy


def asked_by(role: Role, via: str) -> Call:
    site = Site(
        operations=Payloads(),  # type: ignore[arg-type]
        people=None,
        reactor=Seconds(),
        wall=lambda: 0.0,
    )
    principal = Principal("ada", role, via=via)
    return Call(None, {}, {}, None, principal, site)


class Seconds:
    def seconds(self) -> float:
        return 0.0


def halted() -> dict[str, Any]:
    def state() -> dict[str, Any]:
        return {"word": "failed", "reason": "refused", "quoted": "PID-3 4711"}

    return {
        "name": "a",
        "state": state(),
        "parts": {"lis": {"state": state()}, "out": {"state": None}},
    }


@pytest.mark.parametrize(
    ("role", "via", "reason"),
    [
        (Role.VIEWER, "token", "refused"),
        (Role.OPERATOR, "token", "refused. The receiver said: PID-3 4711"),
        (Role.OPERATOR, "session", "refused. The receiver said: xxx-9 9999"),
    ],
)
def test_a_receivers_words_are_shown_as_messages_are(
    role: Role, via: str, reason: str
) -> None:
    found = told(halted(), asked_by(role, via))
    expected = {"word": "failed", "reason": reason}
    assert found["state"] == found["parts"]["lis"]["state"] == expected
