"""What pip, uv and curl did is what `/live`, `pipway live`, the HAR file and the metrics show."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.clients import Pip, Uv
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers.relay import ConnectProxy
from tests.servers.upstream import Upstream

pytestmark = [pytest.mark.needs("curl"), pytest.mark.slow]

SECRET = "hunter2"
MARKS = itertools.count()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipway, Upstream, Path]]:
    room = tmp_path_factory.mktemp("traffic")
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("demo", "1.0", size_padding=100_000)
        port = urlsplit(upstream.url).port
        settings = {"forward.allow": f"127.0.0.1:{port}"}
        with serving(room / "data", f"main={upstream.url}", settings=settings) as server:
            yield server, upstream, room


def shown(server: Pipway, *, tunnels: int = 0) -> list[dict[str, Any]]:
    """What `pipway live --json` prints, until everything has come; tunnels are told of when both sides have ended."""
    mark = f"/health?mark={next(MARKS)}"
    server.get(mark)
    env = neutral_environment() | {"PIPWAY_LISTEN": "{}:{}".format(*server.address)}
    command = [sys.executable, "-m", "pipway", "live", "--json", "--last", "2000"]
    found: list[dict[str, Any]] = []
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found.append(json.loads(line))
            marked = any(entry["target"] == mark for entry in found)
            if marked and sum(entry["outcome"] == "tunnel" for entry in found) >= tunnels:
                break
        process.terminate()
    return found


def test_an_install_by_pip_and_by_uv_is_seen(world: tuple[Pipway, Upstream, Path]) -> None:
    server, _, room = world
    pip, uv = Pip("26.*"), Uv()
    for client in (pip, uv):
        outcome = client.install(server.index, ["demo"], room / client.name)
        assert outcome.code == 0, outcome
    seen = shown(server)
    by_tool = {name: [entry for entry in seen if entry["tool"] == name] for name in ("pip", "uv")}
    page = by_tool["pip"][0]
    assert (page["method"], page["target"], page["face"]) == ("GET", "/simple/demo/", "index")
    assert page["version"].startswith("26.")
    assert (page["outcome"], page["status"], page["route"]) == ("miss", 200, "direct (nothing says otherwise)")
    assert 0 < page["first"] <= page["seconds"]
    wheel = next(entry for entry in by_tool["pip"] if entry["target"].endswith(".whl"))
    assert wheel["sent"] > 100_000
    assert wheel["outcome"] in ("miss", "joined", "hit"), "pipway runs ahead of pip"
    assert {entry["outcome"] for entry in by_tool["uv"]} == {"hit"}
    assert {entry["route"] for entry in by_tool["uv"]} == {""}
    text = server.get("/live").body.decode()
    assert text.count("<tr>") > len(by_tool["pip"]) + len(by_tool["uv"])
    assert "<b>pip</b> <span>26." in text
    har = json.loads(server.get("/live/har?tool=uv").body)["log"]["entries"]
    assert {entry["request"]["headers"][0]["value"].partition("/")[0] for entry in har} == {"uv"}
    metrics = server.get("/metrics").body.decode()
    assert 'pipway_traffic_total{face="index",outcome="miss",route="direct",tool="pip"}' in metrics
    assert 'pipway_traffic_total{face="index",outcome="hit",route="none",tool="uv"}' in metrics


def test_the_proxy_half_is_seen_and_refusals_say_why(world: tuple[Pipway, Upstream, Path]) -> None:
    server, upstream, _ = world
    proxy, url = "{}:{}".format(*server.address), upstream.url + "demo/"
    curl(f"http://{proxy}", f"{url}?token={SECRET}")
    curl(f"http://{proxy}", url, "--proxytunnel", "--proxy-user", f"alice:{SECRET}")
    curl(f"socks5h://alice:{SECRET}@{proxy}", url)
    curl(f"http://{proxy}", "http://169.254.169.254/latest/", code=0)
    curl(f"http://{proxy}", f"http://x:{SECRET}@192.0.2.1:81/", code=0)
    seen = shown(server, tunnels=2)
    assert SECRET not in json.dumps(seen)
    assert SECRET not in server.get("/live").body.decode()
    assert SECRET not in server.get("/live/har").body.decode()
    authority = urlsplit(upstream.url).netloc
    socks = next(entry for entry in seen if entry["face"] == "socks")
    assert (socks["method"], socks["target"], socks["outcome"]) == ("SOCKS5", authority, "tunnel")
    assert socks["route"] == "direct (nothing says otherwise)"
    connect = next(entry for entry in seen if entry["method"] == "CONNECT")
    assert (connect["tool"], connect["target"], connect["outcome"]) == ("curl", authority, "tunnel")
    assert connect["route"] == socks["route"]
    assert connect["sent"] > 100
    sent_on = [entry for entry in seen if entry["target"].startswith(f"http://{authority}/")]
    assert [entry["face"] for entry in sent_on] == ["forward"]
    refused = [entry for entry in seen if entry["outcome"] == "refused"]
    assert len(refused) == 2
    assert "link-local" in refused[0]["reason"]
    assert "port 81" in refused[1]["reason"]


def curl(proxy: str, url: str, *options: str, code: int = 0) -> None:
    command = ["curl", "--disable", "--silent", "--show-error", "--max-time", "30", "--output", "-"]
    done = subprocess.run(
        [*command, "--proxy", proxy, *options, url],
        env=neutral_environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done


def test_a_parent_is_named_in_the_route(tmp_path: Path) -> None:
    with Upstream().in_thread() as upstream, ConnectProxy().in_thread() as parent:
        options = ["--parent", str(parent.parent), "--no-proxy", "none"]
        settings = {"forward.allow": urlsplit(upstream.url).netloc}
        with serving(tmp_path / "data", f"main={upstream.url}", options=options, settings=settings) as server:
            curl("http://{}:{}".format(*server.address), upstream.url, "--proxytunnel")
            (tunnel,) = (entry for entry in shown(server, tunnels=1) if entry["outcome"] == "tunnel")
            assert tunnel["route"] == f"{parent.parent} (parent (--parent))"
            assert server.metrics()["pipway_traffic_total"] > 0
            assert 'outcome="tunnel",route="http",tool="curl"' in server.get("/metrics").body.decode()
