"""CONNECT through proxies without manners: bytes are kept, errors are words, and no password is sent twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme
from tests.dial.test_login import World
from tests.servers.rude_proxy import RudeProxy, Say

from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
from pipway.errors import BadUpstream, NoWayOut, PipwayError, Unavailable

FILES = Target("files.example", 443)
OK = b"HTTP/1.1 200 fine\r\n\r\n"


def refusal(*challenges: str, body: bytes = b"", extra: str = "", version: str = "1.1") -> bytes:
    """A 407."""
    offers = "".join(f"Proxy-Authenticate: {challenge}\r\n" for challenge in challenges)
    return f"HTTP/{version} 407 no\r\n{offers}{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


BASIC = 'Basic realm="x"'


@pytest.fixture
def world(tmp_path: Path, authority: trustme.CA) -> World:
    return World(tmp_path, authority)


async def through(world: World, *answers: Say | bytes) -> tuple[RudeProxy, bytes | PipwayError]:
    """The tunnel's first bytes, or the error."""
    said = [answer if isinstance(answer, Say) else Say(answer) for answer in answers]
    async with RudeProxy(said) as proxy:
        try:
            async with asyncio.timeout(20):
                stream = await world.dialer(proxy.parent()).dial(FILES)
        except PipwayError as error:
            return proxy, error
        data = b""
        if not stream.quiet:
            data = await stream.read()
        await stream.aclose()
        return proxy, data


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.0 200 Connection established\r\n\r\n",
        b"HTTP/1.1 204 also a yes\r\n\r\n",
        b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 fine\r\n\r\n",
        b"HTTP/1.1 200 fine\r\nX: " + b"y" * 60000 + b"\r\n\r\n",
    ],
)
async def test_a_yes_in_any_form_and_pieces(world: World, answer: bytes, piece: int) -> None:
    """RFC 9110 §9.3.6: any 2xx, without a body whatever its head says; what follows is the tunnel's."""
    _, data = await through(world, Say(answer, piece if len(answer) < 1000 else max(piece, 1000)))
    assert data == b""


async def test_early_bytes_are_the_tunnels(world: World) -> None:
    _, data = await through(world, OK + b"220 early")
    assert data == b"220 early"
    _, data = await through(world, b"HTTP/1.1 200 fine\r\nContent-Length: 9\r\n\r\n220 early")
    assert data == b"220 early"


@pytest.mark.parametrize(
    "asking",
    [
        Say(refusal(BASIC)),
        Say(refusal(BASIC), then="close"),
        Say(refusal(BASIC, extra="Connection: close\r\n"), then="close"),
        Say(refusal(BASIC, extra="Proxy-Connection: close\r\n"), then="close"),
        Say(refusal(BASIC, version="1.0"), then="close"),
        Say(b"HTTP/1.1 407 no\r\nProxy-Authenticate: Basic realm=x\r\n\r\n<html>until it closes", then="close"),
        Say(refusal(BASIC, body=b"x" * 60000), piece=1000),
        Say(refusal(BASIC, body=b"x" * 5_000_000)),
        Say(b"HTTP/1.1 407 no\r\nProxy-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        Say(refusal("Bearer, Unknown token68==, Digest realm=x", BASIC)),
        Say(refusal("garbage==,,,", '"', "Basic")),
        Say(b"HTTP/1.1 407 authenticationrequired\r\nPROXY-AUTHENTICATE: bASIC\r\nContent-Length: 0\r\n\r\n", piece=1),
    ],
)
async def test_a_login_whatever_way_it_is_asked_for(world: World, asking: Say) -> None:
    world.kept.credential = Credential("alice", password="right horse")
    proxy, data = await through(world, asking, OK)
    assert data == b""
    assert proxy.logins == 1
    assert b"Basic YWxpY2U6cmlnaHQgaG9yc2U=" in proxy.requests[-1]


@pytest.mark.parametrize(
    ("answers", "code", "logins"),
    [
        ([refusal()], "parent-wants-login", 0),
        ([refusal("Bearer", "Unknown x=y")], "login-required", 0),
        ([refusal(BASIC)], "credential-rejected", 1),
        ([refusal(BASIC), Say(b"", then="close")], "parent-silent", 1),
        ([refusal(BASIC), Say(b"HTTP/1.1 2", then="close")], "parent-silent", 1),
        ([refusal(BASIC), Say(b"", then="reset")], "connection-reset", 1),
        ([refusal(BASIC), b"HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n"], "credential-rejected", 1),
        ([b"HTTP/1.1 403 Forbidden by policy 7\r\nContent-Length: 0\r\n\r\n"], "parent-forbids", 0),
        ([b"HTTP/1.1 302 See\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n"], "parent-forbids", 0),
        ([b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"], "parent-failed", 0),
        ([b"HTTP/1.1 504 Slow\r\nContent-Length: 0\r\n\r\n"], "parent-failed", 0),
        ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], "bad-framing", 0),
        ([b"\x05\x00\x00\x01\r\n\r\n"], "bad-framing", 0),
        ([b"HTTP/1.1 200 ok\nX: y\n\n"], "bad-framing", 0),
        ([b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"], "bad-framing", 0),
        ([b"HTTP/1.1 200 fine\r\nX: " + b"y" * 200000], "head-too-large", 0),
        ([Say(b"", then="close")], "parent-silent", 0),
        ([Say(b"", then="reset")], "connection-reset", 0),
    ],
)
async def test_a_no_in_any_form_is_one_error_with_a_fix(
    world: World, answers: list[Say | bytes], code: str, logins: int
) -> None:
    proxy, error = await through(world, *answers)
    assert isinstance(error, PipwayError), error
    assert error.code == code
    assert error.what
    assert error.fix or isinstance(error, BadUpstream | NoWayOut)
    assert proxy.logins == logins
    assert "right horse" not in str(error)


async def test_what_the_proxy_says_is_quoted_and_tamed(world: World) -> None:
    _, error = await through(world, b"HTTP/1.1 403 \x1b[31mblocked\x07 by rule 7\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(error, NoWayOut)
    assert "(403 [31mblocked by rule 7)" in error.what


async def test_asking_for_ever_ends(world: World) -> None:
    """A challenge loop: Digest calls every nonce stale; one login each, a handful in all."""
    stale = [refusal(f'Digest realm="x", nonce="{n}", qop="auth", stale=true') for n in range(50)]
    proxy, error = await through(world, *stale)
    assert isinstance(error, NoWayOut)
    assert proxy.logins <= 4


async def test_ntlm_challenges_that_are_rubbish(world: World) -> None:
    for challenge in ("NTLM !!!", "NTLM AAAA", "NTLM TlRMTVNTUAADAAAA", "NTLM " + "TlRMTVNTUAACAAAA" + "/" * 4000):
        proxy, error = await through(world, refusal("NTLM"), refusal(challenge))
        assert isinstance(error, NoWayOut), challenge
        assert proxy.logins <= 2


async def test_an_ntlm_login_that_is_cut_begins_again_once(world: World) -> None:
    """As cntlm does it; a second time it would never end."""
    challenge = "NTLM TlRMTVNTUAACAAAAAAAAADgAAAAFgokCAAAAAAAAAAAAAAAAAAAAADgAAAAKALpHAAAADw=="
    asking, cut = Say(refusal("NTLM")), Say(refusal(challenge, extra="Connection: close\r\n"), then="close")
    proxy, error = await through(world, asking, cut)
    assert isinstance(error, NoWayOut)
    assert error.code == "parent-closes"
    assert proxy.logins == 2


async def test_silence_is_the_callers_deadline(world: World) -> None:
    """And leaves nothing behind: the folder's conftest looks."""
    async with RudeProxy([Say(b"HTTP/1.1 200")]) as proxy:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await world.dialer(proxy.parent()).dial(FILES)


async def test_the_target_is_named_as_it_is(world: World) -> None:
    """Never looked up here; IPv6 in brackets (RFC 9110 §9.3.6)."""
    async with RudeProxy([Say(OK)]) as proxy:
        for target in (FILES, Target("2001:db8::1", 443)):
            await (await world.dialer(proxy.parent()).dial(target)).aclose()
    assert proxy.requests[0].startswith(b"CONNECT files.example:443 HTTP/1.1\r\nHost: files.example:443\r\n")
    assert proxy.requests[1].startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")
    assert b"proxy-connection: keep-alive" in proxy.requests[0].lower()


def test_unavailable_lets_the_next_parent_try() -> None:
    assert issubclass(NoWayOut, Unavailable)
