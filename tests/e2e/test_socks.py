"""curl as the judge of SOCKS on the one port: every version, with and without a login, and what it says to refusals."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers.relay import ConnectProxy
from tests.servers.upstream import Upstream

from pipway.tokens import Tokens

pytestmark = pytest.mark.needs("curl")

PROXY_ERROR = 97  # curl's exit code since 7.73
FLAGS = ["--socks4", "--socks4a", "--socks5", "--socks5-hostname"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("big", "1.0", size_padding=3_000_000)
        yield upstream


@pytest.fixture(scope="module")
def server(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipway]:
    folder = tmp_path_factory.mktemp("socks")
    port = port_of(upstream)
    allowed = f"127.0.0.1:{port},localhost:{port},127.0.0.1:1"
    with serving(folder / "data", f"main={upstream.url}", settings={"forward.allow": allowed}) as server:
        yield server


def port_of(upstream: Upstream) -> str:
    return str(urlsplit(upstream.url).port)


def curl(server: Pipway, flag: str, url: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    proxy = "{}:{}".format(*server.address)
    command = ["curl", "--disable", "--silent", "--show-error", "--max-time", "30", flag, proxy, *options, url]
    return subprocess.run(command, env=neutral_environment(), capture_output=True, timeout=60, check=False)


def host_for(flag: str) -> str:
    """Version 4 and plain 5 have curl look names up, and `localhost` may be ::1."""
    return "localhost" if flag in ("--socks4a", "--socks5-hostname") else "127.0.0.1"


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("login", [(), ("--proxy-user", "some:body")], ids=["", "login offered"])
def test_curl_fetches(server: Pipway, upstream: Upstream, flag: str, login: tuple[str, ...]) -> None:
    """A login that nobody wants hurts nobody: curl offers method 0 beside it, and an identity to version 4."""
    file = upstream.project("big").files[0]
    page = curl(server, flag, f"http://{host_for(flag)}:{port_of(upstream)}/simple/big/", *login)
    assert (page.returncode, page.stderr) == (0, b"")
    assert b"big-1.0" in page.stdout
    fetched = curl(server, flag, upstream.url_of(file).replace("127.0.0.1", host_for(flag)), *login)
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout == file.data


@pytest.mark.parametrize(
    ("target", "code"),
    [("127.0.0.1:2", 2), ("169.254.169.254:80", 2), ("127.0.0.1:1", 5), ("nowhere.invalid:80", 4)],
)
def test_refusals_are_told(server: Pipway, target: str, code: int) -> None:
    """RFC 1928 §6: not allowed, nothing listens, no such host. The reason is in the log."""
    done = curl(server, "--socks5-hostname", f"http://{target}/")
    assert done.returncode == PROXY_ERROR
    assert f"({code})".encode() in done.stderr
    assert curl(server, "--socks4a", f"http://{target}/").returncode == PROXY_ERROR
    assert f'"target":"{target}"' in server.log.read_text().replace('": "', '":"')


def test_tokens_are_demanded(upstream: Upstream, tmp_path: Path) -> None:
    """As user and password; version 4 has none, so it stays outside."""
    tokens, token = Tokens({}).added("ci")
    (tmp_path / "tokens").write_text(tokens.text())
    url = f"{upstream.url}big/"
    settings = {"access.tokens_file": str(tmp_path / "tokens"), "forward.allow": f"127.0.0.1:{port_of(upstream)}"}
    with serving(tmp_path / "data", f"main={upstream.url}", settings=settings) as server:
        right = curl(server, "--socks5", url, "--proxy-user", f"ci:{token}")
        assert (right.returncode, right.stderr) == (0, b"")
        assert b"big-1.0" in right.stdout
        for login in (("--proxy-user", "ci:wrong"), ()):
            wrong = curl(server, "--socks5", url, *login)
            assert wrong.returncode == PROXY_ERROR, wrong
        assert curl(server, "--socks4", url, "--proxy-user", f"ci:{token}").returncode == PROXY_ERROR
        assert curl(server, "--socks4", url).returncode == PROXY_ERROR
        log = server.log.read_text()
    assert token not in log
    assert '"login-needed"' in log


@pytest.mark.parametrize("flag", ["--socks4a", "--socks5-hostname"])
def test_an_index_host_is_answered_from_the_cache(tmp_path: Path, flag: str) -> None:
    """As in a CONNECT tunnel: curl trusts pipway's authority alone, and the index is asked once."""
    authority, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.cert_pem.write_to_path(tmp_path / "world.pem")
    authority.issue_cert("index.example").configure_cert(tls)
    with Upstream(tls=tls).in_thread() as upstream:
        for name in ("another", "leaf"):  # pipway itself looks at the first one, to learn where files are
            upstream.add_wheel(name, "1.0")
        there = {"*": ("127.0.0.1", int(port_of(upstream)))}
        with ConnectProxy(names=there).in_thread() as parent:
            settings = {
                "intercept.enabled": "true",
                "parent": str(parent.parent),
                "extra_ca": str(tmp_path / "world.pem"),
            }
            with serving(tmp_path / "data", "main=https://index.example/simple/", settings=settings) as server:
                trusted = ("--cacert", str(server.data / "ca.pem"))
                for _ in range(2):
                    done = curl(server, flag, "https://index.example/simple/leaf/", *trusted)
                    assert (done.returncode, done.stderr) == (0, b"")
                    assert b"leaf-1.0" in done.stdout
                assert [each.path for each in upstream.requests].count("/simple/leaf/") == 1
                opaque = curl(server, flag, "https://other.example/", *trusted)
                assert b"certificate" in opaque.stderr  # of the world's own authority
