"""What a request is shown and counted by."""

from __future__ import annotations

import pytest

from pipway.trace import Answered
from pipway.web.dimensions import face_of, known_tool, outcome_of, route_kind, tool_of


@pytest.mark.parametrize(
    ("agent", "name", "version"),
    [
        ('pip/26.0 {"ci":null,"cpu":"x86_64"}', "pip", "26.0"),
        ('uv/0.13.8 {"installer":{"name":"uv","version":"0.13.8"}}', "uv", "0.13.8"),
        ("poetry/2.5.1 CPython/3.11.7 Linux/6.1", "poetry", "2.5.1"),
        ("pdm/2.29.3 CPython/3.12", "pdm", "2.29.3"),
        ("curl/7.88.1", "curl", "7.88.1"),
        ("Wget/1.21.3", "wget", "1.21.3"),
        ("git/2.39.2", "git", "2.39.2"),
        ("Debian APT-HTTP/1.3 (2.6.1)", "apt", "2.6.1"),
        ("aria2/1.36.0", "aria2", "1.36.0"),
        ("Java-http-client/17.0.13", "java", "17.0.13"),
        ("python-requests/2.32.3", "requests", "2.32.3"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "browser", ""),
        ("Wget", "wget", ""),
        ("", "", ""),
        ("\x1b[31mevil/1", "", ""),
        ("(none)", "", ""),
        ("x" * 500, "", ""),
        ('pip/"><script>', "", ""),
    ],
)
def test_the_tool_is_in_the_user_agent(agent: str, name: str, version: str) -> None:
    """RFC 9110 §10.1.5: product, then its version; what is no product is nobody."""
    assert tool_of(agent) == (name, version)


def test_tools_that_nobody_knows_are_one_label() -> None:
    assert known_tool("pip") == "pip"
    assert known_tool("mytool") == known_tool("") == "other"


@pytest.mark.parametrize(
    ("method", "target", "face"),
    [
        ("GET", "/simple/idna/", "index"),
        ("GET", "/files/https/files.example/x.whl", "index"),
        ("GET", "/metrics", "pages"),
        ("CONNECT", "files.example:443", "forward"),
        ("GET", "http://deb.example/x", "forward"),
        ("GET", "HTTPS://files.example/x", "forward"),
        ("SOCKS5", "files.example:443", "socks"),
        ("SOCKS4", "192.0.2.1:80", "socks"),
        ("OPTIONS", "*", "other"),
        ("-", "-", "other"),
    ],
)
def test_the_face_is_in_the_request_line(method: str, target: str, face: str) -> None:
    assert face_of(method, target) == face


@pytest.mark.parametrize(
    ("status", "outcome", "shown"),
    [
        (200, "hit", "hit"),
        (206, "joined", "joined"),
        (200, "stale", "stale"),
        (200, "tunnel", "tunnel"),
        (404, "forward", "absent"),
        (404, "error", "absent"),
        (403, "error", "refused"),
        (407, "error", "refused"),
        (421, "error", "refused"),
        (503, "error", "error"),
        (200, "error", "error"),
        (200, "whatever", "other"),
    ],
)
def test_refusals_are_told_from_failures(status: int, outcome: str, shown: str) -> None:
    assert outcome_of(Answered("GET", "/", status, 0, outcome, "")) == shown


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("", "none"),
        ("direct (nothing says otherwise)", "direct"),
        ("http://proxy.example:3128 (PIPWAY_PARENT)", "http"),
        ("https://proxy.example:443 (a then b)", "http"),
        ("socks5h://proxy.example:1080 (x)", "socks"),
        ("socks5h://a.example:1080 then http://b.example:3128 (x)", "chain"),
        ("carrier pigeon", "other"),
    ],
)
def test_routes_are_a_handful_of_kinds(route: str, kind: str) -> None:
    assert route_kind(route) == kind
