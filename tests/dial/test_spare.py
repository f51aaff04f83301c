"""Connections that are logged in ahead: in a burst and nowhere else, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.contracts.dialer import echo, listening
from tests.contracts.stream import trusting
from tests.dial.conftest import Journal
from tests.dial.test_login import RIGHT, Kept
from tests.servers.counting_proxy import CountingProxy, ntlm_users

from pipway.dial import spare
from pipway.dial.base import Stream, Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Direct
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.rejections import Rejections
from pipway.dial.spare import Spares
from pipway.dial.via_http import ViaHttp
from pipway.errors import Unavailable

MakeDialer = Callable[[CountingProxy], ViaHttp]


@pytest.fixture(autouse=True)
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the NTLM proxies know."""
    ntlm_users(tmp_path, monkeypatch, "", "alice", RIGHT)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    async with listening(echo) as found:
        yield found


@pytest.fixture
async def spares() -> AsyncIterator[Spares]:
    made = Spares()
    yield made
    await made.aclose()


@pytest.fixture
def dialer(spares: Spares, tmp_path: Path, authority: trustme.CA) -> MakeDialer:
    """Ways through a proxy, with spares."""
    trace = Journal().trace
    gate = Gate(Rejections(tmp_path / "logins"), trace=trace)
    logins = Logins(gate=gate, credentials=Kept(Credential("alice", password=RIGHT)), schemes=schemes, trace=trace)

    async def trust() -> Any:
        return trusting(authority)

    def make(proxy: CountingProxy) -> ViaHttp:
        parent = proxy.parent(basic_in_clear=True)
        return ViaHttp(parent, Direct(), login=logins.of(parent), trust=trust, trace=trace, spares=spares)

    return make


async def tunnels(dialer: ViaHttp, target: Target, count: int) -> None:
    """One after the other, each used and closed."""
    for _ in range(count):
        stream = await dialer.dial(target)
        await said(stream)
        await stream.aclose()


async def said(stream: Stream) -> None:
    """What goes in comes back."""
    await stream.write(b"hello")
    assert await stream.read() == b"hello"


async def logged_in(proxy: CountingProxy, count: int) -> None:
    """Until the proxy has let so many logons pass, and their answers have arrived."""
    async with asyncio.timeout(5):
        while proxy.good < count:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_in_a_burst_tunnels_find_a_connection_that_is_logged_in(dialer: MakeDialer, target: Target) -> None:
    async with CountingProxy("ntlm") as proxy:
        way = dialer(proxy)
        await tunnels(way, target, 5)
        await logged_in(proxy, 7)
        asked, opened = len(proxy.seen), proxy.connections
        stream = await way.dial(target)
        assert proxy.seen[asked:][0].startswith("CONNECT"), "one request, without a login"
        assert stream.info.hops == ("direct", str(proxy.parent()))
        await said(stream)
        await logged_in(proxy, 8)  # the next one is on its way
        assert proxy.connections - opened == 2  # its own, and the one on which a proxy asks itself
        assert proxy.bad == 0
        await stream.aclose()


async def test_lone_tunnels_make_none_ahead(dialer: MakeDialer, target: Target) -> None:
    async with CountingProxy("ntlm") as proxy:
        await tunnels(dialer(proxy), target, 4)
        await asyncio.sleep(0.05)
        assert proxy.good == 4
        assert not any(line.startswith("GET") for line in proxy.seen)


@pytest.mark.parametrize("login", ["none", "basic", "digest"])
async def test_there_are_none_where_each_request_is_logged_in(dialer: MakeDialer, target: Target, login: str) -> None:
    async with CountingProxy(login) as proxy:
        await tunnels(dialer(proxy), target, 8)
        await asyncio.sleep(0.05)
        assert not any(line.startswith("GET") for line in proxy.seen)


@pytest.mark.parametrize("login", ["none", "basic", "digest"])
async def test_where_each_request_is_logged_in_connections_wait(dialer: MakeDialer, target: Target, login: str) -> None:
    async with CountingProxy(login) as proxy:
        way = dialer(proxy)
        await tunnels(way, target, 5)
        await connected(proxy, 7)  # two ahead
        stream = await way.dial(target)
        await said(stream)
        await connected(proxy, 8)  # the one it took is made again
        assert proxy.connections == 8
        await stream.aclose()


@pytest.mark.parametrize("login", ["none", "basic", "digest"])
async def test_waiting_connections_that_died_are_replaced(dialer: MakeDialer, target: Target, login: str) -> None:
    async with CountingProxy(login) as proxy:
        way = dialer(proxy)
        await tunnels(way, target, 5)
        await connected(proxy, 7)
        proxy.drop()
        await tunnels(way, target, 3)
        assert proxy.bad == 0


async def connected(proxy: CountingProxy, count: int) -> None:
    """Until the proxy has been connected to so many times."""
    async with asyncio.timeout(5):
        while proxy.connections < count:
            await asyncio.sleep(0.005)


async def test_one_that_died_is_replaced_by_a_login(dialer: MakeDialer, target: Target) -> None:
    async with CountingProxy("ntlm") as proxy:
        way = dialer(proxy)
        await tunnels(way, target, 5)
        await logged_in(proxy, 7)
        proxy.drop()
        await tunnels(way, target, 1)


class Forgetful(CountingProxy):
    """Wants a login for each CONNECT, whatever was on the connection before."""

    def _judge(self, method: str, target: str, value: str, session: dict[str, Any]) -> list[str] | None:
        if method == "CONNECT" and not value:
            session.clear()
        return super()._judge(method, target, value, session)


@pytest.mark.slow
async def test_a_parent_that_asks_again_is_given_no_more(dialer: MakeDialer, target: Target) -> None:
    async with Forgetful("ntlm") as proxy:
        way = dialer(proxy)
        await tunnels(way, target, 5)
        await logged_in(proxy, 7)
        await tunnels(way, target, 10)
        await asyncio.sleep(0.05)
        assert sum(line.startswith("GET http") for line in proxy.seen) <= 6  # two requests for each, at most three
        assert proxy.good <= 5 + 3 + 10


async def test_a_refusal_on_one_is_told_at_once(dialer: MakeDialer, target: Target, closed_port: int) -> None:
    async with CountingProxy("ntlm") as proxy:
        way = dialer(proxy)
        await tunnels(way, target, 5)
        await logged_in(proxy, 7)
        asked = len(proxy.seen)
        with pytest.raises(Unavailable) as caught:
            await way.dial(Target("127.0.0.1", closed_port))
        assert caught.value.code == "parent-failed"
        assert len(proxy.seen) == asked + 1


@pytest.mark.slow
async def test_they_are_closed_when_nobody_comes(
    dialer: MakeDialer, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare, "_KEPT", 0.1)
    async with CountingProxy("ntlm") as proxy:
        await tunnels(dialer(proxy), target, 5)
        await logged_in(proxy, 7)
        async with asyncio.timeout(5):
            while proxy.open:
                await asyncio.sleep(0.01)
