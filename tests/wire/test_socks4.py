"""SOCKS 4 and 4a from the client's side, however the reply is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.transcripts import cuttings

from pipway.errors import BadUpstream, Unavailable, UsageError
from pipway.wire.socks4 import connect
from pipway.wire.socks5 import Handshake

GRANTED = b"\x00\x5a\x04\x38\x7f\x00\x00\x01"
EARLY = b"early \x00\x5b bytes"


def talk(handshake: Handshake, pieces: list[bytes]) -> bytes:
    """Give what is left over and what was never fed."""
    for number, piece in enumerate(pieces):
        try:
            assert handshake.send(piece) == b""
        except StopIteration as done:
            return bytes(done.value) + b"".join(pieces[number + 1 :])
    raise AssertionError("the handshake wants more")


@pytest.mark.parametrize(
    ("host", "user", "request_bytes"),
    [
        ("192.0.2.1", "", b"\x04\x01\x01\xbb\xc0\x00\x02\x01\x00"),
        ("192.0.2.1", "alice", b"\x04\x01\x01\xbb\xc0\x00\x02\x01alice\x00"),
        ("index.example", "alice", b"\x04\x01\x01\xbb\x00\x00\x00\x01alice\x00index.example\x00"),
    ],
)
@pytest.mark.parametrize("early", [b"", EARLY])
def test_every_cut_gives_the_same_and_keeps_early_bytes(
    host: str, user: str, request_bytes: bytes, early: bytes
) -> None:
    for pieces in cuttings(GRANTED + early):
        handshake = connect(host, 443, user=user)
        assert next(handshake) == request_bytes
        assert talk(handshake, pieces) == early


@pytest.mark.parametrize(("reply", "word"), [(0x5B, "refuses"), (0x5C, "identd"), (0x5D, "identd"), (0x77, "119")])
def test_replies_are_said_in_words(reply: int, word: str) -> None:
    for pieces in cuttings(bytes([0, reply]) + bytes(6)):
        handshake = connect("index.example", 443)
        next(handshake)
        with pytest.raises(Unavailable) as caught:
            talk(handshake, pieces)
        assert "index.example:443" in caught.value.what
        assert word in caught.value.why


def test_what_is_not_socks_is_said() -> None:
    handshake = connect("index.example", 443)
    next(handshake)
    with pytest.raises(BadUpstream):
        talk(handshake, [b"HTTP/1.1 400 Bad\r\n"])


def test_ipv6_is_refused_clearly() -> None:
    with pytest.raises(Unavailable) as caught:
        next(connect("2001:db8::1", 443))
    assert "IPv6" in caught.value.why
    assert "socks5h" in caught.value.fix


def test_names_are_refused_where_only_4_is_spoken() -> None:
    with pytest.raises(UsageError, match="addresses"):
        next(connect("index.example", 443, names=False))
    assert next(connect("192.0.2.1", 443, names=False))


@pytest.mark.parametrize("host", ["", "a" * 256, "münchen.example", "a\0b"])
def test_hosts_that_socks_cannot_carry(host: str) -> None:
    with pytest.raises(UsageError):
        next(connect(host, 443))


@pytest.mark.parametrize(("port", "user"), [(0, ""), (65536, ""), (443, "a" * 256), (443, "a\0b"), (443, "\ud800")])
def test_ports_and_users_that_socks_cannot_carry(port: int, user: str) -> None:
    with pytest.raises(UsageError):
        next(connect("index.example", port, user=user))


@given(st.lists(st.binary(min_size=1, max_size=12), max_size=8))
def test_garbage_raises_nothing_else(pieces: list[bytes]) -> None:
    handshake = connect("index.example", 443)
    next(handshake)
    try:
        for piece in pieces:
            handshake.send(piece)
    except (BadUpstream, Unavailable, StopIteration):
        pass
