"""Every test of this folder runs on asyncio's own loop and on uvloop, and must leave nothing open behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.contracts.stream import trusting
from tests.servers.tiny_http import Handler, TinyServer

from pipway.dial.base import Dialer, Target
from pipway.dial.direct import Direct
from pipway.dial.http import Client, Limits
from pipway.dial.url import Origin
from pipway.platforms import loop_factory
from pipway.trace import Trace


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops that are used in the field (one where uvloop does not exist)."""
    return {"asyncio": asyncio.new_event_loop, "fastest": loop_factory()}


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """No task and no socket outlives a test; a loop needs a few turns to close what was dropped."""
    before = open_sockets()
    yield
    for _ in range(200):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        left = open_sockets() - before
        if not others and not left:
            return
        await asyncio.sleep(0.005)
    pytest.fail(f"left behind: {others} {left}")


def open_sockets() -> set[tuple[int, int]]:
    """Descriptor and inode of every open internet socket; empty where /proc does not exist.

    Loops keep socket pairs of their own, which are no business of ours.
    """
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            status = entry.stat()
            if stat.S_ISSOCK(status.st_mode):
                with socket.socket(fileno=os.dup(int(entry.name))) as sock:
                    if sock.family in (socket.AF_INET, socket.AF_INET6):
                        found.add((int(entry.name), status.st_ino))
    return found


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Signs the certificates of this run's servers."""
    return trustme.CA()


def believing(context: ssl.SSLContext) -> Callable[[Origin], Awaitable[ssl.SSLContext]]:
    """The same trust for every origin."""

    async def trust(origin: Origin) -> ssl.SSLContext:
        return context

    return trust


class Journal:
    """Every event a client emitted."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.trace = Trace()
        self.trace.listen(lambda name, facts: self.events.append((name, dict(facts))))

    def facts(self, name: str) -> list[dict[str, Any]]:
        """The facts of the events of this name."""
        return [facts for event, facts in self.events if event == name]

    @property
    def sent(self) -> int:
        """How many requests were really sent."""
        return len(self.facts("upstream.request"))

    @property
    def failures(self) -> list[str]:
        """The codes of what failed."""
        return [facts["code"] for facts in self.facts("upstream.failed")]


@pytest.fixture
def journal() -> Journal:
    """What `client` and `make_client` emit."""
    return Journal()


MakeClient = Callable[..., Client]
Serve = Callable[..., Awaitable[TinyServer]]


@pytest.fixture
async def make_client(journal: Journal, authority: trustme.CA) -> AsyncIterator[MakeClient]:
    """Clients with short limits unless told otherwise; all are closed afterwards."""
    made: list[Client] = []

    def make(*, dialer: Dialer | None = None, per_origin: int = 32, route: str = "", **limits: Any) -> Client:
        async def named(target: Target) -> str:
            return route

        client = Client(
            dialer or Direct(),
            trust=believing(trusting(authority)),
            limits=replace(Limits(connect=5, first_byte=5, stall=5), **limits),
            user_agent="pipway/test",
            trace=journal.trace,
            per_origin=per_origin,
            route=named,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    """A client with patience enough for a busy machine."""
    return make_client()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers whose handler the test gives; all are stopped afterwards."""
    running: list[TinyServer] = []

    async def start(handler: Handler, *, tls: ssl.SSLContext | None = None) -> TinyServer:
        server = TinyServer(handler, tls=tls)
        await server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        await server.stop()


@pytest.fixture
def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
