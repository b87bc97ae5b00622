"""A source is tried before there is a channel: what arrives, and how it is cut."""

from __future__ import annotations

import socket
from typing import Any

from tests.torture.gateway import free_ports

from .stage import SECONDS, Stage, hl7_result


def test_what_a_device_sends_is_seen_cut_into_messages_and_not_kept(
    open_page: Any, stage: Stage, picture: Any
) -> None:
    (port,) = free_ports(1)
    page = open_page(address="#/new?by=listening")
    page.get_by_role("radio", name="TCP Server").check()
    source = page.get_by_role("region", name="Source")
    source.get_by_label("Host").fill("127.0.0.1")
    source.get_by_label("Port").fill(str(port))
    source.get_by_role("button", name="Test: listen").click()
    trial = page.get_by_role("region", name="Trial")
    trial.get_by_text("Let the device send something now").wait_for()

    with socket.create_connection(("127.0.0.1", port), SECONDS) as line:
        whole = hl7_result(1) + hl7_result(2)
        line.sendall(whole[:100])
        line.sendall(whole[100:])
        trial.get_by_text("MLLP (HL7)").first.wait_for()
        trial.get_by_text("2 messages of").wait_for()
        # The control bytes within a message are seen as their pictures.
        trial.get_by_text("SIM00000002").get_by_text("␍").first.wait_for()
        picture(page, "trial")
        trial.get_by_role("button", name="Take MLLP").click()
        line.settimeout(0.5)
        try:
            answered = line.recv(100)
        except TimeoutError:
            answered = b""
        assert answered == b""
    assert source.get_by_label("Framing").first.input_value() == "mllp"
    trial.get_by_role("button", name="End the trial").click()
    trial.get_by_text("You have ended it").wait_for()
    page.get_by_role("button", name="Go on with this source").click()
    page.get_by_role("region", name="Channel").get_by_label("Name").wait_for()
    # Nothing was kept of it.
    assert {each["name"] for each in stage.asked("/api/channels")["channels"]} >= {
        "chem-1"
    }


def test_a_port_that_a_channel_holds_leads_to_what_that_receives(
    open_page: Any, stage: Stage
) -> None:
    page = open_page(address="#/new")
    page.get_by_role("radio", name="TCP Server").check()
    source = page.get_by_role("region", name="Source")
    source.get_by_label("Host").fill("127.0.0.1")
    source.get_by_label("Port").fill(str(stage.ports["chem"]))
    source.get_by_role("button", name="Test: listen").click()
    page.get_by_role("alert").get_by_text("held by").wait_for()
    page.get_by_role("link", name="The live view of chem-1").wait_for()


def test_a_destination_is_reached_and_one_that_is_not_there_is_not(
    open_page: Any, stage: Stage, picture: Any
) -> None:
    page = open_page(address="#/new")
    page.get_by_role("radio", name="UDP").check()
    page.get_by_label("Add a destination").select_option("tcp_client")
    card = page.get_by_role("region", name="Destination client")
    card.get_by_label("Host").fill("127.0.0.1")
    card.get_by_label("Port").fill(str(stage.lis.port))
    card.get_by_role("button", name="Test: reach it").click()
    card.get_by_text("connected").last.wait_for()
    picture(page, "trial-destination")
    (nowhere,) = free_ports(1)
    card.get_by_label("Port").fill(str(nowhere))
    card.get_by_role("button", name="Test: reach it").click()
    card.get_by_text("refused").last.wait_for()
