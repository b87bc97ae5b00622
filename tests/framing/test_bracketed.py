"""Start and end marks beyond the samples."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.bracketed import StartEndConfig

CONFIG = StartEndConfig(start=b"<<", end=b">>")


def test_the_marks_are_put_around_each_message() -> None:
    assert CONFIG.encoder().encode([b"a", b"<b"]) == b"<<a>><<<b>>"


@pytest.mark.parametrize("message", [b"a>>b", b"a<<b", b"a>"])
def test_a_message_that_would_be_cut_elsewhere_is_refused(message: bytes) -> None:
    with pytest.raises(Unframeable) as caught:
        CONFIG.encoder().encode([b"a", message])
    assert caught.value.index == 1


def test_an_unfinished_message_is_quarantined_when_the_next_begins() -> None:
    framer = CONFIG.framer()
    assert framer.feed(b"<<one<<two>>") == [b"two"]
    assert framer.quarantined_total == 1
    assert framer.skipped_sample == b"<<one"
    assert framer.error is not None
    assert framer.error.can_continue


def test_half_a_start_mark_is_no_message_to_give_up() -> None:
    framer = CONFIG.framer()
    framer.feed(b"junk<")
    assert framer.partial_bytes == 1
    assert framer.give_up_partial() == []
    assert framer.feed(b"<a>>") == [b"a"]
