"""RFC 1928 and 1929 from the client's side, however the replies are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.transcripts import cuttings

from pipway.errors import BadUpstream, NoWayOut, Unavailable, UsageError
from pipway.wire.auth.base import Rejected
from pipway.wire.socks5 import Handshake, connect

OPEN, LOGIN, CLOSED = b"\x05\x00", b"\x05\x02", b"\x05\xff"
BOUND = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"
EARLY = b"early \x05\x00 bytes"
USER = ("alice", "hunter2")


def talk(handshake: Handshake, replies: list[list[bytes]]) -> tuple[list[bytes], bytes]:
    """Drive a handshake: each message that it sends is answered by the next reply, piece by piece."""
    sent = [next(handshake)]
    for reply in replies:
        for number, piece in enumerate(reply):
            try:
                out = handshake.send(piece)
            except StopIteration as done:
                return sent, bytes(done.value) + b"".join(reply[number + 1 :])
            if out:
                sent.append(out)
    raise AssertionError("the handshake wants more")


REQUEST = b"\x05\x01\x00\x03\x0dindex.example\x01\xbb"
PASSWORD = b"\x01\x05alice\x07hunter2"


@pytest.mark.parametrize(
    "bound",
    [
        BOUND,
        b"\x05\x00\x00\x04" + bytes(16) + b"\x04\x38",
        b"\x05\x00\x00\x03\x07a.proxy\x04\x38",
        b"\x05\x00\x00\x03\x00\x04\x38",
    ],
    ids=["IPv4", "IPv6", "name", "empty name"],
)
@pytest.mark.parametrize("early", [b"", EARLY])
def test_every_cut_gives_the_same_and_keeps_early_bytes(bound: bytes, early: bytes) -> None:
    replies = [LOGIN, b"\x01\x00", bound + early]
    for number, reply in enumerate(replies):
        for pieces in cuttings(reply):
            cut = [[each] for each in replies]
            cut[number] = pieces
            sent, left = talk(connect("index.example", 443, login=USER), cut)
            assert sent == [b"\x05\x02\x00\x02", PASSWORD, REQUEST]
            assert left == early


def test_without_a_login_none_is_offered() -> None:
    assert talk(connect("index.example", 443), [[OPEN], [BOUND]]) == ([b"\x05\x01\x00", REQUEST], b"")


def test_a_proxy_that_wants_no_login_gets_none() -> None:
    sent, _ = talk(connect("index.example", 443, login=USER), [[OPEN], [BOUND]])
    assert sent == [b"\x05\x02\x00\x02", REQUEST]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        ("a" * 255, b"\x03\xff" + b"a" * 255),
    ],
)
def test_addresses(host: str, address: bytes) -> None:
    sent, _ = talk(connect(host, 80), [[OPEN], [BOUND]])
    assert sent[1] == b"\x05\x01\x00" + address + b"\x00\x50"


def test_a_refused_password_can_be_told_apart() -> None:
    for pieces in cuttings(b"\x01\x01"):
        with pytest.raises(Rejected) as caught:
            talk(connect("index.example", 443, login=USER), [[LOGIN], pieces])
        assert "hunter2" not in str(caught.value)


def test_a_refused_password_in_the_version_of_careless_servers() -> None:
    with pytest.raises(Rejected):
        talk(connect("index.example", 443, login=USER), [[LOGIN], [b"\x05\xff"]])


@pytest.mark.parametrize(("method", "login"), [(LOGIN, None), (CLOSED, None), (CLOSED, USER), (b"\x05\x01", USER)])
def test_a_login_that_cannot_be_given(method: bytes, login: tuple[str, str] | None) -> None:
    with pytest.raises(NoWayOut) as caught:
        talk(connect("index.example", 443, login=login), [[method]])
    assert caught.value.code == "login-required"


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (1, "failed"),
        (2, "forbid"),
        (3, "network"),
        (4, "host"),
        (5, "listens"),
        (6, "long"),
        (7, "command"),
        (8, "address"),
        (99, "99"),
    ],
)
def test_replies_are_said_in_words(reply: int, word: str) -> None:
    for rest in (b"\x00\x01\x00\x00\x00\x00\x00\x00", b"\x00\x00", b""):  # some send less with a refusal
        for pieces in cuttings(bytes([5, reply]) + rest):
            with pytest.raises(Unavailable) as caught:
                talk(connect("index.example", 443), [[OPEN], pieces])
            assert "index.example:443" in caught.value.what
            assert word in caught.value.why


@pytest.mark.parametrize(
    "replies",
    [
        [b"HTTP/1.1 400 Bad\r\n"],
        [b"\x04\x5b"],
        [OPEN, b"\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00"],
        [OPEN, b"\x05\x00\x00\x02\x00"],
    ],
)
def test_what_is_not_socks_is_said(replies: list[bytes]) -> None:
    with pytest.raises(BadUpstream):
        talk(connect("index.example", 443), [[reply] for reply in replies])


@pytest.mark.parametrize("host", ["", "a" * 256, "münchen.example", "a\0b"])
def test_hosts_that_socks_cannot_carry(host: str) -> None:
    with pytest.raises(UsageError):
        next(connect(host, 443))


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_ports_that_are_none(port: int) -> None:
    with pytest.raises(UsageError):
        next(connect("index.example", port))


@pytest.mark.parametrize(
    "login", [("", "secret"), ("a", ""), ("a", "secret" * 50), ("ä" * 128, "secret"), ("a", "secret\udcff")]
)
def test_logins_that_socks_cannot_carry_are_not_begun(login: tuple[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        next(connect("index.example", 443, login=login))
    assert "secret" not in str(caught.value)


def test_lengths_are_of_bytes() -> None:
    sent, _ = talk(connect("index.example", 443, login=("ä" * 127, "ö")), [[LOGIN], [b"\x01\x00"], [BOUND]])
    assert sent[1] == b"\x01\xfe" + "ä".encode() * 127 + b"\x02" + "ö".encode()


@given(st.lists(st.binary(min_size=1, max_size=12), max_size=8), st.sampled_from([b"", OPEN, LOGIN]))
def test_garbage_raises_nothing_else(pieces: list[bytes], before: bytes) -> None:
    handshake = connect("index.example", 443, login=USER)
    next(handshake)
    try:
        for piece in [before, *pieces]:
            handshake.send(piece)
    except (BadUpstream, Unavailable, Rejected, StopIteration):
        pass
