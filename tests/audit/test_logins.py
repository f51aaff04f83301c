"""Which URLs hold a secret, and which only say where one is to come from."""

from __future__ import annotations

import time

import pytest

from pipway.audit.facts import Source, Span
from pipway.audit.queries.logins import has_login, holds_secret, is_filled_in, without_password


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


def test_logins_written_or_filled_in() -> None:
    assert has_login("https://u:p@x") and has_login("https://u:${{ secrets.X }}@x")
    assert not has_login("https://u@x") and not has_login("https://u:@x") and not has_login("https://x/a:b@c")


def test_taking_a_password_out() -> None:
    url = "https://svc:${{ secrets.X }}@nexus.corp/"
    span = Span(Source("x", f" {url}", "x"), 1, 1 + len(url))
    (kept,), (gone,) = without_password(span, url), without_password(span, url, user=False)
    assert kept.span.text == ":${{ secrets.X }}" and gone.span.text == "svc:${{ secrets.X }}@"
    assert without_password(span, "https://a:b@c") == without_password(None, url) == ()


@pytest.mark.slow
def test_a_url_that_was_made_to_take_long() -> None:
    start = time.perf_counter()
    for piece in ("${", "{{", "$(", "<", "@:", "%a"):
        holds_secret("https://u:" + piece * 30_000 + "@x")
        has_login("https://u:" + piece * 30_000)
    assert time.perf_counter() - start < 5
