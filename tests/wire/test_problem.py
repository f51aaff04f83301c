"""Errors as answers: what pip, Poetry and uv can show of them (RFC 9457, RFC 9112 §4)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import BadUpstream, LoginNeeded, NotFound, PipwayError, ProtocolError, Refused, Unavailable
from pipway.wire import heads
from pipway.wire.problem import problem


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("a", "b"), 404),
        (Refused("a", "b"), 403),
        (Unavailable("a", "b"), 503),
        (BadUpstream("a", "b"), 502),
        (ProtocolError("a", "b", status=414), 414),
        (PipwayError("a", "b"), 500),
    ],
)
def test_the_kind_of_error_decides_the_status(error: PipwayError, status: int) -> None:
    answer = problem(error)
    assert answer.status == status
    assert answer.head.startswith(b"HTTP/1.1 %d pipway: b\r\n" % status)
    assert answer.lease is None


def test_everything_is_said() -> None:
    answer = problem(Unavailable("outage", "what", why="why", fix="fix", retry_after=1))
    said = json.loads(answer.body)
    assert (said["title"], said["detail"], said["code"], said["status"]) == ("what", "why; fix", "outage", 503)
    assert b"\r\nContent-Type: application/problem+json\r\n" in answer.head  # with a parameter uv ignores the body
    assert b"\r\nCache-Control: no-store\r\n" in answer.head
    assert b"\r\nRetry-After: 1\r\n" in answer.head
    assert answer.head.startswith(b"HTTP/1.1 503 pipway: what; why; fix\r\n")


def test_no_installer_sleeps_for_minutes() -> None:
    """pip sleeps as long as Retry-After says, five times."""
    assert b"\r\nRetry-After: 2\r\n" in problem(Unavailable("a", "b", retry_after=300)).head


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_gets_out_of_its_line(what: str, why: str) -> None:
    answer = problem(PipwayError("code", what, why=why))
    lines = answer.head.split(b"\r\n")
    assert lines[0].isascii()
    assert len(lines[0]) <= len("HTTP/1.1 500 ") + heads.PHRASE_LIMIT
    assert not any(byte < 32 or byte == 127 for line in lines for byte in line)
    assert [line.partition(b":")[0] for line in lines[1:-1]] == [b"Content-Type", b"Content-Length", b"Cache-Control"]
    json.loads(answer.body)


def test_a_header_line_that_could_inject_another_is_refused() -> None:
    for name, value in ((b"A", b"b\r\nC: d"), (b"A\r\n", b"b"), (b"A B", b"c"), (b"A", b"\x00")):
        with pytest.raises(ValueError, match="unfit"):
            heads.field_line(name, value)


def test_the_date_is_that_of_the_rfc() -> None:
    """RFC 9110 §5.6.7's own example."""
    assert heads.date(784111777.9) == b"Sun, 06 Nov 1994 08:49:37 GMT"


def test_an_unknown_status_has_no_phrase() -> None:
    assert heads.status_line(299) == b"HTTP/1.1 299 \r\n"


@pytest.mark.parametrize(("status", "name"), [(407, b"Proxy-Authenticate"), (401, b"WWW-Authenticate")])
def test_a_login_is_asked_for_in_the_words_of_the_role(status: int, name: bytes) -> None:
    """RFC 9110 §15.5.8 for a proxy, §15.5.2 for an origin: a challenge must be there."""
    answer = problem(LoginNeeded("login-needed", "who are you", status=status))
    assert answer.head.startswith(b"HTTP/1.1 %d pipway: who are you\r\n" % status)
    assert b'\r\n%b: Basic realm="pipway", charset="UTF-8"\r\n' % name in answer.head
    assert answer.status == status
