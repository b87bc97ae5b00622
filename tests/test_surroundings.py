"""What changes around the gateway, as the audit log is told of it."""

from __future__ import annotations

from iobuffer.surroundings import Surroundings


def test_the_first_look_only_remembers() -> None:
    assert Surroundings().look(1000.0, 5.0, {"a.pem": 1}) == []


def test_a_clock_that_is_set_is_told_once_and_how_far() -> None:
    around = Surroundings()
    around.look(1000.0, 0.0, {})
    assert around.look(4605.0, 5.0, {}) == [("clock changed", "set forward by 3600 s")]
    assert around.look(4610.0, 10.0, {}) == []
    assert around.look(1015.0, 15.0, {}) == [("clock changed", "set back by 3600 s")]


def test_a_clock_that_drifts_is_no_step_however_far_it_goes() -> None:
    around = Surroundings()
    for look in range(100):
        assert around.look(1000.0 + 5.5 * look, 5.0 * look, {}) == []


def test_a_certificate_whose_file_is_another_is_told() -> None:
    around = Surroundings()
    around.look(0.0, 0.0, {"a.pem": 1, "b.pem": 1})
    changes = around.look(5.0, 5.0, {"a.pem": 2, "b.pem": 1, "new.pem": 1})
    assert changes == [("certificate changed", "a.pem")]
    # Taken out of the configuration and put back: that is told as a change of it.
    assert around.look(10.0, 10.0, {"b.pem": 1}) == []
    assert around.look(15.0, 15.0, {"a.pem": 3, "b.pem": 1}) == []
