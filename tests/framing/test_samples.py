"""Every sample, whole and in every cut, gives the same messages and the same counts."""

from __future__ import annotations

import pytest

from .cuts import fed, whole
from .samples import SAMPLES, Sample

pytestmark = pytest.mark.parametrize(
    "sample", SAMPLES, ids=lambda sample: sample.title.replace(" ", "-")
)


def test_a_sample_has_the_messages_and_the_skipped_bytes_that_were_counted_by_hand(
    sample: Sample,
) -> None:
    outcome = whole(sample.config, sample.stream)
    assert outcome.messages == sample.messages
    assert outcome.skipped_bytes == sample.skipped
    assert outcome.framed_bytes == len(sample.stream) - sample.skipped
    assert outcome.stopped is sample.stopped


def test_a_sample_comes_out_the_same_byte_by_byte(sample: Sample) -> None:
    single = [sample.stream[at : at + 1] for at in range(len(sample.stream))]
    assert fed(sample.config, single) == whole(sample.config, sample.stream)


def test_a_sample_comes_out_the_same_cut_at_every_position(sample: Sample) -> None:
    stream = sample.stream
    expected = whole(sample.config, stream)
    for cut in range(len(stream) + 1):
        assert fed(sample.config, [stream[:cut], b"", stream[cut:]]) == expected, cut
