"""The alarms that are on, as whoever is on call sees them."""

from __future__ import annotations

import json
from typing import Any

from tests.torture.gateway import free_ports

from .stage import VIEWER, Stage


def test_a_link_that_is_down_is_an_alarm_that_leads_to_its_channel(
    open_page: Any, stage: Stage, picture: Any
) -> None:
    (nowhere,) = free_ports(1)
    found = {
        "id": "far-1",
        "source": {"type": "tcp_client", "host": "127.0.0.1", "port": nowhere},
        "alarm": {"link_down": "1s"},
    }
    stage.asked(
        "/api/channels/far-1",
        method="PUT",
        data=json.dumps(found).encode(),
        headers={"Content-Type": "application/json"},
    )
    page = open_page(VIEWER, "#/alarms")
    row = page.get_by_role("row", name="far-1")
    row.get_by_text("link down").wait_for()
    page.get_by_role("link", name="Alarms").get_by_text("on").wait_for()
    picture(page, "alarms-on")
    row.get_by_role("link", name="far-1").click()
    page.get_by_role("heading", name="far-1").wait_for()
    stage.asked("/api/channels/far-1", method="DELETE")
