"""File URLs swap a prefix and nothing else, and what clients would rewrite has no link."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.web.links import link, relative, unlink

PLAIN = "https://files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"


def back(path: str | None) -> str | None:
    assert path is not None
    head, _, query = path.partition("?")
    return unlink(head, query)


@pytest.mark.parametrize(
    "url",
    [
        PLAIN,
        "http://127.0.0.1:8080/x.whl",
        "https://[2001:db8::1]:8443/x.whl",
        "https://files.example/a/torch-2.0%2Bcu118-py3-none-any.whl",
        "https://files.example/a/torch-2.0+cu118.whl?sig=a%2fb&x=1?2",
        "https://files.example//double//slash.whl",
        "https://files.example/a%2Fb/%5c%00/x.whl",
        "https://files.example/.../..x/x.whl",
        "https://files.example/@v;p=1/x.whl",
    ],
)
def test_the_swap_is_reversible_byte_for_byte(url: str) -> None:
    assert back(link(url)) == url


def test_the_layout_is_a_prefix_swap() -> None:
    """uv PR 20790 maps lock files by cutting a prefix, which only works when nothing else changes."""
    assert link(PLAIN) == "/files/https/files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://files.example/x.whl",
        "file:///etc/passwd",
        "//files.example/x.whl",
        "x.whl",
        "",
        "https://user:secret@files.example/x.whl",
        "https://user@files.example/x.whl",
        "https:///x.whl",
        "https://files.example",
        "https://files.example:port/x.whl",
        "https://files.example/a/../x.whl",
        "https://files.example/a/./x.whl",
        "https://files.example/a/%2e%2E/x.whl",
        "https://files.example/a/.%2e",
        "https://../x.whl",
        "https://files.example/a\\b.whl",
        "https://files.example/a b.whl",
        "https://files.example/é.whl",
        "https://files.example/x.whl#sha256=00",
        "https://files.example/x.whl?",
        "https://files.example/%zz.whl",
        "https://files.example/a\r\nX: y",
        "https://files.example/x.whl\n",
        "https://files.example/" + "a" * 8192,
    ],
)
def test_what_clients_would_rewrite_or_must_not_see_has_no_link(url: str) -> None:
    assert link(url) is None
    assert relative(url) is None


@pytest.mark.parametrize("page", ["http://pipway.example/simple/demo/", "https://corp.example/proxy/py/simple/Demo/"])
def test_the_relative_form_resolves_below_any_path_prefix(page: str) -> None:
    target = relative(PLAIN)
    assert target is not None
    root = page[: page.index("/simple/")]
    assert urljoin(page, target) == root + str(link(PLAIN))


@pytest.mark.parametrize(
    "path",
    [
        "/files/",
        "/files/https/files.example",
        "/files/gopher/files.example/x.whl",
        "/files/https/a:b@files.example/x.whl",
        "/files/https//x.whl",
        "/files/https/files.example/../../etc/passwd",
        "/files/https/files.example/%2E%2E/x.whl",
        "/files/https/files.example/a\\x.whl",
        "/files/https/%2e%2e/x.whl",
        "/other/https/files.example/x.whl",
        "/files/https/files.example/" + "a" * 9000,
    ],
)
def test_hostile_paths_name_no_url(path: str) -> None:
    assert unlink(path, "") is None


@pytest.mark.parametrize("host", ["[::1]:80", "%5B::1%5D:80", "%5b::1%5d:80", "%5B%3A%3A1%5D%3A80"])
def test_an_authority_survives_clients_that_encode_brackets_and_colons(host: str) -> None:
    """pip quotes every reserved character of a path but "/" and "@"; uv sends it as it stands."""
    assert unlink(f"/files/http/{host}/x.whl", "") == "http://[::1]:80/x.whl"


@pytest.mark.parametrize("host", ["a%2Fb", "a%40b", "a%25b", "a%0Db", "%FF", "a%5Cb", "%3A80"])
def test_an_encoded_authority_is_checked_after_decoding(host: str) -> None:
    assert unlink(f"/files/http/{host}/x.whl", "") is None


_HOSTILE = st.text(alphabet=st.sampled_from(list("ab./\\%25eE2fF:@[]?#&= \r\n\té~'+")), max_size=40)


@given(st.sampled_from(["http", "https", "HTTP", "ftp", ""]), _HOSTILE, _HOSTILE)
def test_whatever_has_a_link_comes_back_unchanged(scheme: str, authority: str, rest: str) -> None:
    url = f"{scheme}://{authority}/{rest}"
    path = link(url)
    assert path is None or back(path) == url


@given(_HOSTILE)
def test_whatever_is_accepted_from_a_client_links_back_to_the_same_place(rest: str) -> None:
    path, _, query = f"/files/https/{rest}".partition("?")
    url = unlink(path, query)
    if url is not None:
        assert "@" not in url.split("/")[2]
        assert "/../" not in url
        assert back(link(url)) == url
