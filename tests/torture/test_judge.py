"""The judge must itself be seen to find each kind of fault."""

from __future__ import annotations

from .judge import judge, make_message, parse_message

NAMES = [(1, number) for number in range(5)]
MESSAGES = [make_message(*name) for name in NAMES]


def test_a_message_says_its_own_name() -> None:
    assert parse_message(make_message(7, 1 << 40, 0)) == (7, 1 << 40)


def test_a_changed_byte_anywhere_is_seen() -> None:
    message = MESSAGES[3]
    for at in range(len(message)):
        changed = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        assert parse_message(changed) is None
    assert parse_message(message[:-1]) is None
    assert parse_message(b"") is None


def test_everything_delivered_once_in_order_is_clean() -> None:
    verdict = judge(NAMES, NAMES, MESSAGES)
    assert verdict.is_clean
    assert verdict.duplicated == 0


def test_an_acknowledged_message_that_never_came_is_lost() -> None:
    verdict = judge(NAMES, NAMES[:4], MESSAGES[:2])
    assert verdict.lost == {(1, 2), (1, 3)}
    assert not verdict.is_clean


def test_a_message_that_was_not_acknowledged_may_be_missing() -> None:
    assert judge(NAMES, NAMES[:2], MESSAGES[:2]).is_clean


def test_a_message_that_nobody_sent_is_a_phantom() -> None:
    assert judge(NAMES[:4], [], MESSAGES).phantom == {(1, 4)}


def test_a_changed_message_is_corrupt_and_lost() -> None:
    verdict = judge(NAMES, NAMES, [*MESSAGES[:4], MESSAGES[4] + b"x"])
    assert verdict.corrupt == 1
    assert verdict.lost == {(1, 4)}


def test_duplicates_are_counted_and_no_fault() -> None:
    verdict = judge(NAMES, NAMES, MESSAGES[:3] + MESSAGES[1:])
    assert verdict.duplicated == 2
    assert verdict.reordered == 0
    assert verdict.is_clean


def test_order_is_judged_per_source_over_first_deliveries() -> None:
    other = make_message(2, 0)
    assert judge({*NAMES, (2, 0)}, [], [MESSAGES[4], other]).reordered == 0
    swapped = [MESSAGES[1], MESSAGES[0], MESSAGES[2]]
    assert judge(NAMES, [], swapped).reordered == 1
