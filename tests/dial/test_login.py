"""Logging in to parents: every scheme, over CONNECT and in absolute-form, and never twice with what was refused."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.contracts.dialer import echo, listening
from tests.contracts.stream import serving, trusting
from tests.dial.conftest import Journal, believing
from tests.servers.counting_proxy import CountingProxy, ntlm_users
from tests.servers.tiny_http import Exchange, Reply

from pipway.dial.base import Stream, Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Direct
from pipway.dial.gate import Gate
from pipway.dial.http import Client, Limits
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.negotiate.ntlm import nt_hash
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.via_http import ViaHttp
from pipway.errors import NoWayOut, PipwayError

RIGHT, WRONG = "right horse", "wrong battery"


@dataclass
class Kept:
    """A credential store of one."""

    credential: Credential | None

    async def find(self, parent: Parent) -> Credential | None:
        return self.credential


class World:
    """Everything that a dial through a parent needs; `restart` forgets all but the disk."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.journal = Journal()
        self.trace = self.journal.trace
        self.kept = Kept(Credential("alice", password=RIGHT))
        self._folder = folder
        self._context = trusting(authority)
        self.restart()

    def restart(self) -> None:
        gate = Gate(Rejections(self._folder / "logins"), trace=self.trace)
        self.logins = Logins(gate=gate, credentials=self.kept, schemes=schemes, trace=self.trace)

    def dialer(self, parent: Parent) -> ViaHttp:
        async def trust() -> Any:
            return self._context

        return ViaHttp(parent, Direct(), login=self.logins.of(parent), trust=trust, trace=self.trace)


@pytest.fixture
def world(tmp_path: Path, authority: trustme.CA) -> World:
    return World(tmp_path, authority)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    async with listening(echo) as found:
        yield found


@pytest.fixture(params=["basic", "digest", "ntlm"])
async def proxy(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CountingProxy]:
    ntlm_users(tmp_path, monkeypatch, "", "alice", RIGHT)
    async with CountingProxy(request.param) as found:
        yield found


async def used(stream: Stream) -> None:
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    await stream.aclose()


def of(proxy: CountingProxy, **facts: Any) -> Parent:
    return proxy.parent(basic_in_clear=True, **facts)


async def test_logs_in_and_tunnels(world: World, proxy: CountingProxy, target: Target) -> None:
    dialer = world.dialer(of(proxy))
    for _ in range(3):
        await used(await dialer.dial(target))
    assert (proxy.good, proxy.bad) == (3, 0)
    # Only the first dial had to be asked; NTLM has a refusal in the middle of each login.
    assert proxy.refusals == (1 + 3 if proxy.login == "ntlm" else 1)
    assert proxy.connections == 3


@pytest.mark.slow
async def test_a_wrong_password_is_sent_once_by_200_dials_and_after_a_restart(
    world: World, proxy: CountingProxy, target: Target
) -> None:
    world.kept.credential = Credential("alice", password=WRONG)
    dialer = world.dialer(of(proxy))
    failures = await asyncio.gather(*(dialer.dial(target) for _ in range(200)), return_exceptions=True)
    assert {(type(failure), getattr(failure, "code", "")) for failure in failures} == {
        (NoWayOut, "credential-rejected")
    }
    assert (proxy.good, proxy.bad) == (0, 1)
    world.restart()
    with pytest.raises(NoWayOut) as caught:
        await world.dialer(of(proxy)).dial(target)
    assert (proxy.good, proxy.bad) == (0, 1)
    assert caught.value.what == f"alice was rejected by {of(proxy).address} ({SHOWN[proxy.login]})"
    assert "pipway credentials rotate alice@" in caught.value.fix
    assert WRONG not in str(caught.value)


SHOWN = {"basic": "Basic", "digest": "Digest", "ntlm": "NTLM"}


async def test_a_changed_password_is_tried_without_a_restart(
    world: World, proxy: CountingProxy, target: Target
) -> None:
    world.kept.credential = Credential("alice", password=WRONG)
    dialer = world.dialer(of(proxy))
    with pytest.raises(NoWayOut):
        await dialer.dial(target)
    world.kept.credential = Credential("alice", password=RIGHT)
    await used(await dialer.dial(target))
    assert (proxy.good, proxy.bad) == (1, 1)


async def test_a_person_may_say_that_it_was_right_all_along(world: World, proxy: CountingProxy, target: Target) -> None:
    right, proxy.password = proxy.password, "locked for the moment"
    if proxy.login == "ntlm":
        world.kept.credential = Credential("alice", password=WRONG)
    dialer = world.dialer(of(proxy))
    with pytest.raises(NoWayOut):
        await dialer.dial(target)
    proxy.password = right
    with pytest.raises(NoWayOut):
        await dialer.dial(target)
    if proxy.login == "ntlm":
        world.kept.credential = Credential("alice", password=RIGHT)
    assert world.logins.gate.forget("alice") == 1
    await used(await dialer.dial(target))


async def test_a_proven_password_that_stops_being_right_is_sent_once_more(
    world: World, proxy: CountingProxy, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialer = world.dialer(of(proxy))
    await used(await dialer.dial(target))
    proxy.password = "another since this morning"
    ntlm_users(tmp_path, monkeypatch, "", "alice", proxy.password)
    for _ in range(5):
        with pytest.raises(NoWayOut):
            await dialer.dial(target)
    assert (proxy.good, proxy.bad) == (1, 1)


async def test_a_parent_that_closes_after_asking(world: World, proxy: CountingProxy, target: Target) -> None:
    """As ISA and squid do it: reconnect, then begin."""
    proxy.close_first = True
    await used(await world.dialer(of(proxy)).dial(target))
    assert (proxy.good, proxy.bad, proxy.connections) == (1, 0, 2)


async def test_through_a_parent_with_tls(world: World, authority: trustme.CA, target: Target) -> None:
    """Basic is fine there without being allowed."""
    async with CountingProxy("basic", tls=serving(authority, "127.0.0.1")) as proxy:
        stream = await world.dialer(proxy.parent()).dial(target)
        assert stream.info.tls is None, "the tunnel itself is clear"
        await used(stream)
    assert proxy.good == 1


async def test_basic_is_not_sent_in_clear_unless_allowed(world: World, target: Target) -> None:
    async with CountingProxy("basic") as proxy:
        with pytest.raises(NoWayOut) as caught:
            await world.dialer(proxy.parent()).dial(target)
    assert (proxy.good, proxy.bad) == (0, 0)
    assert "--basic-in-clear" in caught.value.fix
    assert "it offers Basic" in caught.value.why


async def test_nothing_is_sent_to_a_parent_that_nobody_named(
    world: World, proxy: CountingProxy, target: Target
) -> None:
    with pytest.raises(NoWayOut) as caught:
        await world.dialer(replace(of(proxy), named=False)).dial(target)
    assert (proxy.good, proxy.bad) == (0, 0)
    assert caught.value.code == "parent-not-named"


async def test_no_credential_is_an_error_that_says_what_to_do(
    world: World, proxy: CountingProxy, target: Target
) -> None:
    world.kept.credential = None
    parent = of(proxy)
    with pytest.raises(NoWayOut) as caught:
        await world.dialer(parent).dial(target)
    assert caught.value.fix == f"pipway credentials add alice@{parent.address}"


async def test_an_nt_hash_is_enough_for_ntlm(
    world: World, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntlm_users(tmp_path, monkeypatch, "", "alice", RIGHT)
    world.kept.credential = Credential("alice", nt_hash=nt_hash(RIGHT))
    async with CountingProxy("ntlm") as proxy:
        await used(await world.dialer(proxy.parent()).dial(target))
    assert proxy.good == 1


async def test_ntlm_cannot_pass_a_parent_that_speaks_http_1_0(
    world: World, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It closes after each answer, and the error says so."""
    ntlm_users(tmp_path, monkeypatch, "", "alice", RIGHT)
    async with CountingProxy("ntlm", version="1.0") as proxy:
        with pytest.raises(NoWayOut) as caught:
            await world.dialer(proxy.parent()).dial(target)
    assert "HTTP/1.0" in caught.value.why
    assert proxy.bad == 0


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
async def test_digest_with_each_algorithm_and_a_stale_nonce(world: World, target: Target, algorithm: str) -> None:
    """RFC 7616 §3.3: stale is no rejection."""
    async with CountingProxy("digest", algorithm=algorithm, stale_after=2) as proxy:
        dialer = world.dialer(proxy.parent())
        for _ in range(6):
            await used(await dialer.dial(target))
    assert (proxy.good, proxy.bad) == (6, 0)
    assert proxy.refusals == 3


async def test_without_pyspnego_ntlm_says_so_and_the_rest_works(
    world: World, proxy: CountingProxy, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spnego", None)
    dialer = world.dialer(of(proxy))
    if proxy.login != "ntlm":
        await used(await dialer.dial(target))
        return
    with pytest.raises(NoWayOut) as caught:
        await dialer.dial(target)
    assert "NTLM needs pyspnego, which cannot be loaded" in caught.value.why
    assert "pip install" in caught.value.fix
    assert (proxy.good, proxy.bad) == (0, 0)


async def test_the_next_nonce_saves_the_refusal_of_a_stale_one(world: World, target: Target) -> None:
    """RFC 7616 §3.5; squid does so."""
    async with CountingProxy("digest", stale_after=2, announces=True) as proxy:
        dialer = world.dialer(proxy.parent())
        for _ in range(6):
            await used(await dialer.dial(target))
    assert (proxy.good, proxy.bad, proxy.refusals) == (6, 0, 1)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_http_1_0_is_reported_once(world: World, target: Target, version: str) -> None:
    """P36: also where it works, so that a person knows why NTLM would not."""
    async with CountingProxy("basic", version=version) as proxy:
        dialer = world.dialer(of(proxy))
        for _ in range(2):
            await used(await dialer.dial(target))
        remarks = world.journal.facts("parent.remark")
        assert [facts["parent"] for facts in remarks] == ([of(proxy).address] if version == "1.0" else [])


def client_of(world: World, parent: Parent, authority: trustme.CA) -> Client:
    limits = Limits(connect=10, first_byte=10, stall=10)
    trust = believing(trusting(authority))
    return Client(world.dialer(parent), trust=trust, limits=limits, user_agent="pipway/test", trace=world.trace)


async def test_clear_requests_are_forwarded_in_absolute_form(
    world: World, proxy: CountingProxy, serve: Callable[..., Any], authority: trustme.CA
) -> None:
    """RFC 9112 §3.2.2; one connection, and the login holds for it (NTLM) or goes with each request."""
    seen = []

    async def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        await exchange.answer(Reply(body=b"body", headers={"Connection": "close"}))
        raise exchange.hang_up()

    server = await serve(handler)
    client = client_of(world, of(proxy), authority)
    for _ in range(3):
        response = await client.request("GET", f"{server.origin}/file?x=1")
        assert await response.read(100) == b"body"
    await client.aclose()
    assert proxy.connections == 1
    assert proxy.seen[-1] == f"GET {server.origin}/file?x=1 HTTP/1.1"
    assert proxy.good == (1 if proxy.login == "ntlm" else 3)
    assert not any("authorization" in name.lower() for request in seen for name in request.headers)


async def test_an_origin_cannot_name_the_next_nonce(
    world: World, serve: Callable[..., Any], authority: trustme.CA
) -> None:
    """RFC 9110 §11.7.3: the field is the parent's; a nonce that it does not know could pass for a wrong password."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(
            Reply(body=b"", headers={"Connection": "close", "Proxy-Authentication-Info": 'nextnonce="x"'})
        )
        raise exchange.hang_up()

    server = await serve(handler)
    async with CountingProxy("digest") as proxy:
        client = client_of(world, proxy.parent(), authority)
        for _ in range(2):
            response = await client.request("GET", f"{server.origin}/file")
            assert response.header("proxy-authentication-info") is not None
            await response.read(100)
        await client.aclose()
    assert (proxy.good, proxy.refusals) == (2, 1)


@pytest.mark.slow
async def test_200_forwarded_requests_with_a_wrong_password_are_one_logon(
    world: World, proxy: CountingProxy, authority: trustme.CA
) -> None:
    world.kept.credential = Credential("alice", password=WRONG)
    client = client_of(world, of(proxy), authority)
    asked = [client.request("GET", "http://files.example/") for _ in range(200)]
    failures = await asyncio.gather(*asked, return_exceptions=True)
    await client.aclose()
    assert {getattr(failure, "code", failure) for failure in failures} == {"credential-rejected"}
    assert proxy.bad == 1


@pytest.mark.slow
async def test_cancelled_dials_release_the_first_logon(world: World, proxy: CountingProxy, target: Target) -> None:
    """Wherever it is cancelled: the next one can log in, and no socket is left (the folder's conftest looks)."""
    for turns in range(25):
        world.restart()
        dialing = asyncio.create_task(world.dialer(of(proxy)).dial(target))
        for _ in range(turns):
            await asyncio.sleep(0)
        dialing.cancel()
        async with AsyncExitStack() as stack:
            with suppress(asyncio.CancelledError):
                stack.push_async_callback((await dialing).aclose)
        world.logins.gate.forget()
        await used(await world.dialer(of(proxy)).dial(target))
    assert proxy.bad == 0


async def test_a_dead_parent_is_told_from_a_dead_target(world: World, proxy: CountingProxy) -> None:
    dead = replace(of(proxy), port=1)
    with pytest.raises(PipwayError) as caught:
        await world.dialer(dead).dial(Target("127.0.0.1", 1))
    assert caught.value.code == "parent-unreachable"
    with pytest.raises(PipwayError) as caught:
        await world.dialer(of(proxy)).dial(Target("127.0.0.1", 1))
    assert caught.value.code == "parent-failed"
