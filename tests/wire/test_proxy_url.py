"""Proxy URLs as people write them: read strictly, and never repeated with their userinfo."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import UsageError
from pipway.wire.proxy_url import ProxyScheme, ProxyUrl, parse_proxy_url

GOOD = {
    "http://proxy:8080": ProxyUrl("http", "proxy", 8080),
    "proxy.corp:8080": ProxyUrl("http", "proxy.corp", 8080),  # as pip and uv take it
    " HTTP://Proxy.Corp/ ": ProxyUrl("http", "proxy.corp", 80),
    "https://proxy": ProxyUrl("https", "proxy", 443),
    "socks4://proxy": ProxyUrl("socks4", "proxy", 1080),
    "socks4a://proxy": ProxyUrl("socks4a", "proxy", 1080),
    "socks5://proxy": ProxyUrl("socks5", "proxy", 1080),
    "socks5h://proxy:9050": ProxyUrl("socks5h", "proxy", 9050),
    "socks://proxy": ProxyUrl("socks5h", "proxy", 1080),
    "http://CORP%5Calice:p%40ss@proxy:8080": ProxyUrl("http", "proxy", 8080, "CORP\\alice", "p@ss"),
    "http://user:p@ss@h:1": ProxyUrl("http", "h", 1, "user", "p@ss"),  # the last @ counts
    "alice:a:b@h:1": ProxyUrl("http", "h", 1, "alice", "a:b"),
    "http://alice@h": ProxyUrl("http", "h", 80, "alice"),
    "http://alice:@h": ProxyUrl("http", "h", 80, "alice", ""),
    "http://@h": ProxyUrl("http", "h", 80),
    "http://alice%40CORP.EXAMPLE@h": ProxyUrl("http", "h", 80, "alice@CORP.EXAMPLE"),
    "http://j%C3%B6rg@h": ProxyUrl("http", "h", 80, "jörg"),
    "http://[2001:DB8:0::1]:3128": ProxyUrl("http", "2001:db8::1", 3128),
    "http://a:b@[::1]": ProxyUrl("http", "::1", 80, "a", "b"),
    "http://münchen.example:1": ProxyUrl("http", "xn--mnchen-3ya.example", 1),
}


@pytest.mark.parametrize("text", GOOD)
def test_reading(text: str) -> None:
    assert parse_proxy_url(text) == GOOD[text]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("http://CORP\\user:secret@h:1", "%5C"),
        ("CORP\\user:secret@h:1", "%5C"),
        ("http://CORP\\user", "%5C"),
        ("http://user:secret#x@h:1", "%23"),
        ("http://user:secret?x@h:1", "%3F"),
        ("http://user:secret/x@h:1", "%2F"),
        ("http://user:secret x@h:1", "%20"),
        ("http://user:secret%zz@h:1", "%25"),
        ("http://user:secret%@h:1", "%25"),
        ("http://user:secret%ff@h:1", "%XX"),
    ],
)
def test_unfit_userinfo_says_how_to_write_it(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_proxy_url(text)
    assert hint in caught.value.fix
    assert "secret" not in str(caught.value)
    assert "user:" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "http://:8080",
        "ftp://user:secret@h",
        "http://user:secret%00@h:1",
        "http://user:secret%0A@h:1",
        "http://user:secret@",
        "http://user:secret@h:0",
        "http://user:secret@h:65536",
        "http://user:secret@h:0655359",
        "http://user:secret@h:x",
        "http://user:secret@h:²",
        "http://user:secret@h:-1",
        "http://user:secret@h/path",
        "http://user:secret@h?query",
        "http://user:secret@h/?q",
        "http://user:secret@h#part",
        "http://user:secret@::1",
        "http://user:secret@[::1",
        "http://user:secret@[::1]x",
        "http://user:secret@[nonsense]:1",
        "http://user:secret@a b:1",
        "http://user:secret@-a:1",
        "http://user:secret@h\r\nEvil: x",
        "http://user:secret@" + "h" * 254,
        "http://user:" + "secret" * 1000 + "@h",
        "http://user:secret#@evil@",
    ],
)
def test_what_is_no_proxy_is_refused_without_an_echo(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_proxy_url(text)
    assert caught.value.code == "bad-proxy-url"
    assert caught.value.why
    assert caught.value.fix
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_password_is_shown_only_on_demand() -> None:
    url = parse_proxy_url("http://CORP%5Calice:hunter2@proxy:8080")
    assert str(url) == "http://CORP%5Calice@proxy:8080"
    assert "hunter2" not in repr(url)
    assert url.format() == "http://CORP%5Calice:hunter2@proxy:8080"


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@given(
    st.sampled_from(get_args(ProxyScheme)),
    st.sampled_from(["proxy", "a.b", "192.0.2.1", "::1"]),
    st.integers(1, 65535),
    st.tuples(_TEXT.filter(bool), st.none() | _TEXT) | st.tuples(st.none(), st.none()),
)
def test_formatting_is_undone_by_reading(
    scheme: ProxyScheme, host: str, port: int, login: tuple[str | None, str | None]
) -> None:
    url = ProxyUrl(scheme, host, port, *login)
    assert parse_proxy_url(url.format()) == url


@given(st.text(max_size=80) | st.text(alphabet="htps:/@[]%\\#?.15aü", max_size=40))
def test_arbitrary_text_gives_a_url_or_the_one_error(text: str) -> None:
    try:
        url = parse_proxy_url(text)
    except UsageError as error:
        assert error.code == "bad-proxy-url"
    else:
        assert parse_proxy_url(url.format()) == url
