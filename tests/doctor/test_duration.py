"""How long doctor takes, with a real index, and on a network that swallows everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.e2e.lab import neutral_environment
from tests.lab.network import Network
from tests.servers.name_server import name_server
from tests.servers.upstream import Upstream

WELL, BLACK_HOLE = 10, 30  # seconds: what is promised


def examined(folder: Path, index: str, inside: Sequence[str] = (), **more: str) -> tuple[Mapping[str, object], float]:
    environ = neutral_environment() | {"HOME": str(folder), "PIPWAY_DATA": str(folder / "data"), **more}
    environ |= {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "PIP_RETRIES": "0", "PATH": os.environ["PATH"]}
    command = [*inside, sys.executable, "-m", "pipway", "doctor", "--json", "parcel"]
    began = time.monotonic()
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    return json.loads(done.stdout), time.monotonic() - began


@pytest.mark.slow
def test_ten_seconds_when_all_is_well(tmp_path: Path) -> None:
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("parcel", "1.0")
        report, seconds = examined(tmp_path, upstream.url)
    assert report["first"] is None, report
    assert seconds <= WELL


@pytest.mark.slow
@pytest.mark.needs("unshare", "nsenter", "ip", "nft")
@pytest.mark.parametrize("swallowed", ["names", "connections", "proxy", "answers"])
def test_thirty_seconds_on_a_black_hole(swallowed: str, tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # with the resolver's own patience
    more = {"HTTPS_PROXY": "http://10.9.9.9:3128"} if swallowed == "proxy" else {}
    with Network(tmp_path) as network, network.entered():
        network.run("ip", "addr", "add", "10.9.9.9/32", "dev", "lo")
        names = {} if swallowed == "names" else {"index.example": ["10.9.9.9", "10.9.9.10"]}
        rule = "tcp flags & (syn | fin | rst) == 0 ip daddr 10.9.9.9" if swallowed == "answers" else "ip daddr 10.9.9.9"
        network.drop(f"{rule} meta l4proto tcp")
        upstream = Upstream()
        upstream._server.host, upstream._server.port = "10.9.9.9", 80
        with name_server(names, silent=swallowed == "names"), upstream.in_thread():
            scheme = "https" if swallowed == "proxy" else "http"
            report, seconds = examined(tmp_path, f"{scheme}://index.example/simple/", network.inside, **more)
    assert report["first"] is not None, report
    assert seconds <= BLACK_HOLE
