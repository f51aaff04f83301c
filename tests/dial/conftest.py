"""Every test of this folder runs on asyncio's own loop and on uvloop, and must leave nothing open behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import trustme

from pipway.platforms import loop_factory


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


@pytest.fixture
def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
