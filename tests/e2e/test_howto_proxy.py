"""Every command of docs/how-to/use-it-as-a-proxy.md is run as it stands there: only names and the port are replaced."""

from __future__ import annotations

import functools
import http.server
import re
import ssl
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from tests.e2e.lab import environment, neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers.upstream import Upstream

pytestmark = [pytest.mark.needs("curl", "wget", "git", "apt-get"), pytest.mark.slow]

HOWTO = Path(__file__).parents[2] / "docs" / "how-to" / "use-it-as-a-proxy.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCK.findall(HOWTO.read_text(encoding="utf-8")) for line in block.splitlines()]


class Silent(http.server.SimpleHTTPRequestHandler):
    """Files, and how many were asked for."""

    asked = 0

    def log_message(self, format: str, *args: object) -> None:
        Silent.asked += 1


@dataclass
class Town:
    """The servers that the commands name, and a pipway that may reach them."""

    folder: Path
    files: int  #: port
    upstream: Upstream
    pipway: Pipway

    @property
    def asked(self) -> int:
        """Requests that came to the servers."""
        return Silent.asked + len(self.upstream.requests)

    def tunnels(self) -> list[str]:
        """Lines of pipway's log."""
        return [line for line in self.pipway.log.read_text().splitlines() if '"tunnel"' in line]

    def command(self, line: str) -> str:
        """As a person would write it here."""
        host = f"localhost:{self.files}"
        line = line.replace("127.0.0.1:3141", "{}:{}".format(*self.pipway.address)).replace("PACKAGE", "leaf")
        return line.replace("files.example", host).replace("git.example", host)

    def environ(self, here: Path) -> dict[str, str]:
        """Who is trusted, which index is asked, where apt keeps its lists."""
        ca, state = str(self.folder / "ca.pem"), here / "apt"
        (state / "lists" / "partial").mkdir(parents=True)
        (state / "sources").write_text(f"deb [trusted=yes] https://localhost:{self.files}/apt ./\n")
        facts = {"Dir::Etc::sourcelist": state / "sources", "Dir::Etc::sourceparts": "/dev/null", "Dir::State::lists":
                 state / "lists", "Dir::Cache": state, "Dir::Etc::parts": "/dev/null", "Acquire::https::CaInfo": ca,
                 "APT::Sandbox::User": "root", "Acquire::Retries": "0"}  # fmt: skip
        (state / "conf").write_text("".join(f'{name} "{value}";\n' for name, value in facts.items()))
        venv.create(here / "venv")
        bin_ = environment("pip-25.0.1", "pip==25.0.1") / "bin"
        environ = neutral_environment()
        return environ | {
            **dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"), ca),
            "PATH": f"{bin_}:{Path(sys.executable).parent}:{environ['PATH']}",
            "HOME": str(here),
            "WGETRC": str(self.folder / "wgetrc"),
            "PIP_INDEX_URL": self.upstream.url,
            "PIP_TARGET": str(here / "target"),
            "PIP_NO_CACHE_DIR": "1",
            "UV_DEFAULT_INDEX": self.upstream.url,
            "VIRTUAL_ENV": str(here / "venv"),
            "UV_NO_CACHE": "1",
            "APT_CONFIG": str(state / "conf"),
        }


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "wgetrc").write_text(f"ca_certificate = {folder / 'ca.pem'}\n")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(tls)
    www = folder / "www"
    (www / "apt").mkdir(parents=True)
    (www / "apt" / "Packages").write_text("Package: leaf\nVersion: 1\nArchitecture: all\nFilename: ./leaf.deb\n\n")
    (www / "data.tar").write_bytes(b"data" * 1000)
    repository(www / "project.git", folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(www)))
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = server.server_address[1]
    with Upstream(tls=tls).in_thread() as upstream:
        upstream.add_wheel("leaf", "1.0")
        allow = f"localhost:{files},127.0.0.1:{upstream.url.split('/')[2].split(':')[1]}"
        with serving(folder / "data", f"main={upstream.url}", settings={"forward.allow": allow}) as pipway:
            yield Town(folder, files, upstream, pipway)
    server.shutdown()
    server.server_close()


def repository(bare: Path, folder: Path) -> None:
    """One commit, to be fetched as plain files."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C", str(folder / "work")]
    (folder / "work").mkdir()
    for step in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *step], check=True, env=neutral_environment())
    subprocess.run(["git", "clone", "--quiet", "--bare", str(folder / "work"), str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_works(town: Town, tmp_path: Path, line: str) -> None:
    """And came through a tunnel of pipway's, to the server behind it."""
    environ, asked, before = town.environ(tmp_path), town.asked, len(town.tunnels())
    done = subprocess.run(
        ["bash", "-c", town.command(line)], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "W:" not in done.stderr, done.stderr  # apt's exit code is 0 when nothing could be fetched
    assert town.asked > asked
    # It is on record when it has ended, and one of the command before may be so only now.
    while not any(("SOCKS" in tunnel) is ("socks" in line) for tunnel in town.tunnels()[before:]):
        town.pipway.get("/health")


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 12
