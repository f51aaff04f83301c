"""URLs with logins: what is built reads back the same everywhere, and what people write is understood."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import UsageError
from pipway.wire.login_url import build, read
from pipway.wire.proxy_url import parse_proxy_url

requests_utils: Any = importlib.import_module("pip._vendor.requests.utils")
urllib3_util: Any = importlib.import_module("pip._vendor.urllib3.util")

TEXT = st.text(
    st.one_of(st.sampled_from("\\@:/#?% ä%4025ü+&"), st.characters(exclude_categories=("Cs", "Cc"))), max_size=20
)


@given(user=TEXT.filter(bool), password=st.none() | TEXT)
def test_what_is_built_reads_back_the_same_everywhere(user: str, password: str | None) -> None:
    """The standard library, what pip uses, and our own parsers."""
    url = build("http", "proxy.example", 8080, user=user, password=password)
    text = url.format()
    parts = urlsplit(text)
    assert (parts.hostname, parts.port) == ("proxy.example", 8080)
    assert unquote(parts.username or "") == user
    assert (None if parts.password is None else unquote(parts.password)) == password
    if password is not None:
        assert requests_utils.get_auth_from_url(text) == (user, password)
    seen = urllib3_util.parse_url(text)
    assert unquote(seen.auth) == (user if password is None else f"{user}:{password}")
    ours = parse_proxy_url(text)
    assert (ours.user, ours.password, ours.host, ours.port) == (user, password, "proxy.example", 8080)
    assert read(text).url == url


@given(
    user=st.text(st.sampled_from("ab\\ ä"), min_size=1, max_size=5),
    password=st.text(st.sampled_from("ab@/#? ü:"), max_size=6),
)
def test_what_nobody_encoded_is_read_as_it_was_meant(user: str, password: str) -> None:
    """As long as no % is in it, only the last @ ends a login."""
    found = read(f"http://{user}:{password}@proxy.example:8080").url
    assert (found.user, found.password, found.host, found.port) == (user, password, "proxy.example", 8080)


@pytest.mark.parametrize(
    ("text", "mended", "mistake"),
    [
        (
            "http://CORP\\alice:pw@proxy:8080",
            "http://CORP%5Calice:pw@proxy:8080",
            "'\\' as it is, which is written %5C",
        ),
        ("http://alice:p@ss@proxy:8080", "http://alice:p%40ss@proxy:8080", "%40"),
        ("http://alice:p#ss@proxy:8080", "http://alice:p%23ss@proxy:8080", "%23"),
        ("http://alice:p/ss@proxy:8080", "http://alice:p%2Fss@proxy:8080", "%2F"),
        ("http://alice:p?ss@proxy:8080", "http://alice:p%3Fss@proxy:8080", "%3F"),
        ("http://alice:100%@proxy:8080", "http://alice:100%25@proxy:8080", "a % that begins no code"),
        ("http://alice:p:w@proxy:8080", "http://alice:p%3Aw@proxy:8080", "%3A"),
        ("http://alice:p w@proxy:8080", "http://alice:p%20w@proxy:8080", "%20"),
        ("http://jürgen:pw@proxy:8080", "http://j%C3%BCrgen:pw@proxy:8080", "not ASCII"),
        ("http://j%FCrgen:pw@proxy:8080", "http://j%C3%BCrgen:pw@proxy:8080", "not in UTF-8"),
        ("http://CORP%255Calice:p%2540@proxy:8080", "http://CORP%5Calice:p%40@proxy:8080", "encoded twice"),
        ("http://alice:p%2540@proxy:8080", "http://alice:p%2540@proxy:8080", "may have been encoded twice"),
        ("proxy:8080", "http://proxy:8080", "no scheme"),
        ("alice:pw@proxy:8080", "http://alice:pw@proxy:8080", "no scheme"),
        ("HTTP://Proxy:8080", "http://proxy:8080", "upper case"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080", ""),
        ("http://2001:db8::1", "http://[2001:db8::1]", "without brackets"),
        ("http://alice@[::1]:8080", "http://alice@[::1]:8080", ""),
        ("socks://proxy:1080", "socks5h://proxy:1080", "socks5h"),
        ("socks5://proxy:1080", "socks5://proxy:1080", "looks names up on this machine"),
        ('"http://proxy:8080"', "http://proxy:8080", "quotes"),
        ("http://proxy", "http://proxy", "no port"),
        ("http://proxy:8080/", "http://proxy:8080", ""),
        ("http://proxy:8080/proxy.pac", "http://proxy:8080", "ends there"),
        ("http://alice:pw@proxy:8080", "http://alice:pw@proxy:8080", ""),
    ],
)
def test_mistakes_are_named_and_mended(text: str, mended: str, mistake: str) -> None:
    reading = read(text)
    assert reading.url.format() == mended
    said = "; ".join(map(str, reading.mistakes))
    assert mistake in said if mistake else not said
    if "encoded twice" not in mistake:
        assert not [found for found in read(mended).mistakes if found.harmful]


@pytest.mark.parametrize(
    ("text", "mended", "mistake"),
    [
        ("https://nexus.example/repository/pypi/simple/", "https://nexus.example/repository/pypi/simple/", ""),
        ("https://svc:p@ss@nexus.example/simple/", "https://svc:p%40ss@nexus.example/simple/", "%40"),
        ("https://svc:p/ss@nexus.example/simple/", "https://svc:p%2Fss@nexus.example/simple/", "%2F"),
        ("https://svc:p#ss@nexus.example/simple/", "https://svc:p%23ss@nexus.example/simple/", "%23"),
        ("https://svc:p@ss#w@nexus.example/simple/", "https://svc:p%40ss%23w@nexus.example/simple/", "%23"),
        ("https://nexus.example/@team/simple/", "https://nexus.example/@team/simple/", ""),
        ("https://svc:pw@nexus.example/@team/simple/", "https://svc:pw@nexus.example/@team/simple/", ""),
        ("https://index.example", "https://index.example", "/simple/"),
        ("index.example/simple/", "https://index.example/simple/", "no scheme"),
        ("https://index.example/simple/#main", "https://index.example/simple/", "never sent"),
        ("https://index.example/simple/?token=x", "https://index.example/simple/", "names of projects"),
    ],
)
def test_indexes(text: str, mended: str, mistake: str) -> None:
    reading = read(text, "index")
    assert reading.url.format() == mended
    said = "; ".join(map(str, reading.mistakes))
    assert mistake in said if mistake else not said


@pytest.mark.parametrize(
    "text",
    ["", "   ", "ftp://proxy:1", "http://:8080", "http://proxy:http", "http://proxy:99999", "http://[::z]:1",
     "CORP\\alice", "http://a\x00b", "http://" + "a" * 9000],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(text)
    assert raised.value.code == "bad-url"


@given(st.text(max_size=60))
def test_nothing_else_is_ever_raised(text: str) -> None:
    for kind in ("proxy", "index"):
        with contextlib.suppress(UsageError):
            read(text, kind).url.format()


def test_no_secret_is_said() -> None:
    reading = read("http://alice:hunter2@hunter2#hunter2@proxy:8080")
    assert "hunter2" not in f"{reading} {reading.url!r} {reading.url} {[*map(str, reading.mistakes)]}"
    assert str(reading.url) == "http://alice:[hidden]@proxy:8080"


@pytest.mark.parametrize(
    "arguments",
    [
        {"scheme": "ftp", "host": "proxy"},
        {"scheme": "http", "host": "a b"},
        {"scheme": "http", "host": "proxy", "port": 0},
        {"scheme": "http", "host": "proxy", "path": "/x"},
        {"scheme": "http", "host": "proxy", "user": "a\nb"},
        {"scheme": "http", "host": "proxy", "user": "a", "password": "\ud800"},
        {"scheme": "socks5", "host": "index.example", "kind": "index"},
    ],
)
def test_unfit_parts_are_refused(arguments: Any) -> None:
    with pytest.raises(UsageError):
        build(**arguments)


def test_a_path_is_encoded_once() -> None:
    assert build("https", "index.example", path="a b/%20/ü", kind="index").format() == (
        "https://index.example/a%20b/%20/%C3%BC"
    )
