"""Messages are seen as they come."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from .revealing import opened_revealed
from .stage import OPERATOR, VIEWER, Stage

LIVE = "#/channels/chem-1/live"


@pytest.fixture
def line(stage: Stage) -> Iterator[socket.socket]:
    """The line of the scanner."""
    with socket.create_connection(("127.0.0.1", stage.ports["scanner"])) as found:
        yield found


def tail(page: Any) -> Any:
    return page.get_by_role("list", name="Messages as they come").get_by_role(
        "listitem"
    )


def test_a_result_appears_on_top_with_its_control_bytes(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    page = opened_revealed(open_page, OPERATOR, "chem-1", "live")
    page.get_by_role("status").get_by_text("Live", exact=True).wait_for()
    page.get_by_text("Cut by MLLP: each message stands between ␋ and ␜␍").wait_for()
    stage.send_results(5001, 5001, patient="004715")
    top = tail(page).first
    top.get_by_text("SIM00005001").wait_for()
    assert re.search(r"004715.*\|F␍\n", top.locator("pre").text_content())
    picture(page, "tail")
    number = top.get_by_role("link").inner_text()
    top.get_by_role("link").click()
    page.get_by_role("heading", name=f"Message {number}", exact=True).wait_for()


def test_paused_it_keeps_still_and_counts(
    stage: Stage, open_page: Any, line: socket.socket
) -> None:
    page = opened_revealed(open_page, OPERATOR, "scanner-7", "live")
    page.get_by_role("status").get_by_text("Live", exact=True).wait_for()
    line.sendall(b"before the pause\n")
    tail(page).first.get_by_text("before the pause").wait_for()
    page.get_by_role("button", name="Pause the view").click()
    line.sendall(b"one of two\nanother of two\n")
    page.get_by_role("status").get_by_text("Paused; 2 came since").wait_for()
    assert "before the pause" in tail(page).first.inner_text()
    page.get_by_role("button", name="Go on").click()
    tail(page).first.get_by_text("another of two").wait_for()
    assert "one of two" in tail(page).nth(1).inner_text()


def test_a_flood_is_bounded_and_says_what_was_left_out(
    stage: Stage, open_page: Any, picture: Any, line: socket.socket
) -> None:
    page = opened_revealed(open_page, OPERATOR, "scanner-7", "live")
    page.get_by_role("status").get_by_text("Live", exact=True).wait_for()
    line.sendall(b"".join(b"code %06d\n" % number for number in range(3000)))
    line.sendall(b"the last one\n")
    tail(page).first.get_by_text("the last one").wait_for()
    page.get_by_text(
        re.compile(r"messages not shown: they came too fast")
    ).first.wait_for()
    picture(page, "tail-flood")
    # As many as are shown at once, until there are more than the list holds.
    for burst in range(6):
        lines = [b"burst %d, %d\n" % (burst, each) for each in range(20)]
        line.sendall(b"".join(lines))
        tail(page).first.get_by_text(f"burst {burst}, 19").wait_for()
    assert tail(page).count() == 100


def test_what_a_device_sends_is_text(
    stage: Stage, open_page: Any, line: socket.socket
) -> None:
    page = opened_revealed(open_page, OPERATOR, "scanner-7", "live")
    page.get_by_role("status").get_by_text("Live", exact=True).wait_for()
    hostile = "<img src=x onerror=\"console.error('ran')\"></script>"
    line.sendall(hostile.encode() + b"\n")
    tail(page).first.get_by_text(hostile).wait_for()
    assert page.locator("main img").count() == 0


def test_it_is_masked_until_revealed(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    stage.send_results(5101, 5101, patient="004716")
    page = open_page(OPERATOR, LIVE)
    tail(page).first.get_by_text("PID|9||999999").wait_for()
    page.get_by_text("What messages say is masked").wait_for()
    picture(page, "tail-masked")
    assert "004716" not in page.content()
    page.get_by_role("button", name="Reveal…").click()
    page.get_by_label("Setting up or testing a device").check()
    page.get_by_role("button", name="Reveal", exact=True).click()
    tail(page).first.get_by_text("004716").wait_for()


def test_a_viewer_is_told_why_there_is_nothing(stage: Stage, open_page: Any) -> None:
    page = open_page(VIEWER, LIVE)
    page.get_by_text("What messages say is for operators").wait_for()
    assert "DOE" not in page.content()
