"""RFC 9110 §9.3.6: CONNECT, however the answer's bytes are cut; what follows a 2xx is the tunnel's."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.transcripts import cuttings

from pipway.errors import BadUpstream, Unavailable, UsageError
from pipway.wire.connect import Answer, ConnectReader, render_connect

REFUSED = b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n"
OLD = REFUSED.replace(b"1.1", b"1.0")
TLS = b"\x16\x03\x03 server speaks first \r\n\r\n"


@dataclass(frozen=True)
class Case:
    """A transcript and what it means."""

    transcript: bytes
    status: int
    reusable: bool = False
    early: bytes = b""


TUNNELS = {
    "plain": Case(b"HTTP/1.1 200 Connection established\r\n\r\n", 200),
    "early bytes": Case(b"HTTP/1.1 200 OK\r\n\r\n" + TLS, 200, early=TLS),
    "any 2xx": Case(b"HTTP/1.1 204 fine\r\n\r\n" + TLS, 204, early=TLS),
    "no reason": Case(b"HTTP/1.1 200 \r\n\r\nx", 200, early=b"x"),
    "length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + TLS, 200, early=b"hello" + TLS),
    "chunked": Case(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + TLS, 200, early=TLS),
    "both": Case(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\nConnection: close\r\n\r\n" + TLS, 200, early=TLS),
    "HTTP/1.0": Case(b"HTTP/1.0 200 OK\r\n\r\n" + TLS, 200, early=TLS),
    "interim": Case(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + TLS, 200, early=TLS),
}

REFUSALS = {
    "length": Case(REFUSED + b"Content-Length: 5\r\n\r\nhello", 407, reusable=True),
    "no body": Case(REFUSED + b"Content-Length: 0\r\n\r\n", 407, reusable=True),
    "chunked": Case(
        REFUSED + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n", 407, reusable=True
    ),
    "close": Case(REFUSED + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", 407),
    "old close": Case(REFUSED + b"Proxy-Connection: Close\r\nContent-Length: 5\r\n\r\nhello", 407),
    "until close": Case(REFUSED + b"\r\nhello", 407),
    "HTTP/1.0": Case(OLD + b"Content-Length: 5\r\n\r\nhello", 407),
    "HTTP/1.0 kept": Case(OLD + b"Connection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", 407, reusable=True),
    "HTTP/1.0 kept, old": Case(
        OLD + b"Proxy-Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", 407, reusable=True
    ),
    "HTTP/1.0 until close": Case(OLD + b"Proxy-Connection: keep-alive\r\n\r\nhello", 407),
    "kept and closed": Case(REFUSED + b"Proxy-Connection: keep-alive\r\nConnection: close\r\n\r\n", 407),
    "forbidden": Case(b"HTTP/1.1 403 pipway\r\nContent-Length: 2\r\n\r\nno", 403, reusable=True),
    "huge": Case(REFUSED + b"Content-Length: 70000\r\n\r\n" + b"x" * 70000, 407),
    "endless": Case(REFUSED + b"Content-Length: 7000000000\r\n\r\n" + b"x" * 70000, 407),
}


def answer(pieces: list[bytes]) -> Answer:
    """Feed until there is an answer; what comes later in the transcript is the tunnel's too."""
    reader = ConnectReader()
    for number, piece in enumerate(pieces):
        found = reader.feed(piece)
        if found is not None:
            later = b"".join(pieces[number + 1 :]) if found.tunnel else b""
            return Answer(found.head, found.reusable, found.early + later)
    return reader.eof()


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_loses_no_byte_wherever_the_answer_is_cut(name: str) -> None:
    case = TUNNELS[name]
    for pieces in cuttings(case.transcript):
        found = answer(pieces)
        assert (found.head.status, found.tunnel, found.reusable, found.early) == (case.status, True, False, case.early)


@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in ("huge", "endless")])
def test_a_refusal_says_whether_its_connection_goes_on(name: str) -> None:
    case = REFUSALS[name]
    for pieces in cuttings(case.transcript):
        found = answer(pieces)
        assert (found.head.status, found.tunnel, found.reusable, found.early) == (
            case.status,
            False,
            case.reusable,
            b"",
        )


@pytest.mark.parametrize("name", ["huge", "endless"])
def test_a_body_is_read_only_so_far(name: str) -> None:
    transcript = REFUSALS[name].transcript
    for size in (1000, 16384, len(transcript)):
        pieces = [transcript[at : at + size] for at in range(0, len(transcript), size)]
        assert not answer(pieces).reusable


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_surplus_forbids_reuse(version: bytes) -> None:
    fields = b"Proxy-Connection: keep-alive\r\nContent-Length: 2\r\n\r\n"
    found = ConnectReader().feed(b"HTTP/" + version + b" 407 No\r\n" + fields + b"no!")
    assert found is not None
    assert not found.reusable


def test_http_1_0_is_recognised() -> None:
    assert answer([OLD + b"\r\n"]).head.version == "1.0"


def test_a_refusal_that_is_cut_off_is_still_a_refusal() -> None:
    reader = ConnectReader()
    assert reader.feed(REFUSED + b"Content-Length: 5\r\n\r\nhe") is None
    assert not reader.eof().reusable


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
def test_silence_and_half_a_head_are_no_answer(sent: bytes) -> None:
    reader = ConnectReader()
    assert not sent or reader.feed(sent) is None
    with pytest.raises(Unavailable):
        reader.eof()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x05\x00 SOCKS\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 407 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 407 No\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\nA: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 200_000,
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    with pytest.raises(BadUpstream):
        ConnectReader().feed(sent)


def test_the_request() -> None:
    fields = [("User-Agent", "pipway"), ("Proxy-Authorization", "NTLM abc=")]
    assert render_connect("index.example:443", fields) == (
        b"CONNECT index.example:443 HTTP/1.1\r\nHost: index.example:443\r\nProxy-Connection: keep-alive\r\n"
        b"User-Agent: pipway\r\nProxy-Authorization: NTLM abc=\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["Basic secret\r\nEvil: 1", "Basic secret\0", "Basic secret\u20ac"])
def test_a_login_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        render_connect("index.example:443", [("Proxy-Authorization", value)])
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError):
        render_connect("index.example:443 HTTP/1.1\r\nEvil: 1")


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.sampled_from([b"", b"HTTP/1.1 ", REFUSED, OLD]))
def test_garbage_raises_nothing_else(pieces: list[bytes], before: bytes) -> None:
    with contextlib.suppress(BadUpstream, Unavailable):
        answer([before, *pieces] if before else pieces)
