"""Requests that two parsers could read in two ways are refused, and what follows them is never taken (RFC 9112 §11.2).

Every line goes through `wire.requests.parse` and over a real socket.
"""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.conftest import GET, Start, prepared, read_responses

from pipway.errors import ProtocolError
from pipway.wire.answer import Answer, Request
from pipway.wire.requests import HeadLimits, parse

LIMITS = HeadLimits()
HOST = b"Host: x\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST

CORPUS = [
    pytest.param(POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="6.1-both-lengths"),
    pytest.param(POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n", 400, id="6.3-differing-lengths"),
    pytest.param(POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\n", 400, id="6.3-repeated-length"),
    pytest.param(POST + b"Content-Length: 4, 4\r\n\r\n", 400, id="6.3-listed-lengths"),
    pytest.param(POST + b"Content-Length: +4\r\n\r\n", 400, id="8.6-signed-length"),
    pytest.param(POST + b"Content-Length: -1\r\n\r\n", 400, id="8.6-negative-length"),
    pytest.param(POST + b"Content-Length: 0x4\r\n\r\n", 400, id="8.6-hexadecimal-length"),
    pytest.param(POST + b"Content-Length: 4 4\r\n\r\n", 400, id="8.6-two-numbers"),
    pytest.param(POST + b"Content-Length: \r\n\r\n", 400, id="8.6-empty-length"),
    pytest.param(POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400, id="8.6-endless-length"),
    pytest.param(POST + b"Transfer-Encoding: xchunked\r\n\r\n", 400, id="6.1-unknown-coding"),
    pytest.param(POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, id="6.1-two-codings"),
    pytest.param(POST + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400, id="6.1-not-last"),
    pytest.param(POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400, id="6.1-repeated"),
    pytest.param(POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n", 400, id="6.1-vertical-tab"),
    pytest.param(POST + b"Transfer-Encoding : chunked\r\n\r\n", 400, id="5.1-space-before-colon"),
    pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="6.1-chunked-in-1.0"),
    pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, id="2.2-bare-lf"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400, id="2.2-bare-cr"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\n\r\n\r\n", 400, id="2.2-lf-in-value"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400, id="5.2-folded"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", 400, id="5.5-nul"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n: nothing\r\n\r\n", 400, id="5.1-no-name"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400, id="5.1-no-colon"),
    pytest.param(b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, id="2.2-space-before-first-header"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="3.2-no-host"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, id="3.2-two-hosts"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x/y@z\r\n\r\n", 400, id="3.2-bad-host"),
    pytest.param(b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3-space-in-target"),
    pytest.param(b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3.2-fragment"),
    pytest.param(b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3.2-no-slash"),
    pytest.param(b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3-two-spaces"),
    pytest.param(b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3-tab"),
    pytest.param(b"GET /\r\n\r\n", 400, id="http-0.9"),
    pytest.param(b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400, id="3-space-after-version"),
    pytest.param(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, id="2.5-other-major"),
    pytest.param(b"GET / http/1.1\r\n" + HOST + b"\r\n", 400, id="2.3-version-in-lower-case"),
    pytest.param(b"G\xe4T / HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3.1-not-a-token"),
    pytest.param(b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="3.2-not-ascii"),
]


@pytest.mark.parametrize(("raw", "status"), CORPUS)
def test_it_is_refused(raw: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(raw, LIMITS)
    assert caught.value.status == status
    assert caught.value.what


@pytest.mark.parametrize(("raw", "status"), CORPUS)
async def test_what_follows_is_never_taken_for_a_request(start: Start, raw: bytes, status: int) -> None:
    async def handler(request: Request) -> Answer:
        return prepared()

    world = await start(handler)
    (seen,) = read_responses(await world.talk(raw + b"0\r\n\r\n" + GET % b"smuggled"), ["GET"])
    assert seen.status == status
    assert seen.headers[b"connection"] == b"close"
    assert world.requests == []


def test_what_the_installers_send_is_understood() -> None:
    pip = parse(
        b"GET /simple/idna/ HTTP/1.1\r\nHost: 127.0.0.1:3141\r\nUser-Agent: pip/26.3 {}\r\n"
        b"Accept-Encoding: gzip, deflate\r\n"
        b"Accept: application/vnd.pypi.simple.v1+json, text/html; q=0.01\r\nConnection: keep-alive\r\n\r\n",
        LIMITS,
    )
    assert (pip.method, pip.target, pip.form, pip.keep_alive, pip.has_body) == (
        "GET",
        b"/simple/idna/",
        "origin",
        True,
        False,
    )
    old = parse(b"CONNECT index.example:443 HTTP/1.0\r\n\r\n", LIMITS)  # pip on Python up to 3.11 as a proxy's client
    assert (old.form, old.keep_alive) == ("authority", False)


FIELD = st.binary(min_size=1, max_size=12)


@given(st.lists(st.tuples(FIELD, st.binary(max_size=12)), max_size=5), st.binary(min_size=1, max_size=10))
def test_what_is_accepted_is_read_the_same_way_by_another_parser(
    fields: list[tuple[bytes, bytes]], path: bytes
) -> None:
    """h11 is the judge: what we take, it takes, with the same meaning."""
    raw = b"GET /" + path + b" HTTP/1.1\r\nHost: x\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in fields) + b"\r\n"
    try:
        head = parse(raw, LIMITS)
    except ProtocolError:
        return
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(raw)
    request = judge.next_event()
    assert isinstance(request, h11.Request)
    assert request.target == head.target
    assert [(name, value) for name, value in request.headers] == list(head.headers)


@given(st.binary(max_size=400))
def test_random_heads_are_refused_in_order(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(noise + b"\r\n\r\n", LIMITS)
