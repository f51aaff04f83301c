"""The transcript that is handed to others: what was asked and answered, without anything that lets somebody in."""

from __future__ import annotations

import base64

from tests.servers.rude_proxy import RudeProxy, Say

from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.doctor.transcript import Recording, described
from pipway.wire.auth.ntlm_challenge import HELLO

TOKEN = base64.b64encode(b"NTLMSSP\0\x02\0\0\0" + b"secret challenge" * 4).decode()


async def said(answer: bytes, request: bytes) -> str:
    lines: list[str] = []
    async with RudeProxy([Say(answer, then="close")]) as server:
        port = server.parent().port
        stream = await Recording(Direct(), lines).dial(Target("127.0.0.1", port))
        await stream.write(request)
        while await stream.read():
            pass
        await stream.aclose()
    return "\n".join(lines)


async def test_heads_are_there_and_secrets_are_not() -> None:
    request = (
        b"CONNECT index.example:443 HTTP/1.1\r\nHost: index.example:443\r\nProxy-Authorization: Basic "
        + base64.b64encode(b"alice:geheim")
        + b"\r\nCookie: session=geheim\r\n\r\n"
    )
    answer = (
        b"HTTP/1.1 407 no\r\nServer: squid/6.12\r\nProxy-Authenticate: NTLM "
        + TOKEN.encode()
        + b'\r\nProxy-Authenticate: Digest realm="corp", nonce="geheim", qop="auth"\r\n'
        + b'Proxy-Authenticate: Basic realm="headquarters"\r\nContent-Length: 6\r\n\r\ngeheim'
    )
    text = await said(answer, request)
    assert "geheim" not in text
    assert base64.b64encode(b"alice:geheim").decode() not in text
    assert TOKEN not in text
    for kept in (
        "> CONNECT index.example:443 HTTP/1.1",
        "> Proxy-Authorization: Basic (12 bytes)",
        "< HTTP/1.1 407 no",
        "< Server: squid/6.12",
        "< Proxy-Authenticate: NTLM (NTLM message 2, 76 bytes)",
        'realm="corp"',
        '< Proxy-Authenticate: Basic realm="headquarters"',
    ):
        assert kept in text


async def test_what_is_no_http_is_shown_shortened() -> None:
    text = await said(b"SSH-2.0-x\r\n" + b"y" * 500, b"CONNECT a:1 HTTP/1.1\r\n\r\n")
    assert "< (not HTTP) b'SSH-2.0-x" in text
    assert len(text) < 300


async def test_a_login_in_a_request_line_is_hidden() -> None:
    text = await said(b"HTTP/1.1 200 ok\r\n\r\n", b"GET http://alice:geheim@index.example/ HTTP/1.1\r\n\r\n")
    assert "geheim" not in text


async def test_an_unknown_scheme_is_hidden_whole() -> None:
    text = await said(b"HTTP/1.1 200 ok\r\n\r\n", b"GET / HTTP/1.1\r\nAuthorization: Corp geheim\r\n\r\n")
    assert "geheim" not in text


async def test_a_connection_that_cannot_be_opened_is_noted() -> None:
    lines: list[str] = []
    try:
        await Recording(Direct(), lines).dial(Target("127.0.0.1", 1))
    except Exception:
        assert "cannot connect to 127.0.0.1:1" in lines[0]
    else:
        raise AssertionError("it was opened")


def test_a_token_is_described_by_its_kind_and_length() -> None:
    assert described(base64.b64encode(HELLO).decode()) == "NTLM message 1, 32 bytes"
    assert described("YII=") == "2 bytes"
    assert described("!") == "a token"
