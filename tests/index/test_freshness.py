"""Freshness as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipway.index.freshness import Freshness, max_age

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "age", "seconds"),
    [
        (None, None, None),
        ("public", None, None),
        ("max-age=600, public", None, 600.0),
        ("Max-Age=600", "500", 100.0),
        ("max-age=600", "700", 0.0),
        ("max-age=600", "nonsense", 600.0),
        ("max-age=60, s-maxage=600", None, 600.0),
        ("max-age=60, no-cache", None, 0.0),
        ("no-store", None, 0.0),
        ('max-age="60"', None, 60.0),
        ("max-age=", None, None),
        ("max-age=-1", None, None),
        ("max-age=99999999999999999999", None, 9999999999.0),
    ],
)
def test_max_age(header: str | None, age: str | None, seconds: float | None) -> None:
    """RFC 9111 §4.2.1, §5.2.2; Age is §5.1."""
    assert max_age(header, age) == seconds


def test_what_an_upstream_says_is_bounded_and_its_silence_means_the_default() -> None:
    times = Freshness(ttl=600, least=5, most=86_400)
    assert times.lifetime(None) == 600
    assert times.lifetime(0) == 5
    assert times.lifetime(10**9) == 86_400


def test_a_clock_that_was_set_back_makes_a_page_stale() -> None:
    times = Freshness()
    assert times.left(NOW - timedelta(seconds=100), None, NOW) == 500
    assert times.left(NOW - timedelta(seconds=700), None, NOW) == -100
    assert times.left(NOW + timedelta(days=400), None, NOW) < 0
