"""Messages are found, read, sent again and taken away as a file."""

from __future__ import annotations

import json
import re
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from .barriers import barriers
from .revealing import opened_revealed
from .stage import ADMIN, OPERATOR, SECONDS, VIEWER, Stage

MESSAGES = "#/channels/chem-1/messages"
DETAIL = re.compile(r"Message \d")
#: A device sends what it likes.
HOSTILE = (
    "<img src=x onerror=\"console.error('ran')\">",
    "</script><script>console.error('ran')</script>",
    '"><svg onload=console.error(1)>{{7*7}}${7*7}',
)

#: Whether the second message was ever seen with what the first one says.
_WATCH_FOR_MIXED = """() => {
  window.mixed = false;
  new MutationObserver(() => {
    const two = document.querySelector('[aria-label="Message 2"].detail');
    if (two?.textContent.includes("SIM00000001")) window.mixed = true;
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def listed(page: Any) -> Any:
    """The rows of the list."""
    return page.get_by_role("region", name="Messages").locator("tbody tr")


def newest(stage: Stage, channel: str = "chem-1") -> int:
    found = stage.asked(f"/api/channels/{channel}/messages?limit=1")
    return found["messages"][0]["seq"]


def test_a_result_is_found_by_its_patient_and_sent_again(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    stage.send_results(3001, 3001, patient="004711")
    stage.send_results(3002, 3003)
    stage.wait_for("the result", lambda: "SIM00003001" in stage.lis.taken)
    page = opened_revealed(open_page, OPERATOR, "chem-1")
    page.get_by_label("Holding").fill("004711")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_text("That is all that the filter finds").wait_for()
    assert listed(page).count() == 1
    assert "lis" in listed(page).inner_text()
    assert listed(page).locator("mark").inner_text() == "004711"
    # What was searched for is a patient's: it stays out of the history.
    assert "004711" not in page.url
    listed(page).click()
    detail = page.get_by_role("region", name=DETAIL)
    detail.get_by_text("ORU^R01").first.wait_for()
    detail.get_by_text("PID-3", exact=True).wait_for()
    became = detail.get_by_role("list", name="What became of it")
    became.get_by_text("acknowledged: the application said AA").wait_for()
    became.get_by_text("received: it is written to the file").wait_for()
    picture(page, "messages-found")

    detail.get_by_role("button", name="Replay…").click()
    page.get_by_label("To which destination").select_option("lis")
    page.get_by_text("This will send 1 message again to lis").wait_for()
    assert stage.lis.taken.count("SIM00003001") == 1
    picture(page, "replay")
    page.get_by_role("button", name="Send 1 message again").click()
    page.get_by_text("1 message was sent again to lis").wait_for()
    assert stage.lis.taken.count("SIM00003001") == 2
    page.get_by_role("button", name="Close", exact=True).click()
    assert "004711" not in page.url


def test_what_is_selected_and_what_the_filter_finds_is_sent_again(
    stage: Stage, open_page: Any
) -> None:
    stage.send_results(3101, 3103, patient="004712")
    stage.wait_for("the results", lambda: "SIM00003103" in stage.lis.taken)
    page = opened_revealed(open_page, OPERATOR, "chem-1")
    page.get_by_label("Holding").fill("30 30 34 37 31 32")
    page.get_by_label("Searched as").select_option("hex")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_text("That is all that the filter finds").wait_for()
    assert listed(page).count() == 3
    for row in (0, 2):
        listed(page).nth(row).get_by_role("checkbox").check()
    page.get_by_role("button", name="Replay 2 selected…").click()
    page.get_by_role("button", name="Send 2 messages again").click()
    page.get_by_text("2 messages were sent again to lis").wait_for()
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Replay all found…").click()
    page.get_by_role("button", name="Send 3 messages again").click()
    page.get_by_text("3 messages were sent again to lis").wait_for()
    counts = [stage.lis.taken.count(f"SIM0000310{each}") for each in (1, 2, 3)]
    assert counts == [3, 2, 3]


def test_payloads_are_masked_until_a_reason_is_given(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    stage.send_results(3201, 3201, patient="004713")
    page = open_page(ADMIN, f"{MESSAGES}/{newest(stage)}")
    detail = page.get_by_role("region", name=DETAIL)
    detail.get_by_text("What messages say is masked").wait_for()
    detail.get_by_text("PID|9||999999").wait_for()
    picture(page, "messages-masked")
    assert "004713" not in page.content()
    assert "DOE" not in page.content()
    page.get_by_label("Holding").fill("004713")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("button", name="Reveal…").first.click()
    reveals = page.get_by_role("button", name="Reveal", exact=True)
    assert reveals.is_disabled()
    page.get_by_label("Another reason").check()
    assert reveals.is_disabled()
    page.get_by_label("The reason").fill("ticket 4711")
    picture(page, "reveal")
    reveals.click()
    page.get_by_text("That is all that the filter finds").wait_for()
    listed(page).click()
    detail.get_by_text("004713").first.wait_for()
    lines = json.dumps(stage.asked("/api/audit?limit=50"))
    assert "ticket 4711" in lines
    assert "004713" not in lines


def test_a_viewer_sees_what_became_of_messages_and_not_what_they_say(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    page = open_page(VIEWER, MESSAGES)
    page.get_by_text("What messages say is for operators").first.wait_for()
    listed(page).first.click()
    became = page.get_by_role("list", name="What became of it")
    became.get_by_text("received from").wait_for()
    picture(page, "messages-viewer")
    assert page.get_by_label("Holding").is_disabled()
    assert "DOE" not in page.content()
    assert page.get_by_role("button", name=re.compile("Replay|Export")).count() == 0
    # A sender and a state may still be looked for.
    page.get_by_label("State").select_option("lis=parked")
    page.wait_for_url(re.compile("state=parked"))
    listed(page).first.wait_for()
    assert "parked" in listed(page).first.inner_text()


def test_what_a_device_sends_is_text_wherever_it_is_shown(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    before = newest(stage, "scanner-7")
    with socket.create_connection(("127.0.0.1", stage.ports["scanner"])) as line:
        line.sendall("".join(f"{each}\n" for each in HOSTILE).encode())
    stage.wait_for("them", lambda: newest(stage, "scanner-7") == before + len(HOSTILE))
    page = opened_revealed(open_page, OPERATOR, "scanner-7")
    for number, hostile in enumerate(HOSTILE, before + 1):
        page.get_by_role("link", name=f"Message {number}", exact=True).click()
        detail = page.get_by_role("region", name=f"Message {number}", exact=True)
        detail.locator("pre").get_by_text(hostile, exact=True).wait_for()
        assert hostile in listed(page).nth(before + len(HOSTILE) - number).inner_text()
    picture(page, "messages-hostile")
    detail.get_by_role("button", name="Hex").click()
    # The images and scripts of a page that has none.
    detail.get_by_role("region", name="Bytes").get_by_text("22 3e 3c 73").wait_for()
    assert page.locator("main img, main script").count() == 0


def test_the_list_is_walked_with_the_keyboard(stage: Stage, open_page: Any) -> None:
    last = newest(stage)
    page = open_page(OPERATOR, MESSAGES)
    listed(page).first.wait_for()
    page.get_by_role("region", name="Messages").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name=f"Message {last}", exact=True).wait_for()
    page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name=f"Message {last - 1}", exact=True).wait_for()
    page.keyboard.press("ArrowUp")
    page.get_by_role("heading", name=f"Message {last}", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name=f"Message {last}", exact=True).wait_for(
        state="detached"
    )
    assert page.url.endswith(MESSAGES)


def test_nothing_of_another_message_ever_stands_under_a_number(
    open_page: Any,
) -> None:
    page = opened_revealed(open_page, OPERATOR, "chem-1", "messages/1")
    one = page.get_by_role("region", name="Message 1", exact=True)
    one.get_by_text("SIM00000001").first.wait_for()
    page.evaluate(_WATCH_FOR_MIXED)
    page.get_by_role("link", name="Message 2", exact=True).click()
    two = page.get_by_role("region", name="Message 2", exact=True)
    two.get_by_text("SIM00000002").first.wait_for()
    assert page.evaluate("window.mixed") is False


def test_a_time_and_a_sender_stay_in_the_address(stage: Stage, open_page: Any) -> None:
    page = open_page(OPERATOR, MESSAGES)
    listed(page).first.wait_for()
    page.get_by_label("Received").select_option("the last hour")
    page.get_by_label("Sender").fill("127.0.0.1")
    page.get_by_role("button", name="Find", exact=True).click()
    page.wait_for_url(re.compile(r"span=1h&peer=127\.0\.0\.1"))
    listed(page).first.wait_for()
    page.reload()
    listed(page).first.wait_for()
    assert page.get_by_label("Sender").input_value() == "127.0.0.1"
    page.get_by_label("Sender").fill("192.0.2.1")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("heading", name="No message is like that").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Received").select_option("between exact times…")
    page.get_by_label("Until").fill(datetime(2020, 1, 1).isoformat())
    page.get_by_label("From").fill(datetime(2019, 1, 1).isoformat())
    page.get_by_role("heading", name="No message is like that").wait_for()
    page.go_back()
    page.go_back()
    listed(page).first.wait_for()


def test_older_messages_come_page_by_page(stage: Stage, open_page: Any) -> None:
    with socket.create_connection(("127.0.0.1", stage.ports["scanner"])) as line:
        line.sendall(b"".join(b"%06d\n" % number for number in range(230)))
    stage.wait_for("them", lambda: newest(stage, "scanner-7") >= 232)
    page = open_page(OPERATOR, "#/channels/scanner-7/messages")
    page.get_by_role("button", name="Older ones").click()
    page.get_by_text("200 messages, newest first").wait_for()
    page.get_by_role("button", name="Older ones").click()
    page.get_by_text("That is all that is kept, back to message 1").wait_for()
    seqs = listed(page).get_by_role("link").all_inner_texts()
    found = [int(re.sub(r"\D", "", each)) for each in seqs]
    assert found == list(range(found[0], 0, -1))


def test_an_empty_page_says_how_far_it_looked_and_goes_on(
    stage: Stage, open_page: Any
) -> None:
    page = open_page(OPERATOR, "api/whoami")
    pages = [
        {"messages": [], "next": {"before": 400}, "first_seq": 1, "last_seq": 1000},
        {"messages": [], "next": None, "first_seq": 1, "last_seq": 1000},
    ]
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(json=pages[min(len(asked), 2) - 1])

    # Only a store of gigabytes has such pages.
    page.route("**/api/channels/chem-1/messages?*", answer)
    page.goto(f"/{MESSAGES}?state=dropped&destination=lis")
    page.get_by_text(
        "Looked at 601 messages, back to 400, and found none yet"
    ).wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="No message is like that").wait_for()
    assert "before=400" in asked[1]


def test_bytes_stand_beside_what_they_mean(
    stage: Stage, open_page: Any, picture: Any
) -> None:
    page = opened_revealed(open_page, OPERATOR, "chem-1", "messages/1")
    page.get_by_role("button", name="Hex").click()
    bytes_ = page.get_by_role("region", name="Bytes")
    first = bytes_.locator("tbody tr").first
    first.wait_for()
    assert "4d 53 48 7c" in first.inner_text()
    assert "MSH|^~\\&|ANALYSE" in first.inner_text()
    assert "␍" in bytes_.inner_text()
    picture(page, "message-hex")
    page.get_by_role("button", name="Text").click()
    assert "F␍\n" in page.locator("main pre").text_content()


def test_a_datagram_that_waits_is_shown_as_syslog_with_what_it_waits_for(
    open_page: Any,
) -> None:
    page = opened_revealed(open_page, OPERATOR, "syslog", "messages/1")
    detail = page.get_by_role("region", name="Message 1", exact=True)
    detail.get_by_text("auth.crit pump-0").wait_for()
    shown = detail.get_by_role("group", name="Shown as")
    assert shown.get_by_role("button", pressed=True).inner_text() == "Syslog"
    became = page.get_by_role("list", name="What became of it")
    became.get_by_text(re.compile("queued: .* nothing listens there")).wait_for()


def test_what_the_filter_finds_is_saved_as_a_file(
    stage: Stage, open_page: Any, tmp_path: Path
) -> None:
    stage.send_results(3301, 3302, patient="004714")
    page = opened_revealed(open_page, OPERATOR, "chem-1")
    page.get_by_label("Holding").fill("004714")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_text("That is all that the filter finds").wait_for()
    page.get_by_role("button", name="Export…").click()
    with page.expect_download(timeout=SECONDS * 1000) as started:
        page.get_by_role("button", name="Export", exact=True).click()
    saved = tmp_path / started.value.suggested_filename
    started.value.save_as(saved)
    assert saved.suffix == ".jsonl"
    lines = [json.loads(line) for line in saved.read_text().splitlines()]
    assert len(lines) == 2
    assert all("004714" in line["text"] for line in lines)


def test_a_message_from_another_gateway_tells_its_way(
    stage: Stage, open_page: Any
) -> None:
    page = open_page(OPERATOR, "api/whoami")
    way = "10.0.0.5:4711 via 7f3a/ward-3 via 91bc/collect"

    def answer(route: Any) -> None:
        found = route.fetch()
        route.fulfill(response=found, json=found.json() | {"peer": way})

    page.route("**/api/channels/chem-1/messages/1", answer)
    page.goto(f"/{MESSAGES}/1")
    became = page.get_by_role("list", name="What became of it")
    became.get_by_text("received from another iobuffer").wait_for()
    became.get_by_text(
        "10.0.0.5:4711 → ward-3 of gateway 7f3a → collect of gateway 91bc → here"
    ).wait_for()


def test_too_many_to_replay_at_once_are_refused_in_words(
    stage: Stage, open_page: Any
) -> None:
    page = open_page(OPERATOR, "api/whoami")
    asked: list[str] = []

    def answer(route: Any) -> None:
        url = route.request.url
        asked.append(url)
        first = int(re.search(r"after=(\d+)", url).group(1)) + 1  # type: ignore[union-attr]
        some = [{"seq": seq} for seq in range(first, first + 1000)]
        route.fulfill(json={"messages": some, "next": {"after": first + 999}})

    page.route("**/api/channels/chem-1/messages?*after=*", answer)
    page.goto(f"/{MESSAGES}")
    page.get_by_role("button", name="Replay all found…").click()
    page.get_by_text("The filter finds more than 10000 messages").wait_for()
    assert len(asked) == 11
    assert page.get_by_role("button", name=re.compile("^Send")).is_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_messages_parked_and_live_have_no_serious_barrier(
    open_page: Any, picture: Any, scheme: str
) -> None:
    page = opened_revealed(
        open_page, OPERATOR, "chem-1", "messages/11", color_scheme=scheme
    )
    detail = page.get_by_role("region", name="Message 11", exact=True)
    detail.get_by_text("PID-3", exact=True).wait_for()
    listed(page).first.wait_for()
    assert barriers(page) == []
    picture(page, f"message-{scheme}")
    page.goto("/#/channels/chem-1/parked")
    page.get_by_role("region", name="Messages parked at lis").wait_for()
    picture(page, f"parked-{scheme}")
    page.get_by_role("button", name="Drop message 11").click()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    page.goto("/#/channels/chem-1/live")
    page.get_by_role("list", name="Messages as they come").get_by_role(
        "listitem"
    ).first.wait_for()
    assert barriers(page) == []
    picture(page, f"live-{scheme}")


def test_messages_parked_and_live_fit_a_tablet(open_page: Any, picture: Any) -> None:
    tablet = {"width": 768, "height": 1024}
    page = opened_revealed(
        open_page, OPERATOR, "chem-1", "messages/11", viewport=tablet
    )
    page.get_by_text("PID-3", exact=True).wait_for()
    for rest, region in (
        ("messages/11", "Messages"),
        ("messages", "Messages"),
        ("parked", "Messages parked at lis"),
        ("live", ""),
    ):
        page.goto(f"/#/channels/chem-1/{rest}")
        if region:
            page.get_by_role("region", name=region, exact=True).wait_for()
        else:
            page.get_by_role("list", name="Messages as they come").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 768
        picture(page, f"{rest.replace('/', '-')}-768")
