"""RFC 7617."""

from __future__ import annotations

import base64

import pytest

from pipway.wire.auth.base import Asked, Challenge, Rejected, Unusable
from pipway.wire.auth.basic import Basic

ASKED = Asked("CONNECT", "index.example:443")
OFFER = [Challenge("basic", params={"realm": "x"})]


def test_the_examples_of_the_rfc() -> None:
    assert next(Basic("Aladdin", "open sesame").login(ASKED, OFFER)) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # §2
    assert next(Basic("test", "123£").login(ASKED, OFFER)) == "Basic dGVzdDoxMjPCow=="  # §2.1


def test_the_password_may_hold_colons_and_be_empty() -> None:
    assert base64.b64decode(next(Basic("a", "b:c:").login(ASKED))[6:]) == b"a:b:c:"
    assert base64.b64decode(next(Basic("a", "").login(ASKED))[6:]) == b"a:"


def test_a_second_refusal_is_the_last() -> None:
    login = Basic("alice", "hunter2").login(ASKED, OFFER)
    next(login)
    with pytest.raises(Rejected) as caught:
        login.send(OFFER)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "password"), [("a:b", "secret"), ("a", "secret\n"), ("a\x7f", "secret"), ("a", "secret\udcff")]
)
def test_what_basic_cannot_carry_is_not_sent(user: str, password: str) -> None:
    with pytest.raises(Unusable) as caught:
        next(Basic(user, password).login(ASKED, OFFER))
    assert caught.value.why
    assert caught.value.fix
    assert "secret" not in f"{caught.value.why} {caught.value.fix}"
