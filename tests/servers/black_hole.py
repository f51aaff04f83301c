"""A loopback address whose packets vanish, as behind a firewall that drops: no refusal, no answer.

As root it is a real drop rule (nftables, a table of its own, removed afterwards); otherwise a listening socket
whose backlog is full, on which Linux drops every further SYN.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator

from tests.servers.upstream import Upstream


@contextlib.contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """Give a host and a port on which a TCP connect hangs until the client gives up."""
    with contextlib.ExitStack() as stack:
        if _can_drop():
            yield stack.enter_context(_dropping())
        else:
            yield stack.enter_context(_overfull())


@contextlib.contextmanager
def vanished(upstream: Upstream) -> Iterator[None]:
    """While inside, every packet to this upstream (run `in_thread`) is dropped; living connections go dead."""
    ports = {int(origin.rpartition(":")[2]) for origin in (upstream.origin, upstream.file_origin)}
    with contextlib.ExitStack() as stack:
        if _can_drop():
            for port in ports:
                stack.enter_context(_swallowing(port))
        else:
            upstream.down()
            stack.callback(upstream.up)
            for port in ports:
                stack.enter_context(_overfull(port))
        yield


def _can_drop() -> bool:
    return os.geteuid() == 0 and shutil.which("nft") is not None


@contextlib.contextmanager
def _swallowing(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    table = f"pipway_test_{os.getpid()}_{port}"
    rules = f"""table inet {table} {{
        chain input {{ type filter hook input priority 0; ip daddr {host} tcp dport {port} drop; }}
    }}"""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True, timeout=10)


@contextlib.contextmanager
def _dropping() -> Iterator[tuple[str, int]]:
    with socket.socket() as holder:  # keeps the port ours while packets to it are dropped
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = int(holder.getsockname()[1])
        with _swallowing(port):
            yield "127.0.0.1", port


@contextlib.contextmanager
def _overfull(port: int = 0) -> Iterator[tuple[str, int]]:
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            code = filler.connect_ex(holder.getsockname())
            assert code in (0, errno.EINPROGRESS), os.strerror(code)
        yield "127.0.0.1", int(holder.getsockname()[1])
