"""What listens where the proxy should be: every kind is named, and the fix says how to write it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from tests.contracts.stream import serving as certified
from tests.doctor.proxied import case, found, tried
from tests.servers.counting_proxy import CountingProxy
from tests.servers.rude_proxy import RudeProxy, Say
from tests.servers.socks_server import SocksServer

from pipway.doctor.base import Status


def answer(status: str, *fields: str) -> Say:
    lines = "".join(f"{field}\r\n" for field in (*fields, "Content-Length: 0"))
    return Say(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode(), then="close")


@pytest.fixture
def tls() -> ssl.SSLContext:
    return certified(trustme.CA(), "127.0.0.1")


async def test_an_http_proxy_is_known_with_its_software(tmp_path: Path) -> None:
    async with RudeProxy([answer("403 Forbidden", "Server: squid/6.12")]) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None))))
    assert (results[0][0], results[0][1].status) == ("proxy", Status.WORKS)
    assert "squid/6.12" in results[0][1].says


@pytest.mark.parametrize(
    "said",
    [
        answer("405 Method Not Allowed", "Server: nginx"),
        answer("400 Bad Request"),
        Say(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", then="close"),
    ],
    ids=["405", "400", "a page"],
)
async def test_a_web_server_is_none(tmp_path: Path, said: Say) -> None:
    async with RudeProxy([said]) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None))))
    step, finding = found(results)
    assert (step, finding.id) == ("proxy", "not-a-proxy")
    assert finding.fix is not None
    assert finding.fix.commands == ("export HTTPS_PROXY=http://HOST:PORT",)


async def test_a_listener_with_tls_behind_http(tmp_path: Path, tls: ssl.SSLContext) -> None:
    async with CountingProxy(tls=tls) as server:
        url = str(server.parent(user=None)).replace("https:", "http:")
        _, results = await tried(case(tmp_path, url))
    step, finding = found(results)
    assert (step, finding.id) == ("proxy", "proxy-speaks-tls")
    assert finding.fix is not None
    assert finding.fix.commands == ('export HTTPS_PROXY="https://${HTTPS_PROXY#*://}"',)


@pytest.mark.slow
async def test_a_plain_proxy_behind_https(tmp_path: Path) -> None:
    async with CountingProxy() as server:
        url = f"https://alice:geheim@127.0.0.1:{server.parent().port}"
        _, results = await tried(case(tmp_path, url, patience=0.5))
    step, finding = found(results)
    assert (step, finding.id) == ("proxy", "https-scheme-for-plain-proxy")
    assert finding.fix is not None
    assert finding.fix.commands == ('export HTTPS_PROXY="http://${HTTPS_PROXY#*://}"',)
    assert "geheim" not in str(results)


async def test_a_proxy_whose_own_certificate_is_not_known(tmp_path: Path, tls: ssl.SSLContext) -> None:
    async with CountingProxy(tls=tls) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None))))
    assert found(results)[1].id == "proxy-certificate-untrusted"


@pytest.mark.parametrize("scheme", ["http", "socks4"])
async def test_a_socks_proxy_behind_another_scheme(tmp_path: Path, scheme: str) -> None:
    async with SocksServer() as server:
        _, results = await tried(case(tmp_path, f"{scheme}://127.0.0.1:{server.port}"))
    step, finding = found(results)
    assert (step, finding.id) == ("proxy", "proxy-speaks-socks")
    assert finding.fix is not None
    assert "PIPWAY_PARENT=socks5h://127.0.0.1:" in finding.fix.commands[0]


async def test_an_http_proxy_behind_socks(tmp_path: Path) -> None:
    async with CountingProxy() as server:
        _, results = await tried(case(tmp_path, f"socks5h://127.0.0.1:{server.parent().port}"))
    assert found(results)[1].id == "socks-scheme-for-http-proxy"


async def test_what_hangs_up_and_is_nothing_else(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        _, results = await tried(case(tmp_path, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert found(results)[1].id == "proxy-hangs-up"


@pytest.mark.slow
async def test_what_says_nothing(tmp_path: Path) -> None:
    async with RudeProxy([Say(b"")]) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None)), patience=0.1))
    assert found(results)[1].id == "proxy-silent"


async def test_no_secret_is_sent_to_find_out(tmp_path: Path) -> None:
    async with RudeProxy([answer("405 Method Not Allowed")]) as server:
        port = server.parent().port
        await tried(case(tmp_path, f"http://alice:geheim@127.0.0.1:{port}"))
    assert server.logins == 0
    assert server.requests
