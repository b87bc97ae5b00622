from __future__ import annotations

from iobuffer.links.pieces import Pieces


class Consumer:
    """Takes one piece, and then has enough."""

    def __init__(self, most: int = 1) -> None:
        self.taken: list[bytes] = []
        self.most = most
        self.producer: Pieces | None = None

    def write(self, data: bytes) -> None:
        self.taken.append(data)
        if self.producer is not None and not len(self.taken) % self.most:
            self.producer.pauseProducing()


def test_a_piece_waits_until_there_is_room_for_it() -> None:
    consumer = Consumer()
    consumer.producer = pieces = Pieces([b"one", b"", b"two", b"three"])
    done: list[object] = []
    pieces.startProducing(consumer).addCallback(done.append)

    assert consumer.taken == [b"one"]
    pieces.resumeProducing()
    assert consumer.taken == [b"one", b"two"]
    assert not done
    pieces.resumeProducing()
    assert consumer.taken == [b"one", b"two", b"three"]
    assert done == [None]
    assert pieces.length == 11


def test_a_body_of_nothing_is_written_at_once() -> None:
    done: list[object] = []
    Pieces([]).startProducing(Consumer()).addCallback(done.append)

    assert done == [None]


def test_what_was_stopped_writes_no_more_and_never_ends() -> None:
    consumer = Consumer()
    consumer.producer = pieces = Pieces([b"one", b"two"])
    done: list[object] = []
    pieces.startProducing(consumer).addCallback(done.append)
    pieces.stopProducing()
    pieces.resumeProducing()

    assert consumer.taken == [b"one"]
    assert not done
