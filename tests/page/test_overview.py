"""The overview: which channel is in trouble, since when, why, and what can be done."""

from __future__ import annotations

import copy
import re
from typing import Any

from playwright.sync_api import expect

from .answers import answering, destination, many
from .barriers import barriers
from .revealing import opened_revealed
from .stage import ADMIN, OPERATOR, VIEWER, Stage

#: Counts the rows of the table in which anything is drawn anew.
_WATCH_ROWS = """
() => {
  window.drawn = new Set();
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const place = target.nodeType === 1 ? target : target.parentElement;
      const name = place?.closest("tr")?.querySelector("a")?.textContent;
      // Times go on by themselves.
      if (name && !place.closest("time")) drawn.add(name);
    }
  }).observe(document.querySelector("table"),
    { subtree: true, childList: true, characterData: true, attributes: true });
}
"""


def test_an_operator_sees_which_channel_is_in_trouble_and_why(
    open_page: Any, picture: Any
) -> None:
    page = open_page(OPERATOR)
    troubles = page.get_by_role("region", name="Needs attention")
    xray = troubles.get_by_role("listitem").filter(has_text="xray")
    expect(xray).to_contain_text("is in use by another program")
    picture(page, "overview")
    # What needs somebody stands first.
    rows = page.get_by_role("region", name="Channels").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("xray")
    xray.get_by_role("link").click()
    expect(page.get_by_role("heading", name="xray", level=1)).to_be_visible()
    source = page.get_by_role("group", name="Source")
    expect(source).to_contain_text("attention")
    expect(source).to_contain_text(re.compile("is in use .* trying again in"))


def test_refused_messages_are_told_with_their_number_and_lead_to_them(
    open_page: Any, stage: Stage
) -> None:
    page = open_page(OPERATOR)
    refused = page.get_by_role("listitem").filter(has_text="chem-1 → lis")
    expect(refused).to_contain_text(re.compile(r"refused 2 messages since \d\d:\d\d"))
    refused.get_by_role("link", name="See them").click()
    expect(page).to_have_url(re.compile("#/channels/chem-1/parked"))


def test_why_they_were_refused_is_told_to_who_may_see_what_they_say(
    open_page: Any,
) -> None:
    page = open_page(OPERATOR)
    refused = page.get_by_role("listitem").filter(has_text="chem-1 → lis")
    expect(refused).to_contain_text("refused 2 messages since")
    expect(refused).not_to_contain_text("AE")
    page = opened_revealed(open_page, OPERATOR, "chem-1")
    page.get_by_role("link", name="iobuffer").click()
    refused = page.get_by_role("listitem").filter(has_text="chem-1 → lis")
    expect(refused).to_contain_text("(AE: unknown patient 000666)")


def test_parked_messages_are_sent_again_after_a_question(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    page = open_page(OPERATOR)
    page.get_by_role("button", name="Retry lis of chem-1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 messages of chem-1 to lis again")
    picture(page, "overview-retry")
    assert not barriers(page)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Retry lis of chem-1").click()
    dialog.get_by_role("button", name="Send again").click()
    # The patient is still not known there.
    expect(dialog.get_by_role("status")).to_contain_text(
        "2 messages were refused again"
    )
    assert stage.parked() == 2


def test_a_halted_destination_is_resumed_from_here(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    listed = stage.asked("/api/channels")
    chem = next(each for each in listed["channels"] if each["name"] == "chem-1")
    halted = "halted: AR: wrong version; see to it, then resume"
    chem["parts"]["lis"] = destination(
        chem["parts"]["lis"], "failed", halted, halted=True, queued=412
    )
    page = open_page(OPERATOR, before=answering({"/api/channels": listed}, live=False))
    asked = []

    def resume(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(json={})

    page.route("**/api/channels/chem-1/resume*", resume)
    trouble = page.get_by_role("listitem").filter(has_text="AR: wrong version")
    picture(page, "overview-halted")
    assert not barriers(page)
    trouble.get_by_role("button", name="Resume lis of chem-1").click()
    stage.wait_for("the resume", lambda: asked)
    assert asked[0].endswith("/api/channels/chem-1/resume?part=lis")


def test_a_viewer_is_offered_nothing_to_do(open_page: Any) -> None:
    page = open_page(VIEWER)
    refused = page.get_by_role("listitem").filter(has_text="chem-1 → lis")
    expect(refused).to_contain_text("refused 2 messages")
    expect(refused).not_to_contain_text("unknown patient")
    expect(
        page.get_by_role("button", name=re.compile("Retry|Resume|Start"))
    ).to_have_count(0)
    expect(page.get_by_role("link", name="New channel")).to_have_count(0)


def test_the_counts_show_those_alone(open_page: Any) -> None:
    page = open_page(ADMIN)
    table = page.get_by_role("region", name="Channels")
    show = page.get_by_role("group", name="Show")
    show.get_by_role("button", name="attention").click()
    expect(table.get_by_role("link", name="xray")).to_be_visible()
    expect(table.get_by_role("link", name="chem-1")).to_have_count(0)
    show.get_by_role("button", name="all").click()
    expect(table.get_by_role("link", name="chem-1")).to_be_visible()


def test_a_channel_is_opened_by_keyboard(open_page: Any) -> None:
    page = open_page(VIEWER)
    page.get_by_role("region", name="Channels").get_by_role(
        "link", name="syslog"
    ).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="syslog", level=1)).to_be_visible()


def test_of_two_hundred_channels_only_what_changed_is_drawn_anew(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    like = stage.asked("/api/channels/scanner-7")
    channels = many(like, 200)
    lines = {
        each["name"]: {
            "state": each["state"],
            "parts": {name: part["state"] for name, part in each["parts"].items()},
            "rates": {},
            "last_seq": 2,
            "queued": {"wms": 0},
        }
        for each in channels
    }
    history = {
        "step_seconds": 30,
        "end_at": 0,
        "channels": {name: {"in": list(range(30))} for name in lines},
    }
    answers = {"/api/channels": {"channels": channels}, "/api/history": history}
    page = open_page(ADMIN, before=answering(answers, live=False))
    table = page.get_by_role("region", name="Channels")
    expect(table.get_by_role("link")).to_have_count(200)
    page.evaluate("lines => streams['/api/events'].say('channels', lines)", lines)
    expect(page.get_by_role("status").filter(has_text="200 running")).to_be_visible()
    picture(page, "overview-200")
    page.evaluate(_WATCH_ROWS)
    changed = copy.deepcopy(lines["ward1-177"])
    changed["queued"]["wms"] = 412
    page.evaluate(
        "one => streams['/api/events'].say('changed', one)", {"ward1-177": changed}
    )
    expect(table.get_by_role("row").filter(has_text="ward1-177")).to_contain_text("412")
    assert page.evaluate("[...drawn]") == ["ward1-177"]
    # One that fails comes out of its fold, and first.
    changed["state"] = {"word": "failed", "reason": "wms: disk full", "since": 1.0}
    page.evaluate(
        "one => streams['/api/events'].say('changed', one)", {"ward1-177": changed}
    )
    expect(table.get_by_role("row").nth(1)).to_contain_text("ward1-177")
    page.get_by_role("searchbox", name="Channels containing").fill("-177")
    expect(table.get_by_role("link")).to_have_text(["ward1-177"])
