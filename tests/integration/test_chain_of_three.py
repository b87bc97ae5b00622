"""Three gateways in a chain: what travels along, and what must not go round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.integration.chains import SECONDS, Chain
from tests.torture.gateway import GatewayProcess


class Three(Chain):
    """The second one follows the first, and pushes to the third."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        at = [
            f"http://127.0.0.1:{port}"
            for port in (self.http_port, self.second_port, self.third_port)
        ]
        self.first_url, self.second_url, self.third_url = at
        ports = (self.lines_port, self.http_port)
        self.first = self.gateway("first", self.takes_lines(), *ports)
        self.first.start()
        last = "[channel:last]\n" + self.writes("last") + self.web(self.third_port)
        self.third = self.gateway("third", last, self.third_port)
        self.third.start()
        self.second = self.gateway(
            "second",
            self.follows("mid", self.first_url, "ward", self.token(self.first, "ward"))
            + self.pushes("mid", self.third_url, "last", self.token(self.third, "last"))
            + self.web(self.second_port),
            self.second_port,
        )
        self.second.start()

    def message(self, gateway: GatewayProcess, channel: str, seq: int) -> Any:
        return self.asked(gateway, "show", channel, str(seq))

    def refuses_the_loop(self, gateway: GatewayProcess, channel: str) -> None:
        """Its state says so, and what to do."""
        state = self.asked(gateway, "channels", channel)["state"]
        assert state["word"] == "failed"
        assert "they go round" in state["reason"]
        assert "Take one of these hops out of the configuration" in state["reason"]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Three]:
    with Three(tmp_path) as made:
        yield made


def test_the_origin_its_time_and_every_hop_arrive_at_the_third(chain: Three) -> None:
    chain.send(30)
    chain.all_arrive()
    origin = chain.message(chain.first, "ward", 30)
    found = chain.message(chain.third, "last", 30)

    assert origin["hops"] == []
    assert found["text"] == origin["text"]
    # A row has one time, and those of the same few milliseconds become one.
    assert found["received_at"] == pytest.approx(origin["received_at"], abs=0.1)
    assert found["origin"] == origin["peer"] == origin["origin"]
    assert [hop["channel"] for hop in found["hops"]] == ["ward", "mid"]
    assert len({hop["gateway"] for hop in found["hops"]}) == 2
    chain.each_is_stored_once(chain.third, "last")


def test_a_loop_over_three_is_refused_where_one_pushes(chain: Three) -> None:
    chain.send(5)
    chain.all_arrive()
    chain.third.stop()
    token = chain.token(chain.first, "ward")
    chain.third.configure(
        "[channel:last]\n"
        + chain.writes("last")
        + chain.pushes("last", chain.first_url, "ward", token)
        + chain.web(chain.third_port)
    )
    chain.third.start()
    chain.send(5)
    chain.says(chain.third, "they go round")

    chain.refuses_the_loop(chain.third, "last")
    assert chain.message(chain.first, "ward", 10)["hops"] == []
    listed = chain.asked(chain.first, "messages", "ward")["messages"]
    assert listed[0]["seq"] == 10


def test_a_loop_over_three_is_refused_where_one_pulls(chain: Three) -> None:
    token = chain.token(chain.third, "last")
    # From its first question on, what it has not had is kept for it.
    question = Request(
        f"{chain.third_url}/api/channels/last/batches?wait=0",
        headers={"Authorization": f"Bearer {Path(token).read_text()}"},
    )
    with urlopen(question, timeout=SECONDS) as answer:
        assert answer.status == 204
    chain.send(5)
    chain.all_arrive()
    chain.hang_up()
    chain.first.stop()
    chain.first.configure(
        chain.follows("ward", chain.third_url, "last", token)
        + chain.web(chain.http_port)
    )
    chain.first.launch()
    chain.says(chain.first, "they go round")

    chain.refuses_the_loop(chain.first, "ward")
    listed = chain.asked(chain.first, "messages", "ward")["messages"]
    assert listed[0]["seq"] == 5
