"""A pipway that wants tokens: what pip, uv and curl send of an index URL and of a proxy URL is enough."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.clients import Client, Pip, Uv, installed
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, launch, serving
from tests.servers.upstream import Upstream

from pipway.tokens import Tokens, save

pytestmark = pytest.mark.xdist_group("team")  # the log is looked at when all of them are through


def basic(user: str, password: str) -> str:
    """RFC 7617 §2."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Team:
    """A server for others, and what lets one in."""

    server: Pipway
    upstream: Upstream
    token: str

    def index(self, login: str) -> str:
        """The index URL with a login in it."""
        return self.server.index.replace("://", f"://{login}@")

    def proxy(self, scheme: str, login: str) -> str:
        """The proxy URL with a login in it."""
        host, port = self.server.address
        return f"{scheme}://{login}@{host}:{port}"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    room = tmp_path_factory.mktemp("team")
    tokens, token = Tokens({}).added("ci")
    save(room / "tokens", tokens)
    with Upstream().in_thread() as upstream:
        upstream.add_many(3)
        where = upstream.origin.rpartition("/")[2]
        settings = {"access.tokens_file": str(room / "tokens"), "forward.allow": where}
        with serving(room / "data", f"main={upstream.url}", settings=settings) as server:
            yield Team(server, upstream, token)
        text = server.log.read_text()
        assert token not in text + "".join(server.output)
        assert '"status":401' in text


@pytest.mark.parametrize("client", [Pip("26.*"), Uv()], ids=lambda client: client.name)
def test_a_token_in_the_index_url(team: Team, client: Client, tmp_path: Path) -> None:
    """pip asks without it first and answers the 401; uv sends it at once."""
    outcome = client.install(team.index(f"ci:{team.token}"), ["pkg-2"], tmp_path / "in")
    assert outcome.code == 0, outcome
    assert "pkg-2" in installed(tmp_path / "in")
    assert team.token not in outcome.output
    for login in ("ci:wrong", ""):
        url = team.index(login) if login else team.server.index
        outcome = client.install(url, ["pkg-1"], tmp_path / "out")
        assert outcome.code != 0, outcome
        assert "pkg-1" not in installed(tmp_path / "out")


def test_a_token_in_the_proxy_url(team: Team, tmp_path: Path) -> None:
    """pip --proxy: absolute-form to an index in clear."""
    index = team.upstream.url
    options = ["--proxy", team.proxy("http", f"ci:{team.token}")]
    pip = Pip("26.*")
    outcome = pip.install(index, ["pkg-2"], tmp_path / "in", options=options)
    assert outcome.code == 0, outcome
    outcome = pip.install(index, ["pkg-2"], tmp_path / "out", options=["--proxy", team.proxy("http", "ci:wrong")])
    assert outcome.code != 0, outcome


@pytest.mark.needs("curl")
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_curl_through_it(team: Team, scheme: str) -> None:
    """407 with a challenge (RFC 9110 §15.5.8), or no acceptable method, and RFC 1929 with the token as password."""

    def curl(login: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", *options]
        command += ["-x", team.proxy(scheme, login), f"{team.upstream.url}pkg-2/"]
        return subprocess.run(command, env=neutral_environment(), capture_output=True, text=True, timeout=60)

    assert curl(f"ci:{team.token}").stdout.startswith("200 ")
    if scheme == "http":
        assert curl(f"ci:{team.token}", "--proxytunnel").stdout == "200 200"
        assert curl("ci:wrong").stdout.startswith("407 ")
        assert curl("ci:wrong", "--proxytunnel").stdout.endswith(" 407")
    else:
        assert curl("ci:wrong").returncode == 97


def test_the_pages_want_one_too(team: Team) -> None:
    """And a probe gets one word."""
    assert team.server.get("/").status == 401
    assert team.server.get("/metrics").status == 401
    health = team.server.get("/health")
    assert (health.status, health.body) == (200, b'{"status":"ok"}')
    assert team.server.get("/", authorization=f"Bearer {team.token}").status == 200
    answer = team.server.get("/simple/pkg-2/")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_what_is_kept_ready_for_one_is_not_given_to_another(team: Team) -> None:
    """The whole head is the key of a ready answer, the login included."""
    mine = basic("ci", team.token)
    assert [team.server.get("/simple/pkg-1/", authorization=mine).status for _ in range(3)] == [200, 200, 200]
    page = team.server.get("/simple/pkg-1/", authorization=mine, accept="text/html").body.decode()
    link = "/files/" + re.split('["#]', page.partition("/files/")[2])[0]
    assert [team.server.get(link, authorization=mine).status for _ in range(3)] == [200, 200, 200]
    for path in ("/simple/pkg-1/", link):
        assert team.server.get(path).status == 401
        assert team.server.get(path, authorization=basic("ci", team.token[:-1])).status == 401
        assert team.server.get(path, authorization=basic("ci", team.token + "x")).status == 401


def test_it_does_not_start_for_everybody(tmp_path: Path) -> None:
    """One clear error, exit code 2; an address list will do."""
    others = ["--listen", "0.0.0.0:0"]
    with pytest.raises(AssertionError, match="open-to-everyone"):
        launch(tmp_path / "data", "http://127.0.0.1:9/simple/", options=others)
    listed = {"access.allow_from": "192.0.2.0/24"}
    with serving(tmp_path / "data", "http://127.0.0.1:9/simple/", options=others, settings=listed) as server:
        assert server.get("/health").status == 200, "this machine itself is always on the list"
