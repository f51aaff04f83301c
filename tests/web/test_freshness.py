"""What clients ask of freshness (RFC 9111 §5.2.1) and what stale answers say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.web.site import ask

from pipway.web.freshness import stale_fields, wants_recheck

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, False),
        ({"cache_control": "no-cache"}, True),
        ({"cache_control": " NO-CACHE , foo"}, True),
        ({"cache_control": 'max-age="0"'}, True),
        ({"cache_control": "max-age=00"}, False),
        ({"cache_control": "max-age=10"}, False),
        ({"cache_control": "no-store"}, False),
        ({"pragma": "no-cache"}, True),
        ({"pragma": "no-cache", "cache_control": "max-age=10"}, False),
        ({"cache_control": "max-age=0", "user_agent": "pip/26.1 {}"}, False),
        ({"cache_control": "max-age=0", "user_agent": "pip/26.2 {}"}, True),
        ({"cache_control": "max-age=0", "user_agent": "pip/9.0.1"}, False),
        ({"cache_control": "max-age=0", "user_agent": "pipenv/2026.10"}, True),
        ({"cache_control": "max-age=0", "user_agent": "pip/99999.1"}, True),
        ({"cache_control": "max-age=0", "user_agent": "x pip/20.0"}, True),
    ],
)
def test_who_wants_the_newest_state(headers: dict[str, str], wish: bool) -> None:
    assert wants_recheck(ask("/simple/demo/", **headers)) is wish


def test_age_counts_from_the_last_confirmation_and_is_never_negative() -> None:
    assert dict(stale_fields(datetime(2026, 11, 21, 11, 59, tzinfo=UTC), NOW))["Age"] == "60"
    assert dict(stale_fields(datetime(2026, 11, 21, 13, tzinfo=UTC), NOW))["Age"] == "0"
    assert dict(stale_fields(None, NOW))["Age"] is None
