"""What a cold file costs: the first byte at once, one copy, one request, bounded memory, connections used again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.clients import Pip
from tests.e2e.served import Pipway, serving
from tests.servers import rude
from tests.servers.upstream import Upstream

MIB = 2**20


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(files_apart=True).in_thread() as upstream:
        yield upstream


@pytest.fixture
def server(upstream: Upstream, tmp_path: Path) -> Iterator[Pipway]:
    with serving(tmp_path / "data", f"main={upstream.url}") as server:
        yield server


def test_the_first_bytes_come_while_the_upstream_still_holds_the_last(upstream: Upstream, server: Pipway) -> None:
    """proxpi#65, nexus-public#214, Athens#2041: whoever stores first and serves then makes installers time out.

    A second client, and a range of the part that is there, do not wait for the end either.
    """
    file = upstream.add_wheel("slow", size_padding=MIB)
    upstream.behave(file.path, rude.stalling(after=700_000))
    target = urlsplit(server.link("slow")).path

    def some(count: int, extra: str = "") -> bytes:
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode())
            data = b""
            while len(data.partition(b"\r\n\r\n")[2]) < count:
                piece = connection.recv(65536)
                assert piece, data[:300]
                data += piece
        return data.partition(b"\r\n\r\n")[2][:count]

    assert some(500_000) == file.data[:500_000]
    assert some(500_000) == file.data[:500_000]
    assert some(1000, "Range: bytes=400000-400999\r\n") == file.data[400_000:401_000]
    assert len(upstream.asked(file.path)) == 1


def test_memory_is_bounded_while_many_read_a_large_file(upstream: Upstream, server: Pipway) -> None:
    """AK#737, NORA: eight clients on a cold file of 64 MiB cost one request and less memory than the file."""
    file = upstream.add_wheel("large", size_padding=64 * MIB)
    link = server.link("large")
    before = server.metrics()["process_resident_memory_bytes"]
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda _: len(server.get(link, deadline=60).body), range(8)))
    grown = server.metrics()["process_resident_memory_bytes"] - before
    assert sizes == [len(file.data)] * 8
    assert grown < 48 * MIB
    assert len(upstream.asked(file.path)) == 1


@pytest.mark.parametrize(
    ("ahead", "connections"),
    [
        ("0", 4),  # index and files, and one more of each should a pause close one
        ("64 MiB", 8),  # the same, and three guesses at a time for each
    ],
)
def test_a_cold_install_asks_for_each_thing_once_on_few_connections(
    upstream: Upstream, tmp_path: Path, ahead: str, connections: int
) -> None:
    """No HEAD before a file (proxpi), no second page (Pulp, devpi#853), no connection per request (devpi)."""
    top = upstream.add_many(30)
    with serving(tmp_path / "data", f"main={upstream.url}", settings={"ahead.bytes": ahead}) as server:
        outcome = Pip("26.*").install(server.index, [top], tmp_path / "target")  # one question after the other
    assert outcome.code == 0, outcome
    asked = [(request.method, request.target) for request in upstream.requests]
    assert len(asked) == len(set(asked))
    assert {method for method, _ in asked} == {"GET"}
    assert upstream.connections <= connections


def test_a_file_is_stored_once_whatever_its_clients_accept(upstream: Upstream, server: Pipway) -> None:
    """nginx_pypi_cache keeps a copy of each wheel per Accept-Encoding; ours is the upstream's bytes for everyone."""
    file = upstream.add_wheel("once", size_padding=50_000)
    link = server.link("once")
    for accepted in ("identity", "gzip, deflate", "gzip, br, zstd", "*"):
        answer = server.get(link, accept_encoding=accepted)
        assert answer.body == file.data
        assert "content-encoding" not in answer.headers
    assert len(upstream.asked(file.path)) == 1
    blobs = [path for path in server.data.rglob("*") if path.is_file() and path.read_bytes() == file.data]
    assert len(blobs) == 1


@pytest.mark.parametrize("root", ["/+simple/", "/root/dev/+simple/", "/api/v1~2/simple%20index/"])
def test_an_index_under_an_odd_path(root: str, tmp_path: Path) -> None:
    """devpi#903: one proxy could not stand in front of another because of a plus sign."""
    with Upstream(root=root, relative_links=False).in_thread() as upstream:
        file = upstream.add_wheel("Some_Name", "1.0+local.1")
        with serving(tmp_path / "data", f"main={upstream.url}") as server:
            assert server.get(server.link("some-name")).body == file.data
