"""What a page may make us fetch (index-protocol §9: SSRF)."""

from __future__ import annotations

import pytest

from pipway.index.addresses import is_internal, may_fetch, metadata_url, shown

PUBLIC = "https://index.example/simple/"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://127.8.9.10:80/x",
        "http://10.0.0.1/x",
        "http://192.168.1.1/x",
        "http://172.16.0.1/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/x",
        "http://0.0.0.0/x",
        "http://[::1]/x",
        "http://[::]/x",
        "http://[fe80::1%25eth0]/x",
        "http://[fd00::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://localhost:8080/x",
        "http://a.localhost./x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://0x7f000001/x",
    ],
)
def test_internal_literals_are_fetched_only_for_an_internal_index(url: str) -> None:
    assert is_internal(url)
    assert not may_fetch(url, PUBLIC)
    assert may_fetch(url, "http://127.0.0.1:8080/simple/")


@pytest.mark.parametrize(
    "url",
    ["https://files.example/a", "http://93.184.216.34/a", "http://[2606:2800:220:1::1]/a", "https://mirror.corp/a"],
)
def test_everything_else_is_fetched(url: str) -> None:
    assert may_fetch(url, PUBLIC)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://files.example/a", "https:///a", "//x/a", "http://[::1/a"])
def test_other_schemes_and_nonsense_are_not(url: str) -> None:
    assert not may_fetch(url, PUBLIC)
    assert not may_fetch(url, "http://127.0.0.1/")


def test_shown_urls_hold_no_secret() -> None:
    assert shown("https://user:secret@files.example:8443/a/b?token=secret#x") == "https://files.example:8443/a/b"


def test_metadata_goes_before_the_query() -> None:
    """PEP 658; index-protocol §1."""
    assert metadata_url("https://files.example/a.whl?sig=1#x") == "https://files.example/a.whl.metadata?sig=1"
