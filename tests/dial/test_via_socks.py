"""ViaSocks: the dialer contract in all four schemes, replies in words, the password behind the gate, rude servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.dialer import DialerContract, echo, listening
from tests.contracts.stream import read_all
from tests.dial.conftest import Journal
from tests.servers.socks_server import SocksServer

from pipway.dial.base import Dialer, Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Address, Direct, Resolver
from pipway.dial.gate import Gate
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.via_socks import ViaSocks
from pipway.errors import NoWayOut, PipwayError, Unavailable
from pipway.wire.proxy_url import ProxyScheme

ALICE = Credential("alice", "open sesame")
ANYWHERE = Target("files.example", 443)


class Purse:
    """Credentials of one person, and who asked for them."""

    def __init__(self, credential: Credential | None = None) -> None:
        self.credential = credential
        self.asked: list[Parent] = []

    async def find(self, parent: Parent) -> Credential | None:
        self.asked.append(parent)
        return self.credential


@pytest.fixture
async def socks() -> AsyncIterator[SocksServer]:
    async with SocksServer() as server:
        yield server


@pytest.fixture
def gate(tmp_path: Path, journal: Journal) -> Gate:
    return Gate(Rejections(tmp_path / "rejections"), trace=journal.trace)


class Way:
    """Makes the dialer of a test."""

    def __init__(self, gate: Gate, journal: Journal) -> None:
        self.gate = gate
        self.journal = journal

    def __call__(
        self, parent: Parent, credential: Credential | None = None, inner: Dialer | None = None, **more: Any
    ) -> ViaSocks:
        return ViaSocks(
            parent,
            inner or Direct(),
            gate=self.gate,
            credentials=Purse(credential),
            trace=self.journal.trace,
            **more,
        )


@pytest.fixture
def way(gate: Gate, journal: Journal) -> Way:
    return Way(gate, journal)


class TestSocks5h(DialerContract):
    unknown_name = "host-unreachable"

    @pytest.fixture
    def dialer(self, socks: SocksServer, way: Way) -> Dialer:
        return way(socks.parent("socks5h"))


class TestSocks5(DialerContract):
    @pytest.fixture
    def dialer(self, socks: SocksServer, way: Way) -> Dialer:
        return way(socks.parent("socks5"))


class TestSocks4a(DialerContract):
    refusal = "parent-failed"
    unknown_name = "parent-failed"

    @pytest.fixture
    def dialer(self, socks: SocksServer, way: Way) -> Dialer:
        return way(socks.parent("socks4a"))


class TestSocks4(DialerContract):
    refusal = "parent-failed"

    @pytest.fixture
    def dialer(self, socks: SocksServer, way: Way) -> Dialer:
        return way(socks.parent("socks4"))


class TestWithALoginAndDrippingReplies(DialerContract):
    unknown_name = "host-unreachable"

    @pytest.fixture
    def dialer(self, socks: SocksServer, way: Way) -> Dialer:
        socks.users, socks.drip = {"alice": "open sesame"}, True
        return way(socks.parent(user="alice"), ALICE)


def address(host: str, port: int = 80) -> Address:
    return (10, 1, 6, (host, port, 0, 0)) if ":" in host else (2, 1, 6, (host, port))


def knowing(*addresses: Address) -> Resolver:
    async def resolve(target: Target) -> Sequence[Address]:
        return addresses

    return resolve


async def nobody_may_ask(target: Target) -> Sequence[Address]:
    raise AssertionError(f"{target} was looked up here")


async def failure(dialer: Dialer, target: Target = ANYWHERE) -> PipwayError:
    with pytest.raises(PipwayError) as caught:
        await dialer.dial(target)
    return caught.value


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
async def test_names_are_left_to_the_proxy(socks: SocksServer, way: Way, scheme: ProxyScheme) -> None:
    """Whoever sits behind a proxy often cannot look them up."""
    async with listening(echo) as target:
        stream = await way(socks.parent(scheme), resolve=nobody_may_ask).dial(Target("localhost", target.port))
        assert stream.info.hops == ("direct", f"{scheme}://127.0.0.1:{socks.port}")
        await stream.aclose()
    assert [host for _, host, _ in socks.requests] == ["localhost"]


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_names_are_looked_up_here(socks: SocksServer, way: Way, scheme: ProxyScheme) -> None:
    """And the next address is tried where the proxy cannot reach the first; SOCKS 4 leaves IPv6 out."""
    async with listening(echo) as target:
        addresses = knowing(address("::1"), address("127.0.0.2"), address("127.0.0.1"))
        stream = await way(socks.parent(scheme), resolve=addresses).dial(Target("files.example", target.port))
        await stream.aclose()
    tried = [host for _, host, _ in socks.requests]
    assert tried == (["127.0.0.2", "127.0.0.1"] if scheme == "socks4" else ["::1", "127.0.0.2", "127.0.0.1"])


async def test_only_some_addresses_of_a_name_are_tried(socks: SocksServer, way: Way, closed_port: int) -> None:
    many = knowing(*(address(f"127.0.0.{number}") for number in range(1, 100)))
    error = await failure(way(socks.parent("socks5"), resolve=many), Target("files.example", closed_port))
    assert error.code == "connection-refused"
    assert "files.example" in error.what
    assert socks.connections == 4


async def test_a_name_without_ipv4_for_socks4(socks: SocksServer, way: Way) -> None:
    error = await failure(way(socks.parent("socks4"), resolve=knowing(address("::1"))))
    assert (error.code, socks.connections) == ("name-not-found", 0)
    assert "IPv4" in error.why
    assert "socks5h" in error.fix


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (1, "parent-failed"),
        (2, "parent-forbids"),
        (3, "network-unreachable"),
        (4, "host-unreachable"),
        (5, "connection-refused"),
        (6, "connect-timeout"),
        (7, "parent-unsupported"),
        (8, "parent-unsupported"),
        (9, "parent-failed"),
        (255, "parent-failed"),
    ],
)
async def test_replies_of_socks5_in_words(
    socks: SocksServer, way: Way, journal: Journal, reply: int, code: str
) -> None:
    """RFC 1928 §6. Another parent may do better, so all are Unavailable."""
    socks.refuse = reply
    error = await failure(way(socks.parent()))
    assert error.code == code
    assert isinstance(error, Unavailable)
    assert error.what == f"127.0.0.1:{socks.port} cannot connect to files.example:443"
    assert error.why
    assert error.fix
    assert len(error.what) <= 160
    assert journal.facts("parent.refused") == [{"parent": f"127.0.0.1:{socks.port}", "code": code}]


@pytest.mark.parametrize(
    ("reply", "code"),
    [(0x5B, "parent-failed"), (0x5C, "parent-forbids"), (0x5D, "parent-forbids"), (0, "parent-failed")],
)
async def test_replies_of_socks4_in_words(socks: SocksServer, way: Way, reply: int, code: str) -> None:
    socks.refuse = reply
    error = await failure(way(socks.parent("socks4a")))
    assert (error.code, isinstance(error, Unavailable), bool(error.why and error.fix)) == (code, True, True)


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
@pytest.mark.parametrize("drip", [True, False])
async def test_early_bytes_are_kept(socks: SocksServer, way: Way, scheme: ProxyScheme, drip: bool) -> None:
    socks.early, socks.drip = bytes(range(256)) * 40, drip
    async with listening(echo) as target:
        stream = await way(socks.parent(scheme)).dial(target)
        await stream.write(b"later")
        await stream.write_eof()
        assert await read_all(stream, 100) == socks.early + b"later"
        await stream.aclose()


@pytest.mark.parametrize("where", ["hello", "login", "request", "inside reply"])
async def test_a_proxy_that_hangs_up(socks: SocksServer, way: Way, where: Any) -> None:
    socks.users, socks.hang_up = {"alice": "open sesame"}, where
    async with listening(echo) as target:
        error = await failure(way(socks.parent(user="alice"), ALICE), target)
    assert error.code in ("parent-silent", "connection-reset")
    assert isinstance(error, Unavailable)
    assert not isinstance(error, NoWayOut)
    assert str(socks.port) in error.what


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 20, b"\xff" * 100_000])
@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
async def test_what_is_no_socks_proxy(socks: SocksServer, way: Way, garbage: bytes, scheme: ProxyScheme) -> None:
    socks.garbage = garbage
    error = await failure(way(socks.parent(scheme)))
    assert isinstance(error, Unavailable)
    assert str(socks.port) in error.what
    assert error.fix


async def test_the_proxy_itself_refuses(way: Way, closed_port: int) -> None:
    error = await failure(way(Parent("socks5h", "127.0.0.1", closed_port)))
    assert error.code == "connection-refused"
    assert str(closed_port) in error.what


async def test_tls_on_top(socks: SocksServer, way: Way) -> None:
    """Early bytes before TLS are refused as on every stream: they would pass for protected ones."""
    socks.early = b"\x16"
    async with listening(echo) as target:
        stream = await way(socks.parent()).dial(target)
        with pytest.raises(PipwayError) as caught:
            await stream.start_tls(ssl.create_default_context(), "files.example")
    assert caught.value.code == "bytes-before-tls"


class TestLogin:
    @pytest.fixture(autouse=True)
    def wants_alice(self, socks: SocksServer) -> None:
        socks.users = {"alice": "open sesame"}

    async def test_the_right_password(self, socks: SocksServer, way: Way, journal: Journal) -> None:
        async with listening(echo) as target:
            for _ in range(2):
                stream = await way(socks.parent(user="alice"), ALICE).dial(target)
                await stream.aclose()
        assert socks.logins == [("alice", "open sesame")] * 2
        assert len(journal.facts("login.accepted")) == 1
        assert "open sesame" not in repr(journal.events)
        assert [standing.state for standing in way.gate.state()] == ["proven"]

    @pytest.mark.slow
    async def test_200_dials_with_a_wrong_password_are_one_logon(
        self, socks: SocksServer, way: Way, tmp_path: Path, journal: Journal
    ) -> None:
        """And after a restart it is still one."""
        wrong = Credential("alice", "guess")
        dialer = way(socks.parent(user="alice"), wrong)
        target = Target("files.example", 443)
        errors = await asyncio.gather(*(dialer.dial(target) for _ in range(200)), return_exceptions=True)
        assert {getattr(error, "code", error) for error in errors} == {"credential-rejected"}
        again = Way(Gate(Rejections(tmp_path / "rejections"), trace=journal.trace), journal)
        error = await failure(again(socks.parent(user="alice"), wrong))
        assert isinstance(error, NoWayOut)
        assert f"alice was rejected by 127.0.0.1:{socks.port}" in error.what
        assert "pipway credentials rotate" in error.fix
        assert "guess" not in str(error)
        assert len(socks.logins) == 1

    @pytest.mark.slow
    async def test_200_dials_with_the_right_password_wait_for_one_logon(self, socks: SocksServer, way: Way) -> None:
        socks.stall = asyncio.Event()
        dialer = way(socks.parent(user="alice"), ALICE)
        async with listening(echo) as target:
            dials = [asyncio.create_task(dialer.dial(target)) for _ in range(200)]
            while not socks.logins:
                await asyncio.sleep(0.001)
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(socks.logins) == 1
            socks.stall.set()
            for stream in await asyncio.gather(*dials):
                await stream.aclose()
        assert len(socks.logins) == 200

    async def test_a_login_under_way_does_not_wait_for_the_target(self, socks: SocksServer, way: Way) -> None:
        """A proven password lets everybody pass even if the first target hangs."""
        socks.hang_up = "request"
        error = await failure(way(socks.parent(user="alice"), ALICE))
        assert error.code == "parent-silent"
        assert [standing.state for standing in way.gate.state()] == ["proven"]

    async def test_a_proxy_that_wants_no_login_proves_nothing(self, socks: SocksServer, way: Way) -> None:
        socks.users = {}
        async with listening(echo) as target:
            stream = await way(socks.parent(user="alice"), ALICE).dial(target)
            await stream.aclose()
        assert socks.logins == []
        assert way.gate.state() == []

    async def test_a_proxy_that_nobody_named_gets_no_password(self, socks: SocksServer, way: Way) -> None:
        purse = Purse(ALICE)
        parent = socks.parent(user="alice", named=False)
        dialer = ViaSocks(parent, Direct(), gate=way.gate, credentials=purse, trace=way.journal.trace)
        error = await failure(dialer)
        assert (error.code, isinstance(error, NoWayOut)) == ("login-required", True)
        assert "named" in error.why
        assert (purse.asked, socks.logins) == ([], [])

    async def test_no_password_stored(self, socks: SocksServer, way: Way) -> None:
        error = await failure(way(socks.parent(user="CORP\\alice")))
        assert error.code == "login-required"
        assert error.fix == f"pipway credentials add CORP%5Calice@127.0.0.1:{socks.port}"

    async def test_an_nt_hash_is_no_password(self, socks: SocksServer, way: Way) -> None:
        error = await failure(way(socks.parent(user="alice"), Credential("alice", nt_hash=bytes(16))))
        assert error.code == "login-required"
        assert "NT hash" in error.why
        assert socks.logins == []

    async def test_gssapi_alone_is_not_supported(self, socks: SocksServer, way: Way) -> None:
        socks.method = 1
        error = await failure(way(socks.parent(user="alice"), ALICE))
        assert error.code == "login-required"
        assert "GSSAPI" in error.fix

    async def test_a_password_that_does_not_fit_is_never_sent(self, socks: SocksServer, way: Way) -> None:
        error = await failure(way(socks.parent(user="alice"), Credential("alice", "x" * 256)))
        assert error.code == "bad-socks-login"
        assert socks.logins == []

    @pytest.mark.slow
    async def test_cancelled_anywhere_leaves_nothing(self, socks: SocksServer, way: Way) -> None:
        """The folder's conftest looks for sockets and tasks; the gate must stay passable."""
        async with listening(echo) as target:
            for turns in range(40):
                dialing = asyncio.create_task(way(socks.parent(user="alice"), ALICE).dial(target))
                for _ in range(turns):
                    await asyncio.sleep(0)
                if dialing.done():
                    await (await dialing).aclose()
                dialing.cancel()
                await asyncio.wait([dialing])
                way.gate.forget()
            stream = await way(socks.parent(user="alice"), ALICE).dial(target)
            await stream.aclose()

    @pytest.mark.parametrize(("named", "sent"), [(True, "alice"), (False, "")])
    async def test_socks4_names_the_user_to_named_proxies(
        self, socks: SocksServer, way: Way, named: bool, sent: str
    ) -> None:
        async with listening(echo) as target:
            stream = await way(socks.parent("socks4a", user="alice", named=named)).dial(target)
            await stream.aclose()
        assert socks.identities == [sent]
