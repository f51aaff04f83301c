"""NO_PROXY: our one meaning, and how others differ (their own code is the judge where it is installed here)."""

from __future__ import annotations

import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._vendor.requests.utils import should_bypass_proxies

from pipway.dial.base import Target
from pipway.dial.route.dialects import DIALECTS, matches
from pipway.dial.route.no_proxy import NoProxy, literal


def bypasses(text: str, host: str, port: int = 443) -> bool:
    return NoProxy(text).match(Target(host, port)) is not None


@pytest.mark.parametrize(
    ("text", "host", "bypass"),
    [
        ("corp.example", "corp.example", True),
        ("corp.example", "a.corp.example", True),
        ("corp.example", "notcorp.example", False),
        (".corp.example", "corp.example", True),
        (".corp.example", "a.b.corp.example", True),
        ("*.corp.example", "a.corp.example", True),
        ("*.corp.example", "corp.example", True),
        ("CORP.Example", "a.corp.EXAMPLE", True),
        ("corp.example.", "corp.example", True),
        ("corp.example", "corp.example.", True),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("*", "anything.example", True),
        ("a.example *", "anything.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.*", "10.1.2.3", True),
        ("192.168.*.*", "192.168.9.9", True),
        ("192.168.1.1", "192.168.1.1", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("[::1]", "::1", True),
        ("::1", "::1", True),
        ("10.0.0.0/8", "ten.example", False),
        ("<local>", "printer", True),
        ("<local>", "printer.corp.example", False),
        ("a.example, b.example", "b.example", True),
        ("a.example b.example", "b.example", True),
        ("a.example:8443", "a.example", False),
        ("a.example:443", "sub.a.example", True),
        ("[::1]:443", "::1", True),
        ("", "a.example", False),
        ("none", "none", False),
        (",,  ,", "a.example", False),
    ],
)
def test_what_it_means(text: str, host: str, bypass: bool) -> None:
    assert bypasses(text, host) is bypass


def test_entries_that_mean_nothing_are_remarked_on() -> None:
    found = NoProxy("good.example http://bad.example/ a..b/c 10.0.0.0/99 host:99999")
    assert [pattern.text for pattern in found.patterns] == ["good.example"]
    assert len(found.remarks) == 4


@given(st.text(max_size=400), st.text(min_size=1, max_size=80), st.integers(0, 65535))
def test_nothing_breaks_it(text: str, host: str, port: int) -> None:
    """Whatever stands there; and the star is always everything."""
    bypasses(text, host, port)
    assert bypasses(f"*,{text}", host, port) or text.strip().lower() == "none"


@given(st.ip_addresses())
def test_literals_are_known(address: object) -> None:
    assert literal(str(address)) is not None


CASES = [
    *("corp.example", ".corp.example", "*.corp.example", "*", "10.0.0.0/8", "corp.example:443", "CORP.EXAMPLE"),
    *("a.example, corp.example", "a.example,corp.example", "other.example"),
]
HOSTS = ["corp.example", "sub.corp.example", "notcorp.example", "10.1.2.3"]


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("host", HOSTS)
def test_urllib_is_told_right(text: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter's own function agrees with what is said of it."""
    monkeypatch.setenv("no_proxy", text)
    expected = bool(urllib.request.proxy_bypass_environment(f"{host}:443"))  # type: ignore[attr-defined]
    assert matches("urllib", text, Target(host, 443)) is expected


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("host", HOSTS)
def test_requests_is_told_right(text: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip vendors it."""
    monkeypatch.setenv("no_proxy", text)
    expected = bool(should_bypass_proxies(f"https://{host}:443/", no_proxy=None))  # type: ignore[no-untyped-call]
    assert matches("requests", text, Target(host, 443)) is expected


@pytest.mark.parametrize(
    ("dialect", "text", "host", "bypass"),
    [
        ("curl", "*.corp.example", "a.corp.example", False),
        ("curl", "a.example corp.example", "corp.example", False),
        ("curl", "10.0.0.0/8", "10.1.2.3", True),
        ("go", ".corp.example", "corp.example", False),
        ("go", "*.corp.example", "a.corp.example", True),
        ("go", "", "localhost", True),
        ("go", "corp.example:80", "corp.example", False),
        ("go", "x,*", "corp.example", True),
        ("uv", "*.corp.example", "a.corp.example", False),
        ("uv", ".corp.example", "corp.example", True),
        ("uv", "corp.example:443", "corp.example", False),
        ("uv", "x, *", "corp.example", True),
    ],
)
def test_the_others_as_recorded(dialect: str, text: str, host: str, bypass: bool) -> None:
    assert matches(dialect, text, Target(host, 443)) is bypass


def test_pipway_is_one_of_the_dialects() -> None:
    assert set(DIALECTS) == {"pipway", "curl", "urllib", "requests", "go", "uv"}
