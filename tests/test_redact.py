"""Secrets are taken out of text, whatever stands around them; ordinary text stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.redact import HIDDEN, printable, redact


@pytest.mark.parametrize(
    "text",
    [
        "https://alice:hunter2@index.example/simple/",
        "http://hunter2@index.example:8080",
        "https://a:p@ss:hunter2@index.example/",
        "http://user@a:hunter2@proxy:8080",
        "http://user:hunter2@proxy:8080",
        "connecting to https://alice:hunter2@index.example/ failed, and HTTP://bob:hunter2@proxy.example too",
        "//alice:hunter2@index.example/",
        "Failed to parse: http://bob:ha#hunter2@proxy.example:8080",
        "Failed to parse: http://bob:hunter2?x@proxy.example:8080",
        "Failed to parse: 'bob:hunter2' is not a valid host or port",
        "Failed to connect to proxy http://corp:80/%5Cuser:hunter2@127.0.0.1:1",
        "Authorization: Basic YWxpY2U6aHVudGVyMg== hunter2",
        "proxy-authorization: Digest username=x, response=hunter2",
        "{'authorization': 'Bearer hunter2'}",
        '{"Authorization":"Negotiate hunter2"}',
        "cookie: session=hunter2; other=hunter2",
        "x-api-key=hunter2",
        "GET /simple/?token=hunter2&x=1",
        "GET /simple/?access_token=hunter2",
        "GET /simple/?accessToken=hunter2",
        "GET /simple/?clientSecret=hunter2",
        "GET /simple/?pwd=hunter2",
        "GET /simple/?auth=hunter2",
        "password=hunter2",
        "sent Basic aHVudGVyhunter2== and was refused",
        "NTLM TlRMTVNTUAABAAAAhunter2",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    """URL userinfo (RFC 3986 §3.2.1), credentials (RFC 9110 §11.4), and parameters whose name says it."""
    assert "hunter2" not in redact(text)
    assert HIDDEN in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://index.example/simple/requests/",
        "pip install 'requests @ https://files.example/requests.whl'",
        "mail to someone@index.example",
        "write it as http://user@proxy:8080, or http://DOMAIN%5Cuser@proxy:8080",
        "name it: --parent https://USER@proxy.example:8443",
        "/simple/keyring/",
        "/simple/?monkey=1&author=2",
        "basic settings, digest of the file",
        'pip/25.0 {"implementation":{"name":"CPython"}}',
        "",
    ],
)
def test_ordinary_text_is_untouched(text: str) -> None:
    """A log that hides everything helps nobody."""
    assert redact(text) == text


def test_the_rest_of_a_url_stays_readable() -> None:
    """Where it went matters to whoever reads the error."""
    assert redact("https://alice:x@index.example:8080/a@b?c#d") == f"https://{HIDDEN}@index.example:8080/a@b?c#d"


SAFE = st.text(
    st.characters(codec="ascii", exclude_characters="@/\\?#\"'<> \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f"), min_size=1
)


@given(SAFE, SAFE)
def test_any_userinfo_is_hidden(user: str, password: str) -> None:
    """Whatever characters a URL's userinfo is made of."""
    shown = redact(f"before https://{user}:{password}XYZZY@index.example/ after")
    assert "XYZZY" not in shown
    assert shown.endswith("@index.example/ after")


@given(st.text())
def test_hiding_twice_changes_nothing_more(text: str) -> None:
    """Several layers may redact the same text."""
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("sign", ["\x1b", "\x07", "\r", "\x9b", "\x00", "\u202e", "\u2066", "\udc80"])
def test_a_terminal_is_told_nothing(sign: str) -> None:
    """Escape sequences, the C1 control that begins one, marks that turn text round, and bytes that were no UTF-8."""
    assert printable(f"a{sign}[2Jb") == "a\N{REPLACEMENT CHARACTER}[2Jb"


def test_what_people_read_stays() -> None:
    assert printable("Zürich 日本\n\ta b") == "Zürich 日本\n\ta b"


def test_advice_keeps_its_example() -> None:
    advice = "write http://USER:PASSWORD@HOST:PORT, the login percent-encoded"
    assert redact(advice) == advice
    assert (
        redact("http://USER:PASSWORD1@HOST:1 http://xUSER:PASSWORD@HOST")
        == "http://[hidden]@HOST:1 http://[hidden]@HOST"
    )
