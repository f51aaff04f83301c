"""RFC 3986, RFC 9110 §4.2: what an address means, and that its secrets leave it."""

from __future__ import annotations

import base64

import pytest

from pipway.dial.base import Target
from pipway.dial.url import Url
from pipway.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port", "authority", "target"),
    [
        ("http://files.example", "files.example", 80, "files.example", "/"),
        ("https://files.example:443/a", "files.example", 443, "files.example", "/a"),
        ("http://files.example:443/a", "files.example", 443, "files.example:443", "/a"),
        ("HTTPS://Files.Example/A?b=C#d", "files.example", 443, "files.example", "/A?b=C"),
        ("http://[::1]:8080/", "::1", 8080, "[::1]:8080", "/"),
        ("http://[2001:DB8:0::1]/", "2001:db8::1", 80, "[2001:db8::1]", "/"),
        ("http://127.0.0.1:8080?x", "127.0.0.1", 8080, "127.0.0.1:8080", "/?x"),
        ("http://bücher.example/ü?ü", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/%C3%BC?%C3%BC"),
        ("http://BÜCHER.example/", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/"),
        ("http://h/a%2Fb%20c", "h", 80, "h", "/a%2Fb%20c"),
        ("http://h/a;b=c/../d", "h", 80, "h", "/a;b=c/../d"),
        ("http://under_score.example./", "under_score.example.", 80, "under_score.example.", "/"),
    ],
)
def test_parts(text: str, host: str, port: int, authority: str, target: str) -> None:
    url = Url.parse(text)
    assert url.origin.target == Target(host, port)
    assert url.origin.authority == authority
    assert url.target == target
    assert url.authorization is None


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [
        ("u:p", "u:p"),
        ("token", "token:"),
        ("CORP%5Calice:p%40ss%3A", "CORP\\alice:p@ss:"),
        ("a@b:c", "a@b:c"),
        (":p", ":p"),
        ("ü:é", "ü:é"),
    ],
)
def test_userinfo_becomes_a_header_and_leaves_the_address(userinfo: str, pair: str) -> None:
    """RFC 7617 §2: percent-decoded, split at the last @, UTF-8; shown nowhere."""
    url = Url.parse(f"https://{userinfo}@files.example/x?sig=1")
    assert url.authorization == "Basic " + base64.b64encode(pair.encode()).decode()
    assert str(url) == "https://files.example/x?sig=1"
    assert url.printable == "https://files.example/x"
    assert url.authorization not in repr(url)


@pytest.mark.parametrize(
    "text",
    [
        "files.example/x",
        "ftp://files.example/",
        "file:///x",
        "http:///x",
        "http://",
        "http://h:99999/",
        "http://h:0/",
        "http://h:x/",
        "http://[::1/",
        "http://a b/",
        "http://h/a b",
        "http://h/\r\nX: y",
        "http://h\\evil/",
        "http://-h/",
        "http://h%41/",
        "http://[fe80::1%25eth0]:x/",
        "http://" + "a" * 300 + "/",
        "http://h/" + "a" * 9000,
        "http://\u2025.example\u2100/",
    ],
)
def test_what_cannot_be_used_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Url.parse(text.replace("://", "://user:s3cret@", 1))
    assert caught.value.code == "bad-url"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/b", "https://h/b"),
        ("b", "https://h/d/b"),
        ("../b?c", "https://h/b?c"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example", "http://other.example/"),
        ("?q", "https://h/d/e?q"),
        ("/b#frag", "https://h/b"),
        ("http://x:y@other.example/", "http://other.example/"),
        ("/ü", "https://h/%C3%BC"),
    ],
)
def test_join(location: str, expected: str) -> None:
    """RFC 3986 §5; userinfo in a Location is not believed."""
    there = Url.parse("https://u:p@h/d/e?f").join(location)
    assert str(there) == expected
    assert there.authorization is None
