"""RFC 7616: its examples, and what a nonce may do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.wire.auth.base import Asked, Challenge, Rejected, Unusable
from pipway.wire.auth.challenges import parse_challenges
from pipway.wire.auth.digest import Digest

CONNECT = Asked("CONNECT", "index.example:443")
EXAMPLE = Asked("GET", "/dir/index.html")
# §3.9.1, both challenges as they stand there
SHA256 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MD5 = SHA256.replace("SHA-256", "MD5")
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def mufasa() -> Digest:
    """The user of the examples."""
    return Digest("Mufasa", "Circle of Life", cnonce=lambda: CNONCE)


def numbered() -> Callable[[], str]:
    """Client nonces that tell which one was asked for."""
    numbers = count(1)
    return lambda: f"c{next(numbers)}"


def read(value: str) -> dict[str, str]:
    """The parameters of a value that we send."""
    (challenge,) = parse_challenges([value])
    assert challenge.scheme == "digest"
    return dict(challenge.params)


def offer(**params: str) -> list[Challenge]:
    """One challenge."""
    return [Challenge("digest", params={"realm": "r", "nonce": "n", "qop": "auth", **params})]


@pytest.mark.parametrize(
    ("fields", "algorithm", "response"),
    [
        ([MD5], "MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ([SHA256], "SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ([MD5, SHA256], "SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ([f"{SHA256}, {MD5}"], "SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_first_example_of_the_rfc(fields: list[str], algorithm: str, response: str) -> None:
    assert next(mufasa().login(EXAMPLE, parse_challenges(fields))) == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", qop=auth, nc=00000001, '
        f'cnonce="{CNONCE}", response="{response}", algorithm={algorithm}, '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )


def test_the_second_example_of_the_rfc() -> None:
    """§3.9.2 with the values of its erratum 4897: those printed are of SHA-512 cut short, not of SHA-512/256."""
    digest = Digest("Jäsøn Doe", "Secret, or not?", cnonce=lambda: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    challenge = (
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
        'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
    )
    sent = read(next(digest.login(Asked("GET", "/doe.json"), parse_challenges([challenge]))))
    assert sent["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert sent["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert sent["userhash"] == "true"


def md5(text: str) -> str:
    """For the expectations."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_connect_signs_the_authority() -> None:
    sent = read(next(Digest("u", "p", cnonce=lambda: "c").login(CONNECT, offer())))
    assert sent["uri"] == "index.example:443"
    assert sent["response"] == md5(f"{md5('u:r:p')}:n:00000001:c:auth:{md5('CONNECT:index.example:443')}")
    assert "algorithm" not in sent  # it was not offered: old proxies know it no better


def test_without_qop_it_answers_as_rfc_2069() -> None:
    challenge = [Challenge("digest", params={"realm": "r", "nonce": "n"})]
    sent = read(next(Digest("u", "p", cnonce=lambda: "c").login(CONNECT, challenge)))
    assert sent["response"] == md5(f"{md5('u:r:p')}:n:{md5('CONNECT:index.example:443')}")
    assert not {"qop", "nc", "cnonce"} & sent.keys()


def test_a_session_without_qop_names_its_client_nonce() -> None:
    challenge = [Challenge("digest", params={"realm": "r", "nonce": "n", "algorithm": "MD5-sess"})]
    sent = read(next(Digest("u", "p", cnonce=lambda: "c").login(CONNECT, challenge)))
    assert sent["cnonce"] == "c"
    assert sent["response"] == md5(f"{md5(md5('u:r:p') + ':n:c')}:n:{md5('CONNECT:index.example:443')}")


def test_a_session_key_holds_as_long_as_its_nonce() -> None:
    digest = Digest("u", "p", cnonce=numbered())
    first, second = (read(next(digest.login(CONNECT, offer(algorithm="MD5-sess")))) for _ in range(2))
    key = md5(f"{md5('u:r:p')}:n:{first['cnonce']}")
    assert second["cnonce"] == first["cnonce"]
    assert second["algorithm"] == "MD5-sess"
    assert second["response"] == md5(f"{key}:n:00000002:{first['cnonce']}:auth:{md5('CONNECT:index.example:443')}")


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (["MD5", "SHA-512-256", "SHA-256"], "SHA-512-256"),
        (["md5", "sha-256-sess"], "sha-256-sess"),
        (["WHIRLPOOL", "MD5"], "MD5"),
    ],
)
def test_the_strongest_known_algorithm_is_taken(offered: list[str], taken: str) -> None:
    challenges = [challenge for name in offered for challenge in offer(algorithm=name)]
    assert read(next(mufasa().login(CONNECT, challenges)))["algorithm"] == taken


@pytest.mark.parametrize(
    "offered",
    [offer(qop="auth-int"), offer(algorithm="WHIRLPOOL"), offer(nonce=""), [Challenge("basic")], [Challenge("digest")]],
)
def test_what_cannot_be_answered_is_unusable(offered: list[Challenge]) -> None:
    with pytest.raises(Unusable):
        next(mufasa().login(CONNECT, offered))


def test_it_cannot_begin_without_a_nonce() -> None:
    digest = mufasa()
    assert not digest.ready
    with pytest.raises(Unusable):
        next(digest.login(CONNECT))


def test_a_nonce_counts_over_requests_and_connections() -> None:
    digest = Digest("u", "p", cnonce=numbered())
    values = [read(next(digest.login(CONNECT, offer())))]
    assert digest.ready
    values += [read(next(digest.login(Asked("GET", "http://a.example/")))), read(next(digest.login(CONNECT, offer())))]
    assert [sent["nc"] for sent in values] == ["00000001", "00000002", "00000003"]
    assert len({sent["cnonce"] for sent in values}) == 3
    assert read(next(digest.login(CONNECT, offer(nonce="m"))))["nc"] == "00000001"


def test_stale_is_not_a_rejection() -> None:
    login = mufasa().login(CONNECT, offer())
    next(login)
    sent = read(login.send(offer(nonce="fresh", stale="TRUE")))
    assert sent["nonce"] == "fresh"
    assert sent["nc"] == "00000001"
    with pytest.raises(Rejected):
        login.send(offer(nonce="fresh"))


def test_stale_for_ever_is_unusable() -> None:
    login = mufasa().login(CONNECT, offer())
    next(login)
    with pytest.raises(Unusable):
        for number in range(10):
            login.send(offer(nonce=str(number), stale="true"))


@pytest.mark.parametrize("answer", [offer(nonce="fresh"), offer(stale="false"), offer(), [Challenge("basic")], []])
def test_a_refusal_that_is_not_stale_is_a_rejection(answer: list[Challenge]) -> None:
    digest = mufasa()
    login = digest.login(CONNECT, offer())
    next(login)
    with pytest.raises(Rejected):
        login.send(answer)
    assert not digest.ready, "the nonce goes too: nothing is volunteered after a rejection"


def test_the_next_nonce_is_taken() -> None:
    digest = mufasa()
    digest.informed('nextnonce="early"')  # nothing is known of the realm yet
    assert not digest.ready
    next(digest.login(CONNECT, offer()))
    digest.informed('qop=auth, rspauth="00", nextnonce="second"')
    sent = read(next(digest.login(CONNECT)))
    assert (sent["nonce"], sent["nc"], sent["realm"]) == ("second", "00000001", "r")
    digest.informed("garbage")
    digest.informed("")
    assert read(next(digest.login(CONNECT)))["nc"] == "00000002"


def test_the_next_nonce_goes_on_with_the_session() -> None:
    """§3.6: only a challenge begins one; §3.4.2: its nonce and cnonce make the key."""
    digest = Digest("u", "p", cnonce=numbered())
    first = read(next(digest.login(CONNECT, offer(algorithm="MD5-sess"))))
    digest.informed('nextnonce="m"')
    second = read(next(digest.login(CONNECT)))
    key = md5(f"{md5('u:r:p')}:n:{first['cnonce']}")
    assert (second["nonce"], second["cnonce"]) == ("m", first["cnonce"])
    assert second["response"] == md5(f"{key}:m:00000001:{first['cnonce']}:auth:{md5('CONNECT:index.example:443')}")


def test_names_that_are_not_ascii_are_extended() -> None:
    value = next(Digest("Jäsøn Doe", "p", cnonce=lambda: "c").login(CONNECT, offer()))
    assert "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, " in value  # §3.4.4
    assert "username=" not in value


def test_names_and_realms_are_quoted_as_they_came() -> None:
    realm = 'Müller "intern"'.encode().decode("latin-1")  # UTF-8, as a header field shows it
    value = next(Digest("CORP\\alice", "p", cnonce=lambda: "c").login(CONNECT, offer(realm=realm)))
    sent = read(value)
    assert 'username="CORP\\\\alice"' in value
    assert sent["realm"] == realm
    key = md5('CORP\\alice:Müller "intern":p')
    assert sent["response"] == md5(f"{key}:n:00000001:c:auth:{md5('CONNECT:index.example:443')}")


def test_broken_utf8_is_not_sent() -> None:
    with pytest.raises(Unusable):
        next(Digest("u", "secret\udcff", cnonce=lambda: "c").login(CONNECT, offer()))


@given(
    st.lists(st.dictionaries(st.sampled_from(["realm", "nonce", "qop", "algorithm", "stale"]), st.text()), max_size=4)
)
def test_arbitrary_challenges_raise_nothing_else(offered: list[dict[str, str]]) -> None:
    login = mufasa().login(CONNECT, [Challenge("digest", params=params) for params in offered])
    try:
        value = next(login)
        login.send([Challenge("digest", params=params) for params in offered])
    except (Unusable, Rejected):
        return
    assert "Circle of Life" not in value
