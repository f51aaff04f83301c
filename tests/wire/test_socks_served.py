"""SOCKS 4, 4a and 5 from the server's side: however the bytes are cut, whatever is in them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.wire.transcripts import cuttings

from pipway.errors import BadUpstream, LoginNeeded, NoWayOut, PipwayError, Refused, Unavailable
from pipway.wire import socks4, socks5
from pipway.wire.socks5 import Asked, Declined, Serving

Login = tuple[str, str] | None

HELLO, HELLO_LOGIN, HELLO_BOTH = b"\x05\x01\x00", b"\x05\x01\x02", b"\x05\x03\x00\x01\x02"
LOGIN = b"\x01\x05alice\x07hunter2"
NAME = b"\x05\x01\x00\x03\x0dindex.example\x01\xbb"
NAME_4A = b"\x04\x01\x01\xbb\x00\x00\x00\x07alice\x00index.example\x00"
ADDRESS_4 = b"\x04\x01\x01\xbb\xc0\x00\x02\x01alice\x00"
EARLY = b"\x16\x03\x01 early \x05\x00 bytes"


def everybody(login: Login) -> None:
    """No login is needed."""


def members(login: Login) -> None:
    """alice alone."""
    if login != ("alice", "hunter2"):
        raise LoginNeeded("login-needed", "this proxy wants a login")


def nobody(login: Login) -> None:
    """Whatever the login."""
    raise Refused("address-not-listed", "this proxy is not for you")


def talk(serving: Serving, pieces: list[bytes]) -> tuple[bytes, Asked | Declined]:
    """Drive a server: everything that it says, and what comes of it. Pieces after the end are early bytes."""
    said = next(serving)
    for number, piece in enumerate(pieces):
        try:
            while out := serving.send(piece):
                said += out
                piece = b""
        except StopIteration as done:
            asked: Asked = done.value
            early = asked.early + b"".join(pieces[number + 1 :])
            return said, Asked(asked.host, asked.port, asked.user, asked.password, early)
        except Declined as declined:
            return said + declined.reply, declined
    raise AssertionError("the server wants more")


@pytest.mark.parametrize("early", [b"", EARLY])
@pytest.mark.parametrize(
    ("serve", "admit", "sent", "said", "asked"),
    [
        (socks5.serve, everybody, HELLO + NAME, b"\x05\x00", Asked("index.example", 443)),
        (socks5.serve, everybody, HELLO_BOTH + NAME, b"\x05\x00", Asked("index.example", 443)),
        (
            socks5.serve,
            members,
            HELLO_BOTH + LOGIN + NAME,
            b"\x05\x02\x01\x00",
            Asked("index.example", 443, "alice", "hunter2"),
        ),
        (
            socks5.serve,
            everybody,
            HELLO_LOGIN + LOGIN + NAME,
            b"\x05\x02\x01\x00",
            Asked("index.example", 443, "alice", "hunter2"),
        ),
        (socks4.serve, everybody, NAME_4A, b"", Asked("index.example", 443, "alice")),
        (socks4.serve, everybody, ADDRESS_4, b"", Asked("192.0.2.1", 443, "alice")),
    ],
    ids=["open", "open, login offered", "login", "only login offered", "4a", "4"],
)
def test_every_cut_gives_the_same_and_keeps_early_bytes(
    serve: Callable[..., Serving], admit: socks5.Admit, sent: bytes, said: bytes, asked: Asked, early: bytes
) -> None:
    """RFC 1928 §3, §4 and RFC 1929 §2 say nothing of segments: all of it may come at once, or byte by byte."""
    for pieces in cuttings(sent + early):
        expected = Asked(asked.host, asked.port, asked.user, asked.password, early)
        assert talk(serve(admit), pieces) == (said, expected)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (b"\x01\xc0\x00\x02\x01", "192.0.2.1"),
        (b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01", "2001:db8::1"),
        (b"\x03\x0dINDEX.example", "index.example"),
        (b"\x03\x0dIndex.Example", "index.example"),
        (b"\x03\x09192.0.2.1", "192.0.2.1"),
        (b"\x03\x0b2001:DB8::1", "2001:db8::1"),
        (b"\x03\x10m\xc3\xbcnchen.example", "xn--mnchen-3ya.example"),
        (b"\x03\x0bindex_1.com", "index_1.com"),
    ],
)
def test_addresses(address: bytes, host: str) -> None:
    """RFC 1928 §5; a name is written as all of pipway writes it, so that rules see one spelling."""
    _, asked = talk(socks5.serve(everybody), [HELLO, b"\x05\x01\x00" + address + b"\x00\x50"])
    assert asked == Asked(host, 80)


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"a b",
        b"a\x00b",
        b"a\r\nb",
        b"-a",
        b"\xff\xfe",
        b"[::1]",
        b"fe80::1%eth0",
        b"::1%\r\nX",
        b"a" * 255,
        b"a/b",
        b"a:80",
    ],
)
def test_what_is_no_host_is_declined(name: bytes) -> None:
    said, declined = talk(socks5.serve(everybody), [HELLO + b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\0P"])
    assert said == b"\x05\x00\x05\x01\x00\x01" + bytes(6)
    assert isinstance(declined, Declined)
    assert declined.error.code == "bad-host"
    if name and b"\0" not in name:
        said, _ = talk(socks4.serve(everybody), [b"\x04\x01\x00\x50\x00\x00\x00\x01\x00" + name + b"\x00"])
        assert said == b"\x00\x5b" + bytes(6)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"\x05\x02\x00\x01" + bytes(6), 7),  # BIND
        (b"\x05\x03\x00\x01" + bytes(6), 7),  # UDP ASSOCIATE: port 0 is usual
        (b"\x05\x03\x00\x04" + bytes(18), 7),
        (b"\x05\x09\x00\x01" + bytes(6), 7),
        (b"\x05\x01\x00\x02", 8),
        (b"\x05\x01\x00\x00", 8),
        (b"\x05\x03\x00\xff", 8),
        (b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x00", 1),  # port 0
        (b"\x04\x01\x00\x01", 1),
    ],
)
def test_requests_that_nobody_serves(request_: bytes, code: int) -> None:
    """RFC 1928 §6."""
    for pieces in cuttings(HELLO + request_):
        said, declined = talk(socks5.serve(everybody), pieces)
        assert said == b"\x05\x00\x05" + bytes([code]) + b"\x00\x01" + bytes(6)
        assert isinstance(declined, Declined)


@pytest.mark.parametrize("request_", [b"\x04\x02\x00\x50\xc0\x00\x02\x01\x00", b"\x04\x01\x00\x00\xc0\x00\x02\x01\x00"])
def test_version_4_knows_one_no(request_: bytes) -> None:
    assert talk(socks4.serve(everybody), [request_])[0] == b"\x00\x5b" + bytes(6)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (HELLO, b"\x05\xff"),
        (b"\x05\x00", b"\x05\xff"),
        (b"\x05\x02\x00\x01", b"\x05\xff"),
        (HELLO_BOTH + b"\x01\x05alice\x05wrong", b"\x05\x02\x01\x01"),
        (HELLO_BOTH + b"\x01\x00\x00", b"\x05\x02\x01\x01"),
        (HELLO_BOTH + b"\x01\x02\xff\xfe\x01x", b"\x05\x02\x01\x01"),
        (HELLO_BOTH + b"\x01\x05al:ce\x07hunter2", b"\x05\x02\x01\x01"),
        (HELLO_BOTH + b"\x05\x05alice\x07hunter2", b"\x05\x02\x01\x01"),
    ],
    ids=["none", "no method", "GSSAPI", "wrong", "empty", "no UTF-8", "colon", "version"],
)
def test_without_the_right_login_nothing_is_read_further(sent: bytes, said: bytes) -> None:
    """RFC 1928 §3: X'FF', and RFC 1929 §2: a status other than 0, and the server closes."""
    for pieces in cuttings(sent):
        heard, declined = talk(socks5.serve(members), [*pieces, NAME])
        assert heard == said
        assert isinstance(declined, Declined)
        assert "hunter2" not in str(declined)


def test_version_4_is_no_way_around_a_login() -> None:
    said, declined = talk(socks4.serve(members), [NAME_4A])
    assert said == b"\x00\x5b" + bytes(6)
    assert isinstance(declined, Declined)
    assert (declined.error.code, declined.target) == ("login-needed", "index.example:443")


@pytest.mark.parametrize("hello", [HELLO, HELLO_LOGIN + LOGIN])
def test_who_may_not_come_in_at_all_learns_it_as_the_answer(hello: bytes) -> None:
    """Not as a login problem: RFC 1928 §6, X'02'."""
    said, declined = talk(socks5.serve(nobody), [hello, NAME])
    assert said.endswith(b"\x05\x02\x00\x01" + bytes(6))
    assert isinstance(declined, Declined)
    assert declined.error.code == "address-not-listed"


def test_lengths_are_bounded() -> None:
    for sent in (ADDRESS_4[:8] + b"u" * 256, NAME_4A[:8] + b"\x00" + b"n" * 256):
        said, _ = talk(socks4.serve(everybody), [sent])
        assert said == b"\x00\x5b" + bytes(6)
    _, asked = talk(socks4.serve(everybody), [ADDRESS_4[:8] + b"u" * 255 + b"\0"])
    assert isinstance(asked, Asked)
    longest = b"\x01\xff" + "ä".encode() * 127 + b"x\xff" + b"p" * 255
    seen: list[Login] = []
    talk(socks5.serve(seen.append), [HELLO_LOGIN + longest + NAME])
    assert seen == [None, ("ä" * 127 + "x", "p" * 255)]


def test_a_login_is_in_no_repr() -> None:
    asked = Asked("index.example", 443, "alice", "hunter2", b"hunter2")
    assert repr(asked) == "Asked(host='index.example', port=443)"
    assert str(Asked("::1", 1)) == "[::1]:1"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (Refused("address-forbidden", "x"), 2),
        (NoWayOut("parent-forbids", "x"), 2),
        (Unavailable("network-unreachable", "x"), 3),
        (Unavailable("host-unreachable", "x"), 4),
        (Unavailable("name-not-found", "x"), 4),
        (Unavailable("name-server-unreachable", "x"), 4),
        (Unavailable("connection-refused", "x"), 5),
        (Unavailable("connect-timeout", "x"), 6),
        (Unavailable("parent-timeout", "x"), 6),
        (Unavailable("parent-unsupported", "x"), 8),
        (NoWayOut("credential-rejected", "x"), 1),
        (BadUpstream("not-socks5", "x"), 1),
    ],
)
def test_replies_say_what_went_wrong(error: PipwayError | None, code: int) -> None:
    """RFC 1928 §6. Version 4 knows granted and rejected."""
    assert socks5.reply(error) == b"\x05" + bytes([code]) + b"\x00\x01" + bytes(6)
    assert socks4.reply(error) == (b"\x00\x5b" if error else b"\x00\x5a") + bytes(6)


def test_our_own_client_understands_every_reply() -> None:
    for code in range(1, 9):
        handshake = socks5.connect("index.example", 443)
        next(handshake)
        handshake.send(b"\x05\x00")
        with pytest.raises(Unavailable) as caught:
            handshake.send(bytes([5, code]) + socks5.reply(None)[2:])
        if code not in (1, 7):
            assert socks5.reply(caught.value)[1] == code


@pytest.mark.parametrize("admit", [everybody, members, nobody])
@pytest.mark.parametrize(("serve", "version"), [(socks4.serve, 4), (socks5.serve, 5)])
def test_garbage_never_breaks_it(serve: Callable[..., Serving], version: int, admit: socks5.Admit) -> None:
    """Ten thousand inputs each: an end of its own, or the wish for more, and never more than a few hundred bytes."""
    chance = random.Random(4)
    words = [HELLO, HELLO_BOTH, LOGIN, NAME, NAME_4A, ADDRESS_4, b"\x00", b"\xff", b"\x01", b"\x05"]
    ends = set()
    for _ in range(10_000):
        serving = serve(admit)
        next(serving)
        pieces = [chance.choice([chance.choice(words), chance.randbytes(chance.randrange(1, 40))]) for _ in range(9)]
        said = b""
        try:
            for piece in [bytes([version]), *pieces]:
                while out := serving.send(piece):
                    said += out
                    piece = b""
        except StopIteration:
            ends.add("asked")
        except Declined as declined:
            ends.add("declined")
            said += declined.reply
        assert len(said) <= 14
    assert "declined" in ends
    if admit is not members:
        assert ("asked" in ends) is (admit is everybody)
