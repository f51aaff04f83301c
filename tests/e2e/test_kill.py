"""`kill -9` in a loop while files arrive: whatever moment it hits, what is served afterwards is right.

The moment is chosen by bytes received, from a seed, never by time. All kills of one chain hit the same data folder.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.served import Pipway, cache_verify, launch, serving
from tests.servers import rude
from tests.servers.upstream import Published, Upstream

CHAINS, KILLS = 4, 26  # 104 kills


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(files_apart=True).in_thread() as upstream:
        yield upstream


def receive(server: Pipway, target: str, enough: int) -> bytes:
    """Read an answer until `enough` bytes of head and body have come (or all of it)."""
    path = urlsplit(target).path
    with socket.create_connection(server.address, timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while len(data) < enough and (piece := connection.recv(min(65536, enough - len(data)))):
            data += piece
    return data


def check(server: Pipway, name: str, file: Published) -> None:
    """The page and the file are served, whole and right."""
    answer = server.get(server.link(name))
    assert (answer.status, answer.whole, answer.body == file.data) == (200, True, True), name


def strike(server: Pipway, upstream: Upstream, name: str, file: Published, dice: random.Random) -> None:
    """Bring the server to the moment at which it will be killed."""
    whole = len(file.data) + 1000  # the head is shorter than this, so the end is reached sometimes
    match dice.choice(["page", "held", "flowing"]):
        case "page":  # at the first byte of a page that has just come and is being remembered
            receive(server, f"{server.index}{name}/", 1)
        case "held":  # surely in the middle of a file: the upstream stops there and never goes on
            held = dice.randrange(1, len(file.data))
            upstream.behave(file.path, rude.stalling(after=held), times=1)
            receive(server, server.link(name), dice.randrange(1, held + 1))
        case "flowing":  # anywhere, the moment after the last byte included
            receive(server, server.link(name), dice.choice([1, dice.randrange(1, whole), whole]))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [pytest.param(n, marks=pytest.mark.xdist_group(f"kill-{n}")) for n in range(CHAINS)])
def test_every_byte_is_right_after_kill_9(seed: int, upstream: Upstream, tmp_path: Path) -> None:
    """Cold downloads of files of 1 kB to 1 MB; killed at the first byte, in the middle, or after the last."""
    dice = random.Random(seed)
    files: dict[str, Published] = {}
    data = tmp_path / "data"
    for number in range(KILLS):
        name = f"victim-{number}"
        files[name] = upstream.add_wheel(name, "1.0", size_padding=dice.randrange(1000, 1_000_000))
        server = launch(data, f"main={upstream.url}")
        try:
            for earlier in dice.sample(sorted(files), min(3, len(files))):
                if earlier != name:
                    check(server, earlier, files[earlier])
            if number and f"victim-{number - 1}" in files:  # what the last kill interrupted
                check(server, f"victim-{number - 1}", files[f"victim-{number - 1}"])
            strike(server, upstream, name, files[name], dice)
        finally:
            server.kill()
    with serving(data, f"main={upstream.url}") as server:
        for name, file in files.items():
            check(server, name, file)
    verified = cache_verify(data)
    assert verified.returncode == 0, verified
    assert not list(data.rglob("*.quarantine*"))
