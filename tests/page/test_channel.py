"""One channel: what it is drawn as, what can be done with it, its log and ledger."""

from __future__ import annotations

import copy
import re
import socket
from typing import Any

import pytest
from playwright.sync_api import expect

from .answers import answering, destination
from .barriers import barriers
from .stage import ADMIN, OPERATOR, VIEWER, Stage

_CHEM = "/api/channels/chem-1"


def test_a_channel_is_drawn_with_what_goes_through_it(
    open_page: Any, picture: Any
) -> None:
    page = open_page(VIEWER, "#/channels/chem-1")
    source = page.get_by_role("group", name="Source")
    expect(source).to_contain_text("TCP server")
    expect(source).to_contain_text("listening on 127.0.0.1")
    expect(page.get_by_role("group", name="Buffer")).to_contain_text(
        "When full, the source waits, and the sender keeps its messages."
    )
    lis = page.get_by_role("group", name="Destination lis")
    expect(lis).to_contain_text("running")
    expect(lis).to_contain_text("connected to 127.0.0.1")
    lis.get_by_role("link", name="2 messages refused and parked").click()
    expect(page).to_have_url(re.compile("#/channels/chem-1/parked"))


def test_what_waits_is_told_at_the_buffer_and_at_its_destination(
    open_page: Any,
) -> None:
    page = open_page(VIEWER, "#/channels/syslog")
    expect(page.get_by_role("group", name="Buffer")).to_contain_text("5 messages wait")
    flow = page.get_by_role("region", name="Flow")
    expect(flow.get_by_role("listitem").filter(has_text="siem")).to_contain_text(
        "5 wait"
    )
    expect(page.get_by_role("group", name="Destination siem")).to_contain_text(
        "nothing listens there"
    )


@pytest.mark.parametrize(("count", "scheme"), [(1, "light"), (8, "dark")])
def test_every_destination_has_its_pipe(
    open_page: Any, picture: Any, stage: Stage, count: int, scheme: str
) -> None:
    chem = stage.asked(_CHEM)
    lis, archive = chem["parts"].pop("lis"), chem["parts"].pop("archive")
    chem["store"] |= {"stored_messages": 90_000, "stored_bytes": 6 * 2**30}
    kinds = [
        destination(
            archive,
            "failed",
            "no space left on /var/lib/archive; trying again in 30 s",
            queued=88_000,
            oldest_queued_age_seconds=5400.0,
        ),
        destination(lis, "waiting", "connecting to 10.0.4.7:5000, next try in 8 s"),
        destination(lis, "paused", "paused by ada at 14:02; resume it to go on"),
        destination(lis, "running", "connected to 10.0.4.9:6661", queued=412),
        destination(lis, "stopped", "stopped by ada at 14:02; start it to go on"),
    ]
    for number in range(count):
        chem["parts"][f"system-{number}"] = kinds[number % len(kinds)]
    cursor = {name: lis[name] for name in ("cursor", "queued", "ledger")}
    chem["relays"] = {"clinic": cursor | {"queued": 7}}
    page = open_page(
        OPERATOR,
        "#/channels/chem-1/line",
        answering({_CHEM: chem}, live=False),
        color_scheme=scheme,
    )
    flow = page.get_by_role("region", name="Flow")
    expect(flow.get_by_role("group", name=re.compile("^Destination"))).to_have_count(
        count
    )
    clinic = flow.get_by_role("listitem").filter(has_text="clinic")
    expect(clinic).to_contain_text("another iobuffer")
    expect(clinic).to_contain_text("7 wait")
    expect(flow.get_by_role("group", name="Buffer")).to_contain_text(
        "88\u2009000 messages"
    )
    picture(page, f"channel-{count}-{scheme}")
    assert not barriers(page)
    page.set_viewport_size({"width": 768, "height": 1024})
    page.wait_for_function("document.documentElement.scrollWidth <= 768")
    picture(page, f"channel-{count}-{scheme}-768")


def test_a_channel_without_a_source_or_a_destination_says_so(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    chem = stage.asked(_CHEM)
    chem |= {"parts": {}, "enabled": False}
    before = answering({_CHEM: chem}, live=False)
    page = open_page(ADMIN, "#/channels/chem-1/line", before)
    expect(page.get_by_role("heading", name="No source")).to_be_visible()
    expect(page.get_by_role("heading", name="No destination")).to_be_visible()
    expect(page.get_by_text("This channel is not enabled")).to_be_visible()
    expect(page.get_by_role("group", name=re.compile("^Operate"))).to_have_count(0)
    picture(page, "channel-empty")
    assert not barriers(page)


def test_a_destination_is_paused_and_resumed_from_its_menu(
    open_page: Any, picture: Any
) -> None:
    page = open_page(OPERATOR, "#/channels/scanner-7")
    wms = page.get_by_role("group", name="Destination wms")
    wms.get_by_role("button", name="Operate wms").click()
    picture(page, "channel-menu")
    assert not barriers(page)
    wms.get_by_role("button", name="Pause").click()
    expect(wms).to_contain_text("paused by otto")
    # The menu is left with Esc, and the focus is where it came from.
    wms.get_by_role("button", name="Operate wms").focus()
    page.keyboard.press("Enter")
    expect(wms.get_by_role("button", name="Resume")).to_be_focused()
    page.keyboard.press("Escape")
    expect(wms.get_by_role("button", name="Resume")).to_be_hidden()
    expect(wms.get_by_role("button", name="Operate wms")).to_be_focused()
    page.keyboard.press("Enter")
    expect(wms.get_by_role("button", name="Resume")).to_be_focused()
    page.keyboard.press("Enter")
    expect(wms).to_contain_text("writing to")


def test_stopping_asks_and_names_who_is_disconnected(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    with socket.create_connection(("127.0.0.1", stage.ports["scanner"])) as line:
        here = f"127.0.0.1:{line.getsockname()[1]}"
        page = open_page(OPERATOR, "#/channels/scanner-7")
        expect(page.get_by_role("list", name="Connected")).to_contain_text(here)
        buttons = page.get_by_role("group", name="Operate scanner-7")
        buttons.get_by_role("button", name="Stop").click()
        dialog = page.get_by_role("dialog", name="Stop scanner-7?")
        expect(dialog).to_contain_text(f"1 sender is disconnected: {here}.")
        picture(page, "channel-stop")
        assert not barriers(page)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(1)
        buttons.get_by_role("button", name="Stop").click()
        dialog.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("group", name="Source")).to_contain_text(
            "stopped by otto"
        )
        line.settimeout(20)
        assert line.recv(1) == b""
        buttons.get_by_role("button", name="Start").click()
        expect(page.get_by_role("group", name="Source")).to_contain_text("listening on")


def test_a_viewer_can_do_nothing_to_a_channel(open_page: Any, picture: Any) -> None:
    page = open_page(VIEWER, "#/channels/chem-1")
    expect(page.get_by_role("group", name="Destination lis")).to_be_visible()
    for verb in ("Pause", "Stop", "Restart", "Operate lis"):
        expect(page.get_by_role("button", name=verb)).to_have_count(0)
    tabs = page.get_by_role("navigation", name="Of chem-1")
    expect(tabs.get_by_role("link", name="Live")).to_have_count(0)
    expect(page.locator("body")).not_to_contain_text("unknown patient")
    picture(page, "channel-viewer")


def test_the_plot_has_every_line_in_words_and_three_spans(open_page: Any) -> None:
    page = open_page(VIEWER, "#/channels/chem-1")
    plot = page.get_by_role("region", name="Rates and queue")
    for series in ("in", "to lis", "to archive", "waiting"):
        expect(plot.get_by_role("rowheader", name=series, exact=True)).to_be_visible()
    with page.expect_response(re.compile("history.*span=24h")) as found:
        plot.get_by_role("button", name="24 h").click()
    assert found.value.ok
    expect(plot.get_by_role("button", name="24 h")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_the_newest_seconds_come_live(open_page: Any, stage: Stage) -> None:
    page = open_page(VIEWER, "#/channels/chem-1")
    plot = page.get_by_role("region", name="Rates and queue")
    row = plot.get_by_role("row").filter(has_text="to archive")
    expect(row).to_be_visible()
    # The stream of events is there.
    expect(page.get_by_role("status").first).to_contain_text("running")
    stage.send_results(1000, 1019)
    expect(row.get_by_role("cell").first).to_have_text(re.compile(r"^[1-9]"))


def test_the_log_goes_on_by_itself_and_is_filtered(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    page = open_page(OPERATOR, "#/channels/scanner-7/log")
    log = page.get_by_role("region", name="Log of scanner-7")
    expect(log).to_contain_text("listening on")
    with socket.create_connection(("127.0.0.1", stage.ports["scanner"])) as line:
        here = f"127.0.0.1:{line.getsockname()[1]}"
        expect(log.get_by_role("row").nth(1)).to_contain_text(here)
    page.get_by_label("Part").select_option("wms")
    expect(log).not_to_contain_text(here)
    page.get_by_label("Part").select_option("")
    page.get_by_role("searchbox", name="Containing").fill(here)
    expect(log.get_by_role("row").nth(1)).to_contain_text(here)
    expect(log).not_to_contain_text("listening on")
    page.goto("/#/channels/chem-1/log")
    page.get_by_label("warnings and errors only").check()
    refusals = page.get_by_role("region", name="Log of chem-1")
    expect(refusals).to_contain_text("parked")
    expect(refusals).not_to_contain_text("listening on")
    picture(page, "channel-log")
    assert not barriers(page)


def test_the_ledger_spells_the_sum_out(open_page: Any, picture: Any) -> None:
    page = open_page(VIEWER, "#/channels/chem-1/ledger")
    lis = page.get_by_role("region", name="Messages for lis")
    expect(lis.get_by_role("row").filter(has_text="parked")).to_contain_text("2")
    expect(lis).to_contain_text(
        "✓ It adds up: received = delivered + queued + parked + dropped"
    )
    source = page.get_by_role("region", name="Bytes of the source")
    expect(source).to_contain_text("✓ It adds up: bytes in = framed + skipped")
    picture(page, "ledger")
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Ledger of chem-1")).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_role("region", name="Flow")).to_be_hidden()
    picture(page, "ledger-print")


def test_a_ledger_that_does_not_add_up_tells_the_difference(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    chem = stage.asked(_CHEM)
    sums = {"received": 1007, "queued": 3, "parked": 2, "balance": 4, "replayed": 12}
    chem["parts"]["lis"] = destination(
        chem["parts"]["lis"],
        ledger=sums | {"delivered": {"acknowledged": 995}, "dropped": {"full": 3}},
    )
    chem["store"]["tallies"] = {
        "bytes_in": 900,
        "bytes_framed": 850,
        "bytes_skipped": 51,
    }
    page = open_page(VIEWER, "#/channels/chem-1/ledger", answering({_CHEM: chem}))
    lis = page.get_by_role("region", name="Messages for lis")
    expect(lis.get_by_role("alert")).to_contain_text("Nobody accounts for 4 messages.")
    expect(lis).to_contain_text("dropped: the buffer was full")
    source = page.get_by_role("region", name="Bytes of the source")
    expect(source.get_by_role("alert")).to_contain_text(
        "1 byte is counted that did not come in."
    )
    picture(page, "ledger-wrong")
    assert not barriers(page)


_LINES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "all well": ({}, {}, "All well"),
    "the baud rate": (
        {"type": "serial"},
        {"parity_errors": 17, "framing_errors": 4},
        "Cable or baud rate: 17 parity errors, 4 framing errors",
    ),
    "the framing": (
        {"counters": {"bytes_in_total": 1000, "skipped_bytes_total": 900}},
        {"framing": "mllp", "skipped_bytes": 900, "skipped_sample": "0548656c6c6fff0d"},
        "Most of what comes is no message by the framing mllp",
    ),
    "the kernel": (
        {"type": "udp"},
        {"kernel_drops": 3, "receive_buffer_bytes": 425984},
        "The kernel dropped 3 datagrams",
    ),
    "the certificate": (
        {},
        {"certificate_expires_at": 1.0},
        "The certificate expired",
    ),
}


def test_the_line_is_told_in_one_sentence(
    open_page: Any, picture: Any, stage: Stage
) -> None:
    real = stage.asked("/api/channels/scanner-7")
    shown: dict[str, Any] = {}
    page = open_page(OPERATOR, "#/channels/scanner-7/line")
    page.route(
        re.compile("/api/channels/scanner-7$"),
        lambda route: route.fulfill(json=shown),
    )
    for name, (changed, line, sentence) in _LINES.items():
        shown = copy.deepcopy(real)
        source = shown["parts"]["source"]
        shown["parts"]["source"] = source | changed | {"line": source["line"] | line}
        shown["parts"]["source"]["counters"] = source["counters"] | changed.get(
            "counters", {}
        )
        page.reload()
        expect(page.locator("main")).to_contain_text(sentence)
        picture(page, f"line-{name.replace(' ', '-')}")
        assert not barriers(page)
        if name == "the framing":
            sample = page.get_by_role("region", name="The last bytes that were skipped")
            expect(sample).to_contain_text("05 48 65 6c 6c 6f ff 0d")
            expect(sample).to_contain_text("·Helloÿ·")


def test_what_was_skipped_is_shown_once_it_is_revealed(
    open_page: Any, stage: Stage
) -> None:
    with socket.create_connection(("127.0.0.1", stage.ports["chem"])) as line:
        line.sendall(b"no frame around this\r\n")
        page = open_page(OPERATOR, "#/channels/chem-1/line")
        source = page.get_by_role("region", name="Line of source")
        findings = page.get_by_role("listitem").filter(has_text="by the framing mllp")
        expect(findings).to_be_visible()
        source.get_by_role("button", name="Reveal").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Setting up or testing a device").check()
        dialog.get_by_role("button", name="Reveal").click()
        sample = source.get_by_role("region", name="The last bytes that were skipped")
        expect(sample).to_contain_text("6e 6f 20 66 72 61 6d 65")
        expect(sample).to_contain_text("no frame around ")
        assert not barriers(page)


def test_a_slow_destination_and_a_stalled_peer_are_told_apart(
    open_page: Any, stage: Stage
) -> None:
    chem = stage.asked(_CHEM)
    lis = chem["parts"].pop("lis")
    chem["parts"]["far"] = destination(
        lis,
        queued=40,
        oldest_queued_age_seconds=600.0,
        peers=[{"peer": "10.0.4.7:5000", "since": 1.0, "unacknowledged_bytes": 2048}],
    )
    chem["parts"]["dead"] = destination(lis, queued=7, counters={"stalls_total": 2})
    page = open_page(VIEWER, "#/channels/chem-1/line", answering({_CHEM: chem}))
    expect(page.get_by_role("listitem").filter(has_text="far: ")).to_contain_text(
        "Destination slow: it takes messages, but the oldest of 40 has waited for 10 m."
    )
    expect(page.get_by_role("listitem").filter(has_text="dead: ")).to_contain_text(
        "Peer stalled"
    )
    peers = page.get_by_role("region", name="Peers of far")
    expect(peers).to_contain_text("2.0 KiB")


def test_a_channel_that_is_not_there_says_so(open_page: Any) -> None:
    page = open_page(VIEWER, "#/channels/chem-2")
    expect(page.get_by_role("alert")).to_contain_text("There is no channel chem-2")
    expect(page.get_by_role("alert")).to_contain_text("Did you mean chem-1?")
