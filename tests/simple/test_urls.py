"""File URLs: resolving, tidying, refusing."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipway.simple.urls import Base, fragment_hashes, is_plain, last_segment

PAGE = "https://me:secret@index.example/simple/frob/"


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://files.example/a-1.zip", "https://files.example/a-1.zip"),
        ("http://files.example:8080/a%20b.zip?x=1&y=2", "http://files.example:8080/a%20b.zip?x=1&y=2"),
        ("a-1.zip", "https://index.example/simple/frob/a-1.zip"),
        ("../../packages/a-1.zip", "https://index.example/packages/a-1.zip"),
        ("../../../../../a-1.zip", "https://index.example/a-1.zip"),
        ("/a-1.zip", "https://index.example/a-1.zip"),
        ("//files.example/a-1.zip", "https://files.example/a-1.zip"),
        ("HTTPS://Files.Example/a-1.zip", "https://files.example/a-1.zip"),
        (" https://files.example/\ta b\n.zip ", "https://files.example/a%20b.zip"),
        ("https://files.example/a/../b.zip", "https://files.example/b.zip"),
        ("https://files.example/ü.zip", "https://files.example/%C3%BC.zip"),
        ("https://u:p@files.example/a.zip", "https://files.example/a.zip"),
        ("http://[2001:db8::1]:81/a.zip", "http://[2001:db8::1]:81/a.zip"),
    ],
)
def test_resolved(href: str, url: str) -> None:
    assert Base(PAGE).resolve(href) == (url, "")


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://files.example/a.zip",
        "data:,x",
        "http://",
        "http:///a",
        "",
        "http://[::1/a",
        "http://a:99999/b",
        "http://a b/c",
        "https://files.example/" + "a" * 9000,
        "http://ü.example/a",
    ],
)
def test_refused(href: str) -> None:
    assert Base(PAGE).resolve(href) is None


def test_userinfo_of_the_page_stays_behind() -> None:
    """Secrets: the upstream's password must not come out in links."""
    resolved = Base(PAGE).resolve("a.zip")
    assert resolved is not None
    assert "secret" not in resolved[0]


def test_fragment_is_cut_off() -> None:
    assert Base(PAGE).resolve("/a.zip#sha256=00&egg=a") == ("https://index.example/a.zip", "sha256=00&egg=a")


@pytest.mark.parametrize(
    ("fragment", "hashes"),
    [
        ("sha256=" + "0" * 64, {"sha256": "0" * 64}),
        ("egg=frob&md5=00ff", {"md5": "00ff"}),
        ("egg=frob", {}),
        ("sha256=xyz", {}),
        ("&" * 99999, {}),
    ],
)
def test_hashes_of_a_fragment(fragment: str, hashes: dict[str, str]) -> None:
    assert fragment_hashes(fragment) == hashes


def test_last_segment_is_decoded() -> None:
    assert last_segment("https://files.example/x/a%2B1.zip?b=/c") == "a+1.zip"


@given(st.text(max_size=200), st.sampled_from([PAGE, "http://index.example", "nonsense"]))
def test_any_text_gives_a_clean_url_or_none(href: str, base: str) -> None:
    resolved = Base(base).resolve(href)
    if resolved is not None:
        url = resolved[0]
        assert url.startswith(("http://", "https://"))
        assert url.isascii()
        assert url.isprintable()
        assert not set(url) & set(' #"<>\\')
        assert "@" not in url.split("/")[2]
        again = Base(base).resolve(url)
        assert again == (url, "")
        assert is_plain(url) or "[" in url.split("/")[2] or "/." in url or "_" in url.split("/")[2]


@given(
    st.lists(st.sampled_from(["..", "a", "b.c", "d+1", "", ".", "x=y", "e%2Fg"]), min_size=1, max_size=6).map("/".join),
    st.sampled_from(
        [PAGE, "https://index.example", "https://index.example/a/b/c/d?e=/f", "https://index.example/a/../b/"]
    ),
)
def test_relative_references_are_those_of_the_grammar(href: str, base: str) -> None:
    """RFC 3986 §5.2: the short way for ordinary paths comes to the same as the library's."""
    assume(not href.startswith("//"))  # a host named "..": what is made of that is tested above
    resolved = Base(base).resolve(href)
    if resolved is not None:
        assert resolved[0] == urljoin(base.replace("me:secret@", "").replace("/a/../b", "/b"), href).replace(
            "example?", "example/?"
        )
