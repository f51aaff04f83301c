"""Direct: the dialer contract, the operating system's errors in words, and RFC 8305."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable

import pytest
from tests.contracts.dialer import DialerContract, echo, listening
from tests.servers.black_hole import black_hole

from pipway.dial.base import Dialer, Target
from pipway.dial.direct import Address, Direct, Resolver, interleave
from pipway.errors import Unavailable

ANYWHERE = Target("files.example", 443)


class TestContract(DialerContract):
    @pytest.fixture
    def dialer(self) -> Dialer:
        return Direct()


def address(host: str, port: int) -> Address:
    if ":" in host:
        return socket.AF_INET6, socket.SOCK_STREAM, 0, (host, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, 0, (host, port)


def answering(addresses: Iterable[Address]) -> Resolver:
    """A name server that knows one name."""
    found = list(addresses)

    async def resolve(target: Target) -> list[Address]:
        assert target == ANYWHERE
        return found

    return resolve


def failing(number: int) -> Resolver:
    async def resolve(target: Target) -> list[Address]:
        raise socket.gaierror(number, "no")

    return resolve


async def test_the_system_resolves_names() -> None:
    async with listening(echo, "127.0.0.1") as target:
        stream = await Direct().dial(Target("localhost", target.port))
        assert stream.info.peer in ("127.0.0.1", "::1")
        assert stream.info.hops == ("direct",)
        assert stream.info.tls is None
        await stream.aclose()


async def test_ipv6_literals() -> None:
    async with listening(echo, "::1") as target:
        stream = await Direct().dial(target)
        assert stream.info.peer == "::1"
        await stream.aclose()


async def test_the_next_address_follows_a_refusal_at_once(closed_port: int) -> None:
    """RFC 8305 §5: a failed attempt starts the next one without waiting."""
    async with listening(echo) as target:
        refusing = [address("127.0.0.1", closed_port)] * 4
        began = time.monotonic()
        stream = await Direct(resolve=answering([*refusing, address("127.0.0.1", target.port)])).dial(ANYWHERE)
        assert time.monotonic() - began < 0.25
        await stream.aclose()


@pytest.mark.slow
async def test_a_dead_address_costs_a_quarter_of_a_second() -> None:
    """RFC 8305 §5: the connection attempt delay."""
    with black_hole() as (host, port):
        async with listening(echo) as target:
            resolve = answering([address(host, port), address("127.0.0.1", target.port)])
            began = time.monotonic()
            stream = await Direct(resolve=resolve).dial(ANYWHERE)
            assert 0.2 < time.monotonic() - began < 2
            await stream.aclose()


@pytest.mark.slow
async def test_a_slow_first_address_still_wins_over_failing_others(closed_port: int) -> None:
    with black_hole() as (host, port), pytest.raises(Unavailable) as caught:
        resolve = answering([address(host, port), address("127.0.0.1", closed_port)])
        await Direct(connect_limit=0.6, resolve=resolve).dial(ANYWHERE)
    assert caught.value.code == "connect-timeout"


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_all_addresses_refuse(closed_port: int, count: int) -> None:
    with pytest.raises(Unavailable) as caught:
        await Direct(resolve=answering([address("127.0.0.1", closed_port)] * count)).dial(ANYWHERE)
    assert caught.value.code == "connection-refused"
    assert "files.example:443" in caught.value.what


async def test_only_a_bounded_number_of_addresses_is_tried(closed_port: int) -> None:
    async with listening(echo) as target:
        many = [*[address("127.0.0.1", closed_port)] * 500, address("127.0.0.1", target.port)]
        with pytest.raises(Unavailable):
            await Direct(resolve=answering(many)).dial(ANYWHERE)


async def test_nobody_answers_in_time() -> None:
    with black_hole() as (host, port):
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await Direct(connect_limit=0.1).dial(Target(host, port))
        assert time.monotonic() - began < 2
    assert caught.value.code == "connect-timeout"
    assert "0.1 s" in caught.value.what


async def test_a_name_server_that_never_answers_counts_too() -> None:
    async def resolve(target: Target) -> list[Address]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(Unavailable) as caught:
        await Direct(connect_limit=0.05, resolve=resolve).dial(ANYWHERE)
    assert caught.value.code == "connect-timeout"


@pytest.mark.parametrize(
    ("number", "code"), [(socket.EAI_NONAME, "name-not-found"), (socket.EAI_AGAIN, "name-server-unreachable")]
)
async def test_names_that_are_not_found(number: int, code: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await Direct(resolve=failing(number)).dial(ANYWHERE)
    assert caught.value.code == code
    assert "files.example" in caught.value.what
    assert caught.value.fix


async def test_a_name_without_addresses() -> None:
    with pytest.raises(Unavailable) as caught:
        await Direct(resolve=answering([])).dial(ANYWHERE)
    assert caught.value.code == "name-not-found"


def test_families_alternate_beginning_with_the_resolvers_choice() -> None:
    """RFC 8305 §4."""
    six = [address(f"2001:db8::{number}", 1) for number in range(3)]
    four = [address(f"192.0.2.{number}", 1) for number in range(2)]
    assert interleave([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert interleave([four[0], *six]) == [four[0], *six]
    assert interleave([]) == []
