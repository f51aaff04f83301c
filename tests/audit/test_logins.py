"""Which URLs hold a secret, and which only say where one is to come from."""

from __future__ import annotations

import pytest

from pipway.audit.logins import holds_secret, is_filled_in


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@nexus.corp/simple", True),
        ("https://:p@nexus.corp/simple", True),
        ("https://u:p${X}@nexus.corp/simple", True),
        ("git+https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/x/y", True),
        ("https://u@nexus.corp/simple", False),
        ("https://u:${TOKEN}@nexus.corp/simple", False),
        ("https://u:$TOKEN@nexus.corp/simple", False),
        ("https://u:%TOKEN%@nexus.corp/simple", False),
        ("https://u:{{ secrets.X }}@nexus.corp/simple", False),
        ("https://__token__:<token>@nexus.corp/simple", False),
        ("https://u:***@nexus.corp/simple", False),
        ("https://nexus.corp/a:b@c", False),
        ("git+ssh://git@git.corp/x", False),
    ],
)
def test_secrets(url: str, expected: bool) -> None:
    assert holds_secret(url) is expected


def test_what_is_filled_in_later() -> None:
    assert is_filled_in("${X}") and is_filled_in("") and not is_filled_in("x${X}")
