"""RFC 9112, the client's side: every transcript gives the same events however its bytes are cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import PipwayError, UsageError
from pipway.wire.responses import End, Event, Head, ResponseReader, render_request

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Heard:
    """What came out of a transcript, body pieces joined."""

    status: int
    length: int | None
    body: bytes
    reusable: bool


def listen(transcript: bytes, cuts: list[int], *, method: str = "GET", limit: int = 4096) -> Heard:
    """Feed the transcript cut at these places, then the end of the connection if it is needed."""
    reader = ResponseReader(method, head_bytes=limit)
    events: list[Event] = []
    edges = [0, *cuts, len(transcript)]
    surplus = False
    for start, end in pairwise(edges):
        if start == end:
            continue
        if events and isinstance(events[-1], End):
            surplus = True  # the driver no longer listens: its stream is not quiet, so the connection is dropped
            break
        events += reader.feed(transcript[start:end])
    if not (events and isinstance(events[-1], End)):
        events += reader.eof()
    head, *body, finish = events
    assert isinstance(head, Head)
    assert isinstance(finish, End)
    assert reader.eof() == []
    pieces = [piece for piece in body if isinstance(piece, bytes)]
    assert len(pieces) == len(body)
    assert all(pieces), "an empty piece would look like the body's end"
    return Heard(head.status, head.length, b"".join(pieces), finish.reusable and not surplus)


def everywhere(transcript: bytes) -> list[list[int]]:
    """In one piece, byte by byte, and cut in two at every place."""
    return [[], list(range(1, len(transcript))), *([place] for place in range(1, len(transcript)))]


GOOD = {
    "length": ("GET", OK + b"Content-Length: 5\r\n\r\nhello", Heard(200, 5, b"hello", True)),
    "no body": ("GET", OK + b"Content-Length: 0\r\n\r\n", Heard(200, 0, b"", True)),
    "no reason": ("GET", b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", Heard(200, 1, b"x", True)),
    "until close": ("GET", OK + b"\r\nhello", Heard(200, None, b"hello", False)),
    "until close, empty": ("GET", OK + b"\r\n", Heard(200, None, b"", False)),
    "chunked": (
        "GET",
        CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: railer\r\n\r\n",
        Heard(200, None, b"hello", True),
    ),
    "chunked, empty": ("GET", CHUNKED + b"0\r\n\r\n", Heard(200, None, b"", True)),
    "chunked, hex": (
        "GET",
        CHUNKED + b"A\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\n\r\n",
        Heard(200, None, b"0123456789" * 2, True),
    ),
    "close": ("GET", OK + b"Connection: Close\r\nContent-Length: 2\r\n\r\nok", Heard(200, 2, b"ok", False)),
    "close, listed": ("GET", OK + b"Connection: x, close\r\nContent-Length: 2\r\n\r\nok", Heard(200, 2, b"ok", False)),
    "1.0": ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Heard(200, 2, b"ok", False)),
    "1.0 kept alive": (
        "GET",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        Heard(200, 2, b"ok", True),
    ),
    "HEAD": ("HEAD", OK + b"Content-Length: 5\r\n\r\n", Heard(200, 5, b"", True)),
    "HEAD, chunked": ("HEAD", CHUNKED, Heard(200, None, b"", True)),
    "HEAD, until close": ("HEAD", OK + b"\r\n", Heard(200, None, b"", True)),
    "HEAD with a body": ("HEAD", OK + b"Content-Length: 5\r\n\r\nhello", Heard(200, 5, b"", False)),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", Heard(204, None, b"", True)),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Heard(304, 9, b"", True)),
    "interim": (
        "GET",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nok",
        Heard(200, 2, b"ok", True),
    ),
    "surplus": ("GET", OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", Heard(200, 2, b"ok", False)),
    "surplus line end": ("GET", OK + b"Content-Length: 2\r\n\r\nok\r\n", Heard(200, 2, b"ok", False)),
    "surplus after chunks": ("GET", CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1", Heard(200, None, b"ok", False)),
    "surplus after the last answer": (
        "GET",
        OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1",
        Heard(200, None, b"ok", False),
    ),
    "an upgrade offered": (
        "GET",
        OK + b"Upgrade: h2c\r\nConnection: Upgrade, Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
        Heard(200, 2, b"ok", True),
    ),
    "latin-1 in a value": ("GET", OK + b"X: \xe9\r\nContent-Length: 0\r\n\r\n", Heard(200, 0, b"", True)),
}


@pytest.mark.parametrize("name", GOOD)
def test_transcript(name: str) -> None:
    """RFC 9112 §6.3, §9.3 and RFC 9110 §15.2: framing and persistence."""
    method, transcript, expected = GOOD[name]
    for cuts in everywhere(transcript):
        assert listen(transcript, cuts, method=method) == expected, cuts


BAD = {
    "both kinds of framing": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "both, other order": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "differing lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "listed lengths": OK + b"Content-Length: 5, 6\r\n\r\n",
    "signed length": OK + b"Content-Length: +5\r\n\r\n",
    "length of words": OK + b"Content-Length: five\r\n\r\n",
    "length overflow": OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "an unknown coding": OK + b"Transfer-Encoding: xchunked\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "bare LF in the head": OK + b"A: b\nContent-Length: 0\r\n\r\n",
    "bare LF everywhere": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR in the head": OK + b"A: b\rContent-Length: 0\r\n\r\n",
    "folded line": OK + b"A: b\r\n c\r\n\r\n",
    "space before the colon": OK + b"Content-Length : 5\r\n\r\n",
    "NUL": OK + b"A: b\x00c\r\n\r\n",
    "no colon": OK + b"A\r\n\r\n",
    "empty name": OK + b": b\r\n\r\n",
    "not HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/0.9": b"<html>\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status 600": b"HTTP/1.1 600 OK\r\n\r\n",
    "empty lines first": b"\r\n\r\n" + OK + b"\r\n",
    "unasked upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "chunk size in words": CHUNKED + b"five\r\n",
    "chunk size with 0x": CHUNKED + b"0x5\r\nhello\r\n",
    "chunk size signed": CHUNKED + b"+5\r\nhello\r\n",
    "chunk size with a space": CHUNKED + b"5 \r\nhello\r\n",
    "chunk size overflow": CHUNKED + b"fffffffffffffffff\r\n",
    "chunk size, bare LF": CHUNKED + b"5\nhello\r\n",
    "chunk too long": CHUNKED + b"5\r\nhello!\r\n",
    "chunk ends with LF": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "empty chunk size": CHUNKED + b"\r\n",
    "bad trailer": CHUNKED + b"0\r\nno colon\r\n\r\n",
    "bare LF in an extension": CHUNKED + b'5;a="\n"\r\nhello\r\n',
}


@pytest.mark.parametrize("name", BAD)
def test_framing_that_cannot_be_trusted(name: str) -> None:
    """RFC 9112 §11.2: what two readers could understand differently is refused, wherever it is cut."""
    for cuts in everywhere(BAD[name]):
        with pytest.raises(PipwayError) as caught:
            listen(BAD[name], cuts)
        assert caught.value.code == "bad-framing", cuts


TRUNCATED = {
    "head": OK + b"Content-Le",
    "interim only": b"HTTP/1.1 100 Continue\r\n\r\n",
    "length": OK + b"Content-Length: 5\r\n\r\nhell",
    "nothing of the length": OK + b"Content-Length: 5\r\n\r\n",
    "chunk": CHUNKED + b"5\r\nhel",
    "between chunks": CHUNKED + b"5\r\nhello\r\n",
    "last chunk": CHUNKED + b"5\r\nhello\r\n0\r\n",
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncation_is_never_taken_for_the_end(name: str) -> None:
    """RFC 9112 §8: an incomplete message is not complete, and worth another try (503, not 502)."""
    for cuts in everywhere(TRUNCATED[name]):
        with pytest.raises(PipwayError) as caught:
            listen(TRUNCATED[name], cuts)
        assert (caught.value.code, caught.value.http_status) == ("truncated", 503), cuts


def test_no_answer_at_all_has_its_own_code() -> None:
    with pytest.raises(PipwayError) as caught:
        ResponseReader("GET").eof()
    assert caught.value.code == "empty-answer"


@pytest.mark.parametrize(
    "endless",
    [OK + b"A: " + b"x" * 9000, OK + b"A: b\r\n" * 2000, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000],
    ids=["one value", "many headers", "interim answers"],
)
@pytest.mark.parametrize("step", [1, 7, 100000])
def test_heads_are_bounded(endless: bytes, step: int) -> None:
    with pytest.raises(PipwayError) as caught:
        listen(endless, list(range(step, len(endless), step)))
    assert caught.value.code == "head-too-large"


@pytest.mark.parametrize(
    "endless",
    [b"5;" + b"x" * 20000, b"0\r\n" + b"T: x\r\n" * 4000, b"0\r\nT: " + b"x" * 20000],
    ids=["extension", "trailers", "trailer"],
)
def test_what_is_between_chunks_is_bounded(endless: bytes) -> None:
    """RFC 9112 §7.1.1: a recipient ought to limit the total length of chunk extensions."""
    with pytest.raises(PipwayError) as caught:
        listen(CHUNKED + endless, list(range(100, len(endless), 100)))
    assert caught.value.code == "bad-framing"


def test_headers_are_joined_and_stripped() -> None:
    """RFC 9110 §5.3, §5.5."""
    head, _ = ResponseReader("HEAD").feed(OK + b"A:  1\t\r\na: 2\r\nReason: x\r\n\r\n")
    assert isinstance(head, Head)
    assert head.header(b"a") == "1, 2"
    assert head.header(b"none") is None
    assert (head.reason, head.version) == ("OK", "1.1")


@given(st.binary(max_size=400), st.lists(st.integers(0, 500), max_size=6))
def test_any_bytes_give_events_or_one_of_our_errors(noise: bytes, cuts: list[int]) -> None:
    for start in (b"", OK, CHUNKED, OK + b"Content-Length: 3\r\n\r\n"):
        transcript = start + noise
        heard: list[Heard | str] = []
        for places in (sorted(cut for cut in cuts if cut <= len(transcript)), []):
            try:
                heard.append(listen(transcript, places, limit=300))
            except PipwayError as error:
                heard.append(error.code)
        if "head-too-large" not in heard:  # how much is between two chunks is counted by pieces
            assert heard[0] == heard[1]


@given(
    body=st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    framing=st.sampled_from(["length", "chunked", "close"]),
    cuts=st.lists(st.integers(0, 600), max_size=10),
)
def test_any_body_arrives_whole(body: list[bytes], framing: str, cuts: list[int]) -> None:
    whole = b"".join(body)
    match framing:
        case "length":
            transcript = OK + b"Content-Length: %d\r\n\r\n" % len(whole) + whole
        case "chunked":
            transcript = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in body) + b"0\r\n\r\n"
        case _:
            transcript = OK + b"\r\n" + whole
    heard = listen(transcript, sorted(cut for cut in cuts if cut <= len(transcript)))
    assert (heard.body, heard.reusable) == (whole, framing != "close")


def test_request_head() -> None:
    """RFC 9112 §3: request line, Host first, no body."""
    assert render_request("GET", "/a?b", "files.example:81", [("Accept", "x/y"), ("A", "")]) == (
        b"GET /a?b HTTP/1.1\r\nHost: files.example:81\r\nAccept: x/y\r\nA: \r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "target", "host", "header"),
    [
        ("GET x", "/", "h", ("a", "b")),
        ("GET", "/ x", "h", ("a", "b")),
        ("GET", "/\r\nX: y", "h", ("a", "b")),
        ("GET", "", "h", ("a", "b")),
        ("GET", "/", "h\r\nX: y", ("a", "b")),
        ("GET", "/", "h", ("a\r\nX", "b")),
        ("GET", "/", "h", ("", "b")),
        ("GET", "/", "h", ("a", "s3cret\r\nX: y")),
        ("GET", "/", "h", ("a", "s3cret\x00")),
        ("GET", "/", "h", ("a", "s3cret\u20ac")),
    ],
)
def test_a_request_cannot_be_broken_out_of(method: str, target: str, host: str, header: tuple[str, str]) -> None:
    """RFC 9112 §11.1: no part of a request may end its line; a refused value is not repeated."""
    with pytest.raises(UsageError) as caught:
        render_request(method, target, host, [header])
    assert "s3cret" not in str(caught.value)
