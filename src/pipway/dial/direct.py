"""Straight to the target over TCP: look the name up, try its addresses, take the first that answers.

The innermost dialer of every route. Happy eyeballs (RFC 8305), so that a broken IPv6 costs a quarter of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from typing import Any

from pipway import platforms
from pipway.dial.addresses import IpAddress, judge
from pipway.dial.base import Stream, Target
from pipway.dial.failures import connect_failure, connect_timeout
from pipway.dial.sockets import SocketStream
from pipway.errors import Refused

_ATTEMPT_DELAY = 0.25  # seconds, RFC 8305 §5
_MAX_ADDRESSES = 16

#: family, type, protocol, and the address as the socket module wants it
Address = tuple[int, int, int, tuple[Any, ...]]
#: Gives the reason why an address must not be dialled at a port, None when it may be.
Rule = Callable[[IpAddress, int], str | None]
#: Gives the addresses of a target; raises OSError (`socket.gaierror`).
Resolver = Callable[[Target], Awaitable[Sequence[Address]]]


async def system_addresses(target: Target) -> list[Address]:
    """Ask the operating system; a literal needs no look-up. Blocks nobody: the loop asks in a thread."""
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):  # most literals, at a tenth of the price
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, target.host)
            return [(int(family), int(socket.SOCK_STREAM), socket.IPPROTO_TCP, (target.host, target.port, *rest))]
    if _is_literal(target.host):
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    else:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except ValueError:  # an over-long label, a NUL: no such name can exist
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return [(int(family), int(kind), protocol, tuple(address)) for family, kind, protocol, _, address in found]


class Direct:
    """Dials without anything in between."""

    def __init__(
        self, *, connect_limit: float = 5.0, resolve: Resolver = system_addresses, allow: Rule | None = None
    ) -> None:
        """`connect_limit`: seconds for look-up and connection; `allow` judges resolved addresses and their port.

        Without a rule every address may be dialled: an index on loopback is legitimate.
        """
        self._limit = connect_limit
        self._resolve = resolve
        self._allow = allow

    async def dial(self, target: Target) -> Stream:
        """Open a TCP connection. Unavailable with the reason when it cannot be had; Refused by the rule."""
        try:
            async with asyncio.timeout(self._limit) as limit:
                addresses = permitted(target, await self._resolve(target), self._allow)
                if len(addresses) == 1:
                    return await _connect(addresses[0])
                return await _first(interleave(addresses)[:_MAX_ADDRESSES])
        except TimeoutError as error:
            if limit.expired():
                raise connect_timeout(target, self._limit) from None
            raise connect_failure(target, error) from None  # the operating system's own
        except OSError as error:
            raise connect_failure(target, error) from None


def permitted(target: Target, addresses: Sequence[Address], rule: Rule | None) -> Sequence[Address]:
    """The addresses that the rule lets pass. Refused when there were some and none is left."""
    if rule is None or not addresses:
        return addresses
    judged = [(address, _judged(address, rule)) for address in addresses]
    left = [address for address, reason in judged if reason is None]
    if not left:
        first, reason = judged[0]
        raise Refused(
            "address-forbidden",
            f"{target} must not be reached at {first[3][0]}",
            why=reason or "",
            fix="use another address, or have the rule changed",
        )
    return left


def _judged(address: Address, rule: Rule) -> str | None:
    text, port = address[3][:2]
    return judge(str(text), lambda each: rule(each, int(port)))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def interleave(addresses: Sequence[Address]) -> list[Address]:
    """Alternate the families, beginning with the resolver's first choice (RFC 8305 §4)."""
    families = list(dict.fromkeys(address[0] for address in addresses))
    columns = [[address for address in addresses if address[0] == family] for family in families]
    return [address for row in zip_longest(*columns) for address in row if address is not None]


async def _first(addresses: Sequence[Address]) -> SocketStream:
    """Connect to whichever answers first, each with a head start over the next (RFC 8305 §5)."""
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[SocketStream]] = set()
    failure: BaseException = socket.gaierror(socket.EAI_NONAME, "the name has no address")
    winner: asyncio.Task[SocketStream] | None = None
    started: list[asyncio.Task[SocketStream]] = []
    try:
        while winner is None and (waiting or running):
            if waiting:
                started.append(asyncio.create_task(_connect(waiting.pop())))
                running.add(started[-1])
            done, running = await asyncio.wait(
                running, timeout=_ATTEMPT_DELAY if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    winner = task
                else:
                    failure = error
    finally:
        await _end_losers([task for task in started if task is not winner])
    if winner is None:
        raise failure
    return winner.result()


async def _end_losers(tasks: Sequence[asyncio.Task[SocketStream]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, SocketStream):
            await result.aclose()


async def _connect(address: Address) -> SocketStream:
    """By the loop's own means, which cost half of what a socket of ours does; a literal is never looked up."""
    family, _, protocol, where = address
    loop = asyncio.get_running_loop()
    if len(where) == 4 and where[3]:  # a link-local address: text does not always carry its scope
        return await _connect_scoped(address)
    host, port = str(where[0]), int(where[1])
    transport, stream = await loop.create_connection(
        lambda: SocketStream(host), host, port, family=family, proto=protocol
    )
    platforms.keep_alive(transport.get_extra_info("socket"))
    return stream


async def _connect_scoped(address: Address) -> SocketStream:
    family, kind, protocol, where = address
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        platforms.keep_alive(sock)
        await loop.sock_connect(sock, where)
        _, stream = await loop.create_connection(lambda: SocketStream(str(where[0])), sock=sock)
    except BaseException:
        sock.close()
        raise
    return stream
