"""What goes on and what stays (RFC 9110 §7.6), and where a request wants to go (RFC 9112 §3.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import ProtocolError
from pipway.wire.forwarding import (
    Destination,
    Fields,
    looped,
    max_forwards,
    one_less,
    onward,
    parse_absolute,
    parse_authority,
    titled,
    upgrade,
    via,
)

OURS = b"pipway-0123456789abcdef"
ENTRY = via("1.1", OURS)


def names(fields: Fields) -> list[bytes]:
    return [name for name, _ in fields]


# -- fields ------------------------------------------------------------------------------------------------------------

GONE = [
    *("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
    *("transfer-encoding", "upgrade", "host", "content-length", "http2-settings", "proxy-authentication-info"),
]


@pytest.mark.parametrize("name", GONE)
def test_what_is_meant_for_us_stays_here(name: str) -> None:
    """RFC 9110 §7.6.1."""
    fields = ((b"accept", b"*/*"), (name.encode(), b"x"), (b"cookie", b"a=b"))
    assert onward(fields, ENTRY) == ((b"accept", b"*/*"), (b"cookie", b"a=b"), (b"via", ENTRY))


def test_what_connection_names_stays_here_in_every_spelling() -> None:
    """RFC 9110 §7.6.1: names are compared in any case, and there may be several lines."""
    fields = (
        (b"connection", b"close, X-One ,"),
        (b"x-one", b"1"),
        (b"connection", b"x-TWO"),
        (b"x-two", b"2"),
        (b"x-three", b"3"),
    )
    assert names(onward(fields, ENTRY)) == [b"x-three", b"via"]


def test_connection_cannot_take_via_away() -> None:
    """Else a loop could be hidden."""
    fields = ((b"connection", b"via"), (b"via", b"1.0 fred"))
    assert onward(fields, ENTRY) == ((b"via", b"1.0 fred"), (b"via", ENTRY))


def test_order_and_repetition_are_kept() -> None:
    """RFC 9110 §5.3: a proxy must not change the order of lines with the same name."""
    fields = ((b"set-cookie", b"a=1"), (b"x", b"1"), (b"set-cookie", b"b=2"))
    assert onward(fields, ENTRY)[:3] == fields


def test_proxy_status_is_for_the_client() -> None:
    """RFC 9209 §2."""
    assert names(onward(((b"proxy-status", b"x"),), ENTRY)) == [b"proxy-status", b"via"]


def test_a_change_of_protocol_is_asked_for_anew() -> None:
    """RFC 9110 §7.8: Upgrade is hop-by-hop, so we ask ourselves."""
    fields = ((b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-key", b"k"))
    wanted = upgrade("GET", "1.1", fields)
    assert wanted == b"websocket"
    assert onward(fields, ENTRY, protocols=wanted) == (
        (b"sec-websocket-key", b"k"),
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"via", ENTRY),
    )


@pytest.mark.parametrize(
    ("method", "version", "connection", "protocol"),
    [
        ("GET", "1.1", b"keep-alive", b"websocket"),  # not named by Connection
        ("GET", "1.0", b"upgrade", b"websocket"),  # RFC 9110 §7.8: ignored from HTTP/1.0
        ("POST", "1.1", b"upgrade", b"websocket"),
        ("GET", "1.1", b"upgrade", b"h2c"),  # HTTP/2 in the clear would hide further requests
        ("GET", "1.1", b"upgrade", b"websocket, H2C"),
        ("GET", "1.1", b"upgrade", b""),
        ("GET", "1.1", b"upgrade", b"web socket"),
    ],
)
def test_which_upgrades_are_ignored(method: str, version: str, connection: bytes, protocol: bytes) -> None:
    assert upgrade(method, version, ((b"connection", connection), (b"upgrade", protocol))) is None


@pytest.mark.parametrize(
    "value",
    [ENTRY, b"1.0 fred, " + ENTRY, b"1.1 a (b, c)," + ENTRY + b" (comment)", b"HTTP/1.1 " + OURS, b"1.1\t" + OURS],
)
def test_a_loop_is_seen(value: bytes) -> None:
    """RFC 9110 §7.6.3."""
    assert looped(((b"accept", b"*/*"), (b"via", b"1.1 other"), (b"via", value)), OURS)


def test_others_are_no_loop() -> None:
    fields = ((b"via", b"1.1 pipway-fedcba9876543210"), (b"x-via", ENTRY), (b"via", b"1.1 " + OURS + b"0"))
    assert not looped(fields, OURS)


def test_max_forwards() -> None:
    """RFC 9110 §7.6.2: OPTIONS counts, others need not."""
    fields = ((b"max-forwards", b"7"), (b"a", b"b"))
    assert (max_forwards("OPTIONS", fields), max_forwards("GET", fields), max_forwards("OPTIONS", ())) == (
        7,
        None,
        None,
    )
    assert one_less(fields, 7) == ((b"max-forwards", b"6"), (b"a", b"b"))
    for broken in (b"", b"-1", b"1, 2", b"99999999999"):
        with pytest.raises(ProtocolError):
            max_forwards("OPTIONS", ((b"max-forwards", broken),))
    with pytest.raises(ProtocolError):
        max_forwards("OPTIONS", (*fields, *fields))


def test_names_as_they_are_usually_written() -> None:
    assert (titled(b"content-type"), titled(b"x-a"), titled(b"te")) == (b"Content-Type", b"X-A", b"Te")


# -- targets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url", "authority"),
    [
        (b"http://files.example/a?b=c", "http://files.example/a?b=c", "files.example"),
        (b"HTTP://Files.EXAMPLE:80/", "http://files.example/", "files.example"),
        (b"http://files.example:/x", "http://files.example/x", "files.example"),
        (b"https://files.example:80/", "https://files.example:80/", "files.example:80"),
        (b"https://files.example:443/", "https://files.example/", "files.example"),
        (b"http://files.example", "http://files.example", "files.example"),
        (b"http://files.example?x", "http://files.example/?x", "files.example"),
        (b'http://files.example/%7e|"{}^`\\?a?b', 'http://files.example/%7e|"{}^`\\?a?b', "files.example"),
        (b"http://files.example//a/../b", "http://files.example//a/../b", "files.example"),
        (b"http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/", "[2001:db8::1]:8080"),
        (b"http://[::1]/", "http://[::1]/", "[::1]"),
        (b"http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        (b"http://files.example/a@b:c", "http://files.example/a@b:c", "files.example"),
        (b"http://under_score.example./", "http://under_score.example./", "under_score.example."),
    ],
)
def test_absolute_form(text: bytes, url: str, authority: str) -> None:
    """RFC 9112 §3.2.2; path and query stay byte for byte (RFC 9110 §7.7)."""
    destination = parse_absolute(text)
    assert (destination.url, destination.authority) == (url, authority)


BAD_AUTHORITIES = [
    *(b"user@files.example", b"user:secret@files.example", b"@files.example", b"files.example@", b""),
    *(b":80", b"files.example:0", b"files.example:65536", b"files.example:99999", b"files.example:123456"),
    *(b"files.example:8a", b"files.example:-1", b"files.example:80:80", b"[::1", b"::1", b"[::1]80", b"[::g]:80"),
    *(b"[fe80::1%25eth0]:80", b"[127.0.0.1]:80", b"[v1.x]:80", b"files.example\\@evil.example", b"a%2fb", b"a%00b"),
    *(b"a%ffb", b"a%0d%0ab", b"a%40b", b"a%3a80", b"-a", b"a b", b"a%zz", b"\xc3\xbc", b"x" * 254),
]


@pytest.mark.parametrize("authority", BAD_AUTHORITIES)
def test_bad_hosts_and_ports(authority: bytes) -> None:
    """RFC 9110 §4.2.4 for userinfo. What was asked for is not repeated: it may hold a secret."""
    for read, text in ((parse_absolute, b"http://" + authority + b"/"), (parse_authority, authority)):
        with pytest.raises(ProtocolError) as caught:
            read(text)
        assert caught.value.status == 400
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [b"ftp://files.example/", b"ws://files.example/", b"/path", b"http:/x", b"http:x", b"x"]
)
def test_other_schemes_are_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_absolute(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (b"files.example:443", "files.example", 443),
        (b"FILES.example:08080", "files.example", 8080),
        (b"[2001:DB8::1]:443", "2001:db8::1", 443),
        (b"127.0.0.1:1", "127.0.0.1", 1),
    ],
)
def test_authority_form(text: bytes, host: str, port: int) -> None:
    """RFC 9110 §9.3.6."""
    assert parse_authority(text) == (host, port)


@pytest.mark.parametrize("text", [b"files.example", b"files.example:", b"[::1]", b"http://files.example:443", b"a:1/x"])
def test_connect_wants_a_host_and_a_port(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_authority(text)


def test_a_path_cannot_run_into_the_host() -> None:
    with pytest.raises(ProtocolError):
        Destination("http", "files.example", 80, ".evil.example/")


@pytest.mark.slow
@given(st.binary(max_size=40))
def test_whatever_is_accepted_names_a_clean_host(noise: bytes) -> None:
    """Nothing that ends a line or a host gets into the Host header."""
    try:
        destination = parse_absolute(b"http://" + noise)
    except ProtocolError:
        return
    assert destination.authority.isascii()
    assert not set(destination.authority) & set("\r\n \t/@\\?#")
    assert destination.target[:1] in ("", "/")
