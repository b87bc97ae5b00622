from __future__ import annotations

from iobuffer.links.complaints import Complaints


def made() -> tuple[Complaints, list[str]]:
    log: list[str] = []
    return Complaints(lambda level, text: log.append(text)), log


def test_the_same_of_one_host_is_said_once() -> None:
    complaints, log = made()
    for _ in range(3):
        complaints.say("a", "no TLS")
    complaints.say("b", "no TLS")
    complaints.say("a", "refused")

    assert log == ["no TLS", "no TLS", "refused"]


def test_after_forget_it_is_news_again() -> None:
    complaints, log = made()
    complaints.say("a", "no TLS")

    assert complaints.forget("a")
    assert not complaints.forget("a")
    complaints.say("a", "no TLS")

    assert len(log) == 2


def test_what_is_remembered_is_bounded() -> None:
    complaints, _ = made()
    for number in range(5000):
        complaints.say(str(number), "x")

    assert len(complaints._said) <= 1024
    assert complaints.forget("4999")
    assert not complaints.forget("0")
