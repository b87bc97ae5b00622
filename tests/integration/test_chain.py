"""Two gateways in a chain, each a process of its own, over a network that is bad."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.chains import Chain
from tests.integration.cutting_proxy import CuttingProxy
from tests.integration.unruly_proxy import STEPS, UnrulyProxy
from tests.torture.gateway import GatewayProcess


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with Chain(tmp_path) as made:
        yield made


def here(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def first_of(chain: Chain, extra: str = "") -> GatewayProcess:
    """Takes lines; started."""
    ports = (chain.lines_port, chain.http_port)
    first = chain.gateway("first", chain.takes_lines(extra), *ports)
    first.start()
    return first


def puller_of(chain: Chain, port: int, token: str) -> GatewayProcess:
    """The second one, which follows the first and writes the file; started."""
    sections = chain.follows("copy", here(port), "ward", token) + chain.writes("copy")
    second = chain.gateway("second", sections)
    second.start()
    return second


def taker_of(chain: Chain) -> GatewayProcess:
    """The second one, which has no source, and writes the file; started."""
    sections = "[channel:copy]\n" + chain.writes("copy") + chain.web(chain.second_port)
    second = chain.gateway("second", sections, chain.second_port)
    second.start()
    return second


def pusher_of(chain: Chain, port: int, token: str) -> GatewayProcess:
    """The first one, which takes lines and pushes them; started."""
    return first_of(chain, chain.pushes("ward", here(port), "copy", token))


@pytest.mark.parametrize("pull", [True, False], ids=["pulled", "pushed"])
def test_each_message_arrives_once_whatever_is_cut_late_repeated_or_old(
    chain: Chain, pull: bool
) -> None:
    if pull:
        first = first_of(chain)
        unruly = chain.closing(UnrulyProxy(chain.http_port, seed=7, share=0.4))
        cutting = chain.closing(CuttingProxy(unruly.port, seed=7))
        second = puller_of(chain, cutting.port, chain.token(first, "ward"))
    else:
        second = taker_of(chain)
        unruly = chain.closing(UnrulyProxy(chain.second_port, seed=8, share=0.4))
        cutting = chain.closing(CuttingProxy(unruly.port, seed=8))
        pusher_of(chain, cutting.port, chain.token(second, "copy"))
    while not (all(unruly.done.values()) and cutting.cuts_total):
        chain.send(20, pause_seconds=0.001)
        assert len(chain.sent) < 20_000, (unruly.done, cutting.cuts_total)
    unruly.calm()
    cutting.calm()
    chain.send(20)

    chain.each_is_stored_once(second, "copy")


@pytest.mark.parametrize("pull", [True, False], ids=["pulled", "pushed"])
def test_each_message_arrives_once_whoever_is_killed_at_whichever_step(
    chain: Chain, pull: bool
) -> None:
    if pull:
        first = first_of(chain)
        proxy = chain.closing(UnrulyProxy(chain.http_port, seed=1))
        second = puller_of(chain, proxy.port, chain.token(first, "ward"))
    else:
        second = taker_of(chain)
        proxy = chain.closing(UnrulyProxy(chain.second_port, seed=1))
        first = pusher_of(chain, proxy.port, chain.token(second, "copy"))
    chain.send(20)
    for step in STEPS:
        for killed in (first, second):
            # So that what is held is not the question that they came with.
            chain.all_arrive()
            proxy.hold_at(step)
            # What is sent is stored at the first one when this returns.
            chain.send(20)
            proxy.wait_until_held()
            killed.kill()
            proxy.let_go()
            if killed is first:
                chain.hang_up()
            killed.start()
    chain.send(20)

    chain.each_is_stored_once(second, "copy")


def test_what_comes_while_the_hop_is_down_waits_for_it(chain: Chain) -> None:
    first = first_of(chain)
    token = chain.token(first, "ward")
    second = puller_of(chain, chain.http_port, token)
    chain.send(10)
    chain.all_arrive()
    second.kill()
    chain.send(500)
    first.stop()
    chain.hang_up()
    first.start()
    assert "no longer configured" not in first.log
    second.start()

    chain.each_is_stored_once(second, "copy")


def test_a_relay_of_another_channel_is_turned_away(chain: Chain) -> None:
    first = first_of(chain)
    second = puller_of(chain, chain.http_port, chain.token(first, "other"))
    chain.send(5)

    chain.says(second, "does not let us in")
    assert chain.arrived == []


def test_a_channel_without_a_source_says_whom_it_waits_for(chain: Chain) -> None:
    second = taker_of(chain)
    state = chain.asked(second, "channels", "copy")["state"]
    assert state["word"] == "waiting"
    assert "waiting for another instance to push" in state["reason"]

    pusher_of(chain, chain.second_port, chain.token(second, "copy"))
    chain.send(3)
    chain.all_arrive()
    assert chain.asked(second, "channels", "copy")["state"]["word"] == "running"
