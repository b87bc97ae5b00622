from __future__ import annotations

import attrs

from tests.samples_of_figures import Scene


def test_parts_are_the_source_and_each_destination() -> None:
    scene = Scene()
    (channel,) = scene.figures().channels.values()
    assert list(channel.parts) == ["source", "lis"]

    scene.has_source = False
    (channel,) = scene.figures().channels.values()
    assert list(channel.parts) == ["lis"]


def test_queued_bytes_are_the_share_of_what_is_stored() -> None:
    scene = Scene()
    scene.queued, scene.stored_messages, scene.stored_bytes = 25, 100, 8000
    (channel,) = scene.figures().channels.values()

    assert channel.queued_messages == 25
    assert channel.queued_bytes == 2000


def test_what_waits_for_a_destination_that_is_gone_is_queued_too() -> None:
    (channel,) = Scene().figures().channels.values()
    assert channel.stored is not None
    stored = attrs.evolve(channel.stored, orphans={"old": 9})

    assert attrs.evolve(channel, stored=stored).queued_messages == 9


def test_what_waits_for_a_relay_is_queued_too() -> None:
    scene = Scene()
    scene.queued = 4
    (channel,) = scene.figures().channels.values()
    ledger = channel.ledgers["lis"]
    assert channel.stored is not None
    relayed = attrs.evolve(channel.stored, destinations={"relay:hq": ledger})

    assert attrs.evolve(channel, stored=relayed, destinations={}).queued_messages == 4


def test_before_the_store_has_answered_nothing_is_known_of_it() -> None:
    (channel,) = Scene().figures().channels.values()
    channel = attrs.evolve(channel, stored=None)

    assert channel.queued_bytes == 0
    assert channel.ledgers == {}
