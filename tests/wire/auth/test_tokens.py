"""RFC 4559 and MS-NTHT: the legs of NTLM and Negotiate, with tokens of the right shape."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.wire.auth.base import Asked, Challenge, Login, Rejected, Unusable
from pipway.wire.auth.tokens import TokenScheme

ASKED = Asked("CONNECT", "index.example:443")
HELLO, CHALLENGE, PROOF = (b"NTLMSSP\0" + bytes([kind, 0, 0, 0]) for kind in (1, 2, 3))
TICKET = b"\x60\x82 an AP-REQ"


def encoded(token: bytes) -> str:
    """As in a header."""
    return base64.b64encode(token).decode()


class Script:
    """Plays the tokens given to it and notes what it receives."""

    def __init__(self, *tokens: bytes) -> None:
        self.tokens = list(tokens)
        self.received: list[bytes | None] = []
        self.begun = 0

    def begin(self, asked: Asked) -> Callable[[bytes | None], bytes]:
        self.begun += 1
        left = iter(self.tokens)

        def step(token: bytes | None) -> bytes:
            self.received.append(token)
            return next(left)

        return step


def login(name: str, script: Script) -> Login:
    """A login of that scheme."""
    return TokenScheme(name, script.begin).login(ASKED, [Challenge(name)])


@pytest.mark.parametrize(
    ("name", "shown", "wrap"), [("ntlm", "NTLM", b"%b"), ("negotiate", "Negotiate", b"\xa1SPNEGO %b")]
)
def test_the_legs_of_ntlm(name: str, shown: str, wrap: bytes) -> None:
    script = Script(wrap % HELLO, wrap % PROOF)
    legs = login(name, script)
    assert next(legs) == f"{shown} {encoded(wrap % HELLO)}"
    offered = [Challenge("basic"), Challenge(name), Challenge(name, encoded(CHALLENGE))]
    assert legs.send(offered) == f"{shown} {encoded(wrap % PROOF)}"
    assert script.received == [None, CHALLENGE]
    with pytest.raises(Rejected):
        legs.send([Challenge(name)])


@pytest.mark.parametrize(
    "answer", [[], [Challenge("basic")], [Challenge("ntlm", encoded(CHALLENGE))], [Challenge("ntlm", "!")]]
)
def test_a_proof_is_sent_once_whatever_the_refusal_says(answer: list[Challenge]) -> None:
    script = Script(HELLO, PROOF, PROOF, PROOF)
    legs = login("ntlm", script)
    next(legs)
    legs.send([Challenge("ntlm", encoded(CHALLENGE))])
    with pytest.raises(Rejected):
        legs.send(answer)
    assert len(script.received) == 2


@pytest.mark.parametrize("first", [HELLO, TICKET])
@pytest.mark.parametrize("answer", [[], [Challenge("negotiate")], [Challenge("ntlm", encoded(CHALLENGE))]])
def test_a_first_token_that_is_not_taken_judges_nobody(first: bytes, answer: list[Challenge]) -> None:
    legs = login("negotiate", Script(first))
    next(legs)
    with pytest.raises(Unusable) as caught:
        legs.send(answer)
    assert caught.value.fix


@pytest.mark.parametrize("garbage", ["a", "ab=c", "a~b.", "abc"])
def test_garbage_is_unusable(garbage: str) -> None:
    legs = login("ntlm", Script(HELLO))
    next(legs)
    with pytest.raises(Unusable):
        legs.send([Challenge("ntlm", garbage)])


def test_a_spnego_token_under_ntlm_is_handed_on() -> None:
    script = Script(HELLO, PROOF)
    legs = login("ntlm", script)
    next(legs)
    legs.send([Challenge("ntlm", encoded(b"\xa1\x14SPNEGO"))])  # px#29
    assert script.received[1] == b"\xa1\x14SPNEGO"


def test_legs_are_bounded() -> None:
    script = Script(*[b"more"] * 100)
    legs = login("negotiate", script)
    next(legs)
    with pytest.raises(Unusable):
        for _ in range(100):
            legs.send([Challenge("negotiate", encoded(b"more"))])
    assert len(script.received) == 6


def test_a_refusal_in_the_middle_is_a_rejection() -> None:
    legs = login("negotiate", Script(b"first", b"second"))
    next(legs)
    legs.send([Challenge("negotiate", encoded(b"go on"))])
    with pytest.raises(Rejected):
        legs.send([Challenge("negotiate")])


def test_each_connection_has_its_own_context() -> None:
    script = Script(HELLO)
    scheme = TokenScheme("ntlm", script.begin)
    next(scheme.login(ASKED))
    next(scheme.login(ASKED))
    assert script.begun == 2
    assert scheme.per_connection
    assert scheme.ready
    assert scheme.blocking


def test_what_a_step_raises_comes_through() -> None:
    def begin(asked: Asked) -> Callable[[bytes | None], bytes]:
        raise Unusable("no ticket", "kinit")

    with pytest.raises(Unusable, match="no ticket"):
        next(TokenScheme("negotiate", begin).login(ASKED))


@given(st.lists(st.lists(st.tuples(st.sampled_from(["ntlm", "negotiate", "x"]), st.text()), max_size=3), max_size=8))
def test_arbitrary_challenges_raise_nothing_else(answers: list[list[tuple[str, str]]]) -> None:
    legs = login("ntlm", Script(*[b"token"] * 10))
    next(legs)
    try:
        for answer in answers:
            legs.send([Challenge(scheme, token) for scheme, token in answer])
    except (Unusable, Rejected):
        pass


def test_a_refused_hello_is_explained_by_why_nothing_better_was_sent() -> None:
    reason = Unusable("no KDC answers", "check the network")
    legs = TokenScheme("negotiate", Script(HELLO).begin, better=lambda: reason).login(ASKED, [Challenge("negotiate")])
    next(legs)
    with pytest.raises(Unusable) as caught:
        legs.send([Challenge("negotiate")])
    assert caught.value is reason
