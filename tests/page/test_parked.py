"""What a destination refused is seen, retried and dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .revealing import opened_revealed
from .stage import ADMIN, OPERATOR, VIEWER, Stage

PARKED = "#/channels/chem-1/parked"

Refused = Callable[..., list[int]]


@pytest.fixture
def refused(stage: Stage) -> Iterator[Refused]:
    """refused(patient, first, last): results that the LIS refuses, by their numbers in
    the channel. Afterwards it knows the patients."""
    patients: list[str] = []

    def send(patient: str, first: int, last: int) -> list[int]:
        patients.append(patient)
        stage.lis.unknown.add(patient)
        before = {each["seq"] for each in parked(stage)}
        stage.send_results(first, last, patient=patient)
        stage.wait_for(
            "parked ones",
            lambda: len(parked(stage)) == len(before) + last - first + 1,
        )
        return [each["seq"] for each in parked(stage) if each["seq"] not in before]

    yield send
    stage.lis.unknown.difference_update(patients)


def parked(stage: Stage) -> list[dict[str, Any]]:
    return stage.asked("/api/channels/chem-1/parked")["parked"]


def section(page: Any) -> Any:
    return page.get_by_role("region", name="Parked at lis", exact=True)


def test_a_refused_result_arrives_once_the_lis_knows_the_patient(
    stage: Stage, open_page: Any, picture: Any, refused: Refused
) -> None:
    (seq,) = refused("000777", 4001, 4001)
    page = opened_revealed(open_page, OPERATOR, "chem-1", "parked")
    row = section(page).get_by_role("row").filter(has_text="000777").first
    row.get_by_text("AE: unknown patient 000777").wait_for()
    picture(page, "parked")
    row.get_by_role("button", name=f"Retry message {seq}").click()
    section(page).get_by_text("1 message was refused again").wait_for()
    picture(page, "parked-refused-again")

    stage.lis.unknown.discard("000777")
    row.get_by_role("button", name=f"Retry message {seq}").click()
    section(page).get_by_text("1 message arrived at lis").wait_for()
    row.wait_for(state="detached")
    assert stage.lis.taken.count("SIM00004001") == 1


def test_all_are_retried_and_those_refused_again_stay(
    stage: Stage, open_page: Any, refused: Refused
) -> None:
    refused("000778", 4101, 4102)
    stage.lis.unknown.discard("000778")
    others = len(parked(stage)) - 2
    page = open_page(OPERATOR, PARKED)
    section(page).get_by_role("button", name="Retry all").click()
    section(page).get_by_text("2 messages arrived at lis").wait_for()
    section(page).get_by_text(f"{others} messages were refused again").wait_for()
    assert {"SIM00004101", "SIM00004102"} <= set(stage.lis.taken)
    assert len(parked(stage)) == others


def test_a_message_is_dropped_for_a_reason_only(
    stage: Stage, open_page: Any, picture: Any, refused: Refused
) -> None:
    (seq,) = refused("000779", 4201, 4201)
    page = open_page(ADMIN, PARKED)
    page.get_by_role("button", name=f"Drop message {seq}").click()
    drop = page.get_by_role("button", name="Drop 1 message")
    assert drop.is_disabled()
    page.get_by_label("Why").fill("a test tube that was never there")
    picture(page, "drop")
    drop.click()
    section(page).get_by_text("1 message dropped").wait_for()
    page.get_by_role("link", name=f"See message {seq}").wait_for(state="detached")
    assert seq not in [each["seq"] for each in parked(stage)]
    stage.wait_for(
        "the ledger",
        lambda: (
            stage.asked("/api/channels/chem-1")["parts"]["lis"]["ledger"]["dropped"]
            == {"a test tube that was never there": 1}
        ),
    )
    # It is a message of the channel as ever.
    page.goto(f"/#/channels/chem-1/messages/{seq}")
    became = page.get_by_role("list", name="What became of it")
    became.get_by_text("dropped: given up").wait_for()


def test_a_viewer_sees_how_many_and_neither_payload_nor_answer(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    page = open_page(VIEWER, PARKED)
    page.get_by_text("What messages say is for operators").wait_for()
    section(page).get_by_role("link", name="See message 11").wait_for()
    picture(page, "parked-viewer")
    assert "DOE" not in page.content()
    assert "unknown patient" not in page.content()
    assert section(page).get_by_role("button").count() == 0


def test_nothing_parked_says_what_would_be(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    page = open_page(OPERATOR, "#/channels/scanner-7/parked")
    page.get_by_role("heading", name="Nothing is parked").wait_for()
    picture(page, "parked-empty")
