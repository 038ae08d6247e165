"""The device's clock: refused while it is not set, and not trusted while it jumps."""

from __future__ import annotations

import pytest
from tests.unit.series.conftest import Time

from lintel.edge.errors import ClockNotSetError
from lintel.edge.series import Clock


def test_a_clock_that_has_not_been_set_is_no_clock(time: Time, clock: Clock) -> None:
    assert clock.now_s() == time.now_s
    time.set("1970-01-01T00:00:20Z")
    with pytest.raises(ClockNotSetError) as caught:
        clock.now_s()
    assert caught.value.retry_after_s is not None


def test_a_clock_is_trusted_after_an_hour(time: Time, clock: Clock) -> None:
    assert not clock.is_steady()
    time.pass_s(3599)
    assert not clock.is_steady()
    time.pass_s(1)
    assert clock.is_steady()


def test_a_clock_that_was_set_is_trusted_an_hour_later(time: Time, clock: Clock) -> None:
    time.pass_s(3600)
    time.set("2036-01-01T00:00:00Z")
    assert not clock.is_steady()
    time.pass_s(3600)
    assert clock.is_steady()


def test_a_clock_may_be_slewed(time: Time, clock: Clock) -> None:
    time.pass_s(7200)
    time.now_s += 30
    assert clock.is_steady()
