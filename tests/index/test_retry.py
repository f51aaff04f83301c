"""Delays: exponential, jittered, bounded; Retry-After obeyed where it is short."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipway.errors import NoWayOut, Unavailable
from pipway.index.retry import Retry, Told, retry_after

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ERROR = Unavailable("upstream-failed", "it failed")


def test_full_jitter_over_an_exponential_bound() -> None:
    most = Retry(attempts=10, first=0.25, longest=5.0, draw=lambda: 1.0)
    assert [most.delay(failed, ERROR) for failed in range(1, 7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
    assert Retry(draw=lambda: 0.0).delay(1, ERROR) == 0.0


def test_attempts_are_bounded() -> None:
    assert Retry(attempts=3).delay(2, ERROR) is not None
    assert Retry(attempts=3).delay(3, ERROR) is None


@pytest.mark.parametrize("code", ["circuit-open", "upstream-refused", "offline", "stopping", "parent-timeout"])
def test_hopeless_errors_are_not_tried_again(code: str) -> None:
    assert Retry().delay(1, Unavailable(code, "no")) is None


def test_a_parent_that_refuses_us_is_not_asked_again() -> None:
    assert Retry().delay(1, NoWayOut("credential-rejected", "no")) is None


def test_retry_after_is_obeyed_when_short_and_ends_the_attempts_when_long() -> None:
    """RFC 9110 §10.2.3."""
    retry = Retry(longest=5.0)
    assert retry.delay(1, Told("upstream-busy", "later", wait=3.0)) == 3.0
    assert retry.delay(1, Told("upstream-busy", "later", wait=60.0)) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 999999999.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("Thu, 01 Jan 2026 12:00:30", None),
    ],
)
def test_reading_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds
