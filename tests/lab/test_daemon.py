"""What the lab's own machinery promises: a tap passes every byte, and no daemon outlives its run."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.lab.tap import Tap

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("microsocks")]

_KILLED = """
import os, sys
from pathlib import Path
from tests.lab.others import Microsocks
server = Microsocks(Path(sys.argv[1]))
server.start()
print(server.port, flush=True)
os.kill(os.getpid(), 9)
"""


def test_no_daemon_outlives_a_run_that_is_killed(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=60)
    port = int(done.stdout)
    assert done.returncode == -9
    deadline = time.monotonic() + 10
    while listening(port):
        assert time.monotonic() < deadline, f"somebody still listens on port {port}"
        time.sleep(0.02)


def listening(port: int) -> bool:
    """Whether anybody does."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_tap_passes_everything_and_counts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection, connection.makefile("rb") as sent:
                    connection.sendall(sent.read())

        threading.Thread(target=echo, daemon=True).start()
        with Tap(server.getsockname()[1]) as tap:
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", tap.port), 5) as client, client.makefile("rb") as answer:
                    client.sendall(b"secret " + bytes(200_000))
                    client.shutdown(socket.SHUT_WR)
                    assert answer.read() == b"secret " + bytes(200_000)
            assert (tap.connections, tap.sent(b"secret")) == (2, 2)
