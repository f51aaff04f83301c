"""A password in an upstream's URL reaches the upstream and nothing else: no log, page, error, counter or file."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers import rude
from tests.servers.upstream import Upstream

PASSWORD = "hunter2-s3cret"
ENCODED = b64encode(f"alice:{PASSWORD}".encode()).decode()


def with_login(upstream: Upstream) -> str:
    """The upstream's URL as a person who has an account there writes it."""
    return "main=" + upstream.url.replace("://", f"://alice:{PASSWORD}@")


def everything(server: Pipway) -> bytes:
    """What can be seen of a server from outside."""
    paths = ("/", "/health", "/metrics", "/simple/", "/simple/foo/", "/simple/gone/", "/simple/broken/", "/nowhere")
    answers = [server.get(path) for path in paths]
    answers.append(server.get(server.link("foo")))
    said = b"".join(repr(answer).encode() for answer in answers)
    return said + Path(f"/proc/{server.process.pid}/cmdline").read_bytes()


@pytest.mark.parametrize("level", ["debug", "info"])
def test_it_is_nowhere_to_be_seen(tmp_path: Path, level: str) -> None:
    with Upstream(files_apart=True).in_thread() as upstream:
        upstream.add_wheel("foo")
        upstream.add_wheel("broken")
        upstream.behave("/simple/broken/", rude.failing(503))
        settings = {"log.level": level, "upstream": with_login(upstream)}
        with serving(tmp_path / "data", settings=settings, forked=False) as server:
            seen = everything(server)
            seen += server.log.read_bytes()
        seen += server.log.read_bytes() + "".join(server.output).encode()
        asked = {request.header("authorization") for request in upstream.asked("/simple/*")}
        files = {request.header("authorization") for request in upstream.asked("/files/*")}
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            seen += path.read_bytes()
    assert asked == {f"Basic {ENCODED}"}  # it was used
    assert files == {""}, "the files' host is another origin and gets no credentials"
    assert PASSWORD.encode() not in seen
    assert ENCODED.encode() not in seen


def test_the_settings_do_not_show_it(tmp_path: Path) -> None:
    environ = neutral_environment() | {"XDG_CONFIG_HOME": str(tmp_path)}
    environ["PIPWAY_UPSTREAM"] = f"main=https://alice:{PASSWORD}@index.example/simple/"
    for verb in (["show"], ["show", "--json"], ["check"]):
        command = [sys.executable, "-m", "pipway", "settings", *verb]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert "index.example" in done.stdout or verb == ["check"]
        assert PASSWORD not in done.stdout + done.stderr
