"""Real clients through the proxy on the one port, HTTP and SOCKS: every byte arrives, no secret is logged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.contracts.stream import serving as certified
from tests.e2e import fetchers
from tests.e2e.clients import Client, Outcome, Pip, Uv
from tests.e2e.fetchers import Fetch, Proxy
from tests.e2e.lab import neutral_environment, old_python
from tests.e2e.served import Pipway, serving
from tests.servers.distributions import padding
from tests.servers.upstream import Upstream
from tests.servers.web_site import Site

from pipway.tokens import Tokens

pytestmark = [
    pytest.mark.xdist_group("forward-clients"),
    pytest.mark.needs("curl", "wget", "git", "apt-get", "dpkg-deb", "aria2c", "java"),
    pytest.mark.slow,
]

MIB = 1 << 20
BIG = 24 * MIB
PADDING = 3 * MIB
LOGIN = ("alice", "Origin-pw-4718")
SIGNATURE = "Signed-4719"  # in a query, as stores of objects have them
RECORD_SECONDS = 20.0  # how long a request may take to get into the log


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> set[str]:
    return {digest(path) for path in folder.glob("*.deb")}


@dataclass
class Town:
    """What is fetched, once in clear and once with TLS, and two proxies that may reach it."""

    folder: Path
    ca: Path
    sites: dict[str, Site]  #: by scheme
    indexes: dict[str, Upstream]  #: by scheme
    open: Pipway
    guarded: Pipway  #: wants a token
    token: str
    big: str  #: digest of `/big.bin`
    head: str  #: commit of `/project.git`

    def proxy(self, scheme: str = "http", *, guarded: bool = False) -> Proxy:
        if guarded:
            return Proxy(scheme, *self.guarded.address, "ci", self.token)
        return Proxy(scheme, *self.open.address)

    def fetch(self, scheme: str, path: str, target: Path, proxy: Proxy) -> Fetch:
        return Fetch(f"{self.sites[scheme].url}{path}", target, proxy, self.ca)

    @contextlib.contextmanager
    def carried(self, url: str, proxy: Proxy, at_least: int) -> Iterator[list[dict[str, Any]]]:
        """What is fetched inside went through the proxy, in the form that belongs to it; gives the log's records."""
        server = self.open if proxy.port == self.open.address[1] else self.guarded
        place = url.split("/")[2]
        seen = server.log.stat().st_size
        found: list[dict[str, Any]] = []
        yield found
        deadline = time.monotonic() + RECORD_SECONDS
        while sum(record["sent"] for record in found) < at_least:  # records are written now and then
            assert time.monotonic() < deadline, found
            server.get("/health")
            found[:] = self._records(server, seen, place)
        kinds = {record["method"] if record["target"] == place else "absolute" for record in found}
        expected = {"socks5h": "SOCKS5", "socks4a": "SOCKS4"}.get(proxy.scheme)
        assert kinds == {expected or ("CONNECT" if url.startswith("https") else "absolute")}
        self.no_secret_in(server)

    def _records(self, server: Pipway, seen: int, place: str) -> list[dict[str, Any]]:
        lines = server.log.read_bytes()[seen:].rpartition(b"\n")[0].splitlines()
        records = [record for record in map(json.loads, lines) if record["event"] == "request"]
        return [each for each in records if each["status"] != 407 and place in each["target"].split("/")[:3]]

    def no_secret_in(self, server: Pipway) -> None:
        said = server.log.read_text() + "".join(server.output)
        assert SIGNATURE not in said
        for user, secret in (("ci", self.token), LOGIN):
            for form in (secret, b64encode(f"{user}:{secret}".encode()).decode()):
                assert form not in said


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    authority, ca = trustme.CA(), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    tls = certified(authority, "127.0.0.1", "localhost")
    www = folder / "www"
    www.mkdir()
    (www / "big.bin").write_bytes(random.Random("big").randbytes(BIG))
    head = repository(www / "project.git", folder / "work")
    archive(www / "apt", folder / "packages")
    tokens, token = Tokens({}).added("ci")
    (folder / "tokens").write_text(tokens.text())
    with contextlib.ExitStack() as stack:
        sites = {
            kind: stack.enter_context(Site(www, tls if kind == "https" else None).in_threads()) for kind in SCHEMES
        }
        indexes = {
            kind: stack.enter_context(Upstream(tls=tls if kind == "https" else None).in_thread()) for kind in SCHEMES
        }
        for index in indexes.values():
            index.add_wheel("root", requires=["leaf-0", "leaf-1", "leaf-2", "leaf-3"], size_padding=PADDING)
            for number in range(4):
                index.add_wheel(f"leaf-{number}", size_padding=1000)
        allow = ",".join(
            each.split("/")[2] for each in [s.url for s in sites.values()] + [i.url for i in indexes.values()]
        )
        more = {"access.tokens_file": str(folder / "tokens")}
        servers = [
            # Its own index is another one: that would be answered from the cache, and here all is to be passed on.
            stack.enter_context(
                serving(folder / name, "main=http://index.example/simple/", settings={"forward.allow": allow} | extra)
            )
            for name, extra in (("open", {}), ("guarded", more))
        ]
        yield Town(folder, ca, sites, indexes, servers[0], servers[1], token, digest(www / "big.bin"), head)
        for server in servers:
            assert "Traceback" not in server.log.read_text()
            assert not [path for path in (server.data / "blobs").rglob("*") if path.is_file()]  # passed on, not kept


SCHEMES = ("http", "https")


def repository(bare: Path, work: Path) -> str:
    """A repository whose pack has several MB; gives its commit."""
    work.mkdir()
    (work / "data.bin").write_bytes(random.Random("git").randbytes(6 * MIB))
    commands = [["init", "--quiet"], ["add", "data.bin"], [*AUTHOR, "commit", "--quiet", "-m", "first"]]
    for words in [*commands, ["clone", "--quiet", "--bare", ".", str(bare)]]:
        subprocess.run(["git", "-C", str(work), *words], check=True, env=neutral_environment())
    return commit_of(bare)


AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@b.example"]


def commit_of(repository: Path, name: str = "HEAD") -> str:
    command = ["git", "-C", str(repository), "rev-parse", name]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=neutral_environment()).stdout.strip()


def archive(target: Path, work: Path) -> None:
    """A flat Debian archive: twelve packages, one of them of several MB."""
    target.mkdir()
    stanzas = ""
    for number in range(12):
        name = f"leaf-{number}"
        (work / name / "DEBIAN").mkdir(parents=True)
        about = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.example>\nDescription: leaf\n"
        (work / name / "DEBIAN" / "control").write_text(about)
        (work / name / "data").write_bytes(random.Random(name).randbytes(5 * MIB if number == 0 else 50_000))
        deb = target / f"{name}.deb"
        command = ["dpkg-deb", "-Znone", "--root-owner-group", "--build", str(work / name), str(deb)]
        subprocess.run(command, check=True, capture_output=True)
        stanzas += f"{about}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest(deb)}\n\n"
    (target / "Packages").write_text(stanzas)
    (target / "Release").write_text(f"SHA256:\n {digest(target / 'Packages')} {len(stanzas)} Packages\n")


# -- installers -------------------------------------------------------------------------------------------------------

OLD, MIDDLE, NEW, UV = Pip("20.3.4", old_python()), Pip("25.0.1"), Pip("26.*"), Uv()
PIP_SOCKS = Pip("25.0.1", more="PySocks==1.*")


def install(town: Town, installer: Client, scheme: str, proxy: Proxy, target: Path, variable: str = "") -> Outcome:
    """By `--proxy`, or by a variable (uv has no option). Without a login nothing works, so pip tries but twice."""
    url = town.indexes[scheme].url
    if isinstance(installer, Pip):
        options, env = (
            [
                "--proxy",
                proxy.url,
                "--cert",
                str(town.ca),
                "--retries",
                "1" if proxy.port == town.guarded.address[1] else "0",
            ],
            {},
        )
    else:
        options, env = [], {"SSL_CERT_FILE": str(town.ca), "UV_HTTP_RETRIES": "0", variable: proxy.url}
    return installer.install(url, ["root"], target, options=options, env=env)


def installed_right(target: Path) -> bool:
    names = {f"leaf_{number}": 1000 for number in range(4)} | {"root": PADDING}
    return all(
        (target / name / "padding.bin").read_bytes() == padding(f"{name.replace('_', '-')}-1.0", size)
        for name, size in names.items()
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("installer", [OLD, MIDDLE, NEW], ids=lambda each: each.name)
def test_pip(town: Town, installer: Pip, scheme: str, tmp_path: Path) -> None:
    proxy = town.proxy()
    with town.carried(town.indexes[scheme].url, proxy, PADDING):
        done = install(town, installer, scheme, proxy, tmp_path)
        assert done.code == 0, done
    assert installed_right(tmp_path)


@pytest.mark.parametrize(
    ("scheme", "way", "variables"),
    [
        ("https", "http", "HTTPS_PROXY"),
        ("https", "http", "ALL_PROXY"),
        ("http", "http", "HTTP_PROXY"),
        ("http", "http", "ALL_PROXY"),
        ("https", "socks5h", "ALL_PROXY"),
        ("http", "socks5h", "ALL_PROXY"),
    ],
)
def test_uv(town: Town, scheme: str, way: str, variables: str, tmp_path: Path) -> None:
    proxy = town.proxy(way)
    with town.carried(town.indexes[scheme].url, proxy, PADDING):
        done = install(town, UV, scheme, proxy, tmp_path, variables)
        assert done.code == 0, done
    assert installed_right(tmp_path)


@pytest.mark.parametrize("guarded", [False, True], ids=["", "with-token"])
def test_pip_over_socks(town: Town, guarded: bool, tmp_path: Path) -> None:
    """With PySocks in its environment."""
    proxy = town.proxy("socks5h", guarded=guarded)
    with town.carried(town.indexes["https"].url, proxy, PADDING):
        done = install(town, PIP_SOCKS, "https", proxy, tmp_path)
        assert done.code == 0, done
    assert installed_right(tmp_path)


@pytest.mark.parametrize(
    ("program", "variables", "way"),
    [(OLD, "", "http"), (NEW, "", "http"), (UV, "HTTPS_PROXY", "http"), (UV, "ALL_PROXY", "socks5h")],
    ids=["pip-20.3.4", "pip-26", "uv", "uv-socks5h"],
)
def test_installers_with_a_token(town: Town, program: Client, variables: str, way: str, tmp_path: Path) -> None:
    proxy = town.proxy(way, guarded=True)
    with town.carried(town.indexes["https"].url, proxy, PADDING):
        done = install(town, program, "https", proxy, tmp_path, variables)
        assert done.code == 0, done
    assert installed_right(tmp_path)


@pytest.mark.parametrize("installer", [OLD, MIDDLE, NEW, UV], ids=lambda each: each.name)
def test_installers_see_why_they_are_refused(town: Town, installer: Client, tmp_path: Path) -> None:
    """407 without a token. pip prints the reason when it tries again, uv has words of its own."""
    done = install(town, installer, "https", replace(town.proxy(guarded=True), user=""), tmp_path, "HTTPS_PROXY")
    assert done.code != 0
    said = "407 pipway: this server wants a token" if isinstance(installer, Pip) else "proxy authorization required"
    assert said in done.output, done


# -- files ------------------------------------------------------------------------------------------------------------

WAYS = ["http", "socks5h", "socks4a"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("guarded", [False, True], ids=["", "with-token"])
@pytest.mark.parametrize(
    ("program", "way"),
    [(fetchers.curl, "http"), (fetchers.curl, "socks5h"), (fetchers.wget, "http"), (fetchers.aria2, "http")],
    ids=["curl", "curl-socks5h", "wget", "aria2"],
)
def test_files(town: Town, program: fetchers.Fetcher, way: str, scheme: str, guarded: bool, tmp_path: Path) -> None:
    fetch = town.fetch(scheme, "/big.bin", tmp_path / "big.bin", town.proxy(way, guarded=guarded))
    with town.carried(fetch.url, fetch.proxy, BIG):
        done = program(fetch)
        assert done.code == 0, done
    assert digest(fetch.target) == town.big


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("way", WAYS)
def test_curl_resumes_and_takes_parts(town: Town, way: str, scheme: str, tmp_path: Path) -> None:
    """Ranges pass both ways: the rest of a file that is there in part, then single parts, several at once."""
    whole = (town.sites[scheme].folder / "big.bin").read_bytes()
    fetch = town.fetch(scheme, "/big.bin", tmp_path / "big.bin", town.proxy(way))
    fetch.target.write_bytes(whole[: BIG - 1000])
    with town.carried(fetch.url, fetch.proxy, 9 * MIB):
        done = fetchers.curl(fetch, "--continue-at", "-")
        assert done.code == 0, done
        assert fetch.target.read_bytes() == whole
        parts = [(start * MIB, (start + 3) * MIB - 1) for start in (1, 8, 16)]
        more: list[str] = []
        for start, end in parts:
            more += ["--next", "--silent", "--fail", "--proxy", fetch.proxy.url, "--cacert", str(town.ca)]
            more += ["--range", f"{start}-{end}", "--output", str(tmp_path / str(start)), fetch.url]
        done = fetchers.curl(fetch, "--parallel", "--head", fetch.url, *more[:-1])
        assert done.code == 0, done
    assert f"Content-Length: {BIG}" in fetch.target.read_text()  # what HEAD gave
    for start, end in parts:
        assert (tmp_path / str(start)).read_bytes() == whole[start : end + 1]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_curl_uploads(town: Town, way: str, scheme: str, chunked: bool, tmp_path: Path) -> None:
    """With Expect: 100-continue, as curl does for everything large."""
    fetch = town.fetch(scheme, "/up", tmp_path / "said", town.proxy(way))
    options = ["--header", "Transfer-Encoding: chunked"] if chunked else []
    with town.carried(fetch.url, fetch.proxy, 1):
        done = fetchers.curl(fetch, "--upload-file", str(town.sites[scheme].folder / "big.bin"), *options)
        assert done.code == 0, done
    assert fetch.target.read_text() == f"PUT {BIG} {town.big}\n"


@pytest.mark.parametrize("options", [[], ["--header", "Transfer-Encoding: chunked", "--header", "Expect:"]])
@pytest.mark.parametrize("way", [[], ["--proxytunnel"]], ids=["absolute", "connect"])
def test_curl_uploads_before_it_knows_the_login(town: Town, way: list[str], options: list[str], tmp_path: Path) -> None:
    """The 407 comes while the body is on its way, or in place of 100 Continue."""
    fetch = town.fetch("http", "/up", tmp_path / "said", town.proxy(guarded=True))
    file = str(town.sites["http"].folder / "big.bin")
    done = fetchers.curl(fetch, "--proxy-anyauth", "--upload-file", file, *way, *options)
    assert done.code == 0, done
    assert fetch.target.read_text() == f"PUT {BIG} {town.big}\n"
    town.no_secret_in(town.guarded)


def test_curl_keeps_its_connection(town: Town, tmp_path: Path) -> None:
    """27 requests in absolute-form on one, with a login and a signature for the origin that only the origin sees."""
    fetch = town.fetch(
        "http", f"/apt/leaf-[1-9].deb?X-Amz-Signature={SIGNATURE}&n=[0-2]", tmp_path / "#1-#2.deb", town.proxy()
    )
    site = town.sites["http"]
    before = len(site.asked)
    with town.carried(fetch.url, fetch.proxy, 27 * 50_000):
        done = fetchers.curl(fetch, "--user", ":".join(LOGIN), "--write-out", "%{num_connects}\n")
        assert done.code == 0, done
    assert done.output.split() == ["1", *["0"] * 26]
    assert {each.headers["authorization"] for each in site.asked[before:]} == {
        "Basic " + b64encode(":".join(LOGIN).encode()).decode()
    }
    assert all(each.headers["via"] and "proxy-connection" not in each.headers for each in site.asked[before:])
    assert digests(tmp_path) == {digest(site.folder / "apt" / f"leaf-{number}.deb") for number in range(1, 10)}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_wget_goes_on_where_it_stopped(town: Town, scheme: str, tmp_path: Path) -> None:
    fetch = town.fetch(scheme, "/big.bin", tmp_path / "big.bin", town.proxy())
    fetch.target.write_bytes((town.sites[scheme].folder / "big.bin").read_bytes()[: 5 * MIB])
    before = len(town.sites[scheme].asked)
    with town.carried(fetch.url, fetch.proxy, BIG - 5 * MIB):
        done = fetchers.wget(fetch, "--continue")
        assert done.code == 0, done
    assert [each.headers["range"] for each in town.sites[scheme].asked[before:]] == [f"bytes={5 * MIB}-"]
    assert digest(fetch.target) == town.big


@pytest.mark.parametrize(("scheme", "tunnel"), [("http", False), ("http", True), ("https", True)])
def test_aria2_with_sixteen_connections(town: Town, scheme: str, tunnel: bool, tmp_path: Path) -> None:
    """At a limited pace, so that it takes all of them."""
    fetch = town.fetch(scheme, "/big.bin", tmp_path / "big.bin", town.proxy())
    before = len(town.sites[scheme].asked)
    options = ["--max-download-limit=24M", f"--checksum=sha-256={town.big}"]
    done = fetchers.aria2(fetch, *options, f"--proxy-method={'tunnel' if tunnel else 'get'}")
    assert done.code == 0, done
    assert digest(fetch.target) == town.big
    asked = town.sites[scheme].asked[before:]
    assert len({each.headers.get("range") for each in asked}) >= 16
    assert all(("via" in each.headers) is not tunnel for each in asked)


# -- git, apt, Java ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guarded", [False, True], ids=["", "with-token"])
@pytest.mark.parametrize(("scheme", "way"), [("https", "http"), ("http", "http"), ("https", "socks5h")])
def test_git(town: Town, scheme: str, way: str, guarded: bool, tmp_path: Path) -> None:
    """Clones six MB and pushes four."""
    fetch = town.fetch(scheme, "/project.git", tmp_path / "clone", town.proxy(way, guarded=guarded))
    with town.carried(fetch.url, fetch.proxy, 6 * MIB):
        done = fetchers.git_clone(fetch)
        assert done.code == 0, done
        assert commit_of(fetch.target) == town.head
        assert digest(fetch.target / "data.bin") == digest(town.folder / "work" / "data.bin")
        (fetch.target / "more.bin").write_bytes(random.Random(fetch.url).randbytes(4 * MIB))
        branch = f"{scheme}-{way}-{guarded}"
        for words in (["add", "more.bin"], ["commit", "-m", "more"], ["push", "--quiet", "origin", f"HEAD:{branch}"]):
            done = fetchers.git(fetch, "-C", str(fetch.target), *AUTHOR, *words)
            assert done.code == 0, done
    assert commit_of(town.sites[scheme].folder / "project.git", branch) == commit_of(fetch.target)


@pytest.mark.parametrize("guarded", [False, True], ids=["", "with-token"])
@pytest.mark.parametrize(("scheme", "way"), [("http", "http"), ("https", "http"), ("http", "socks5h")])
def test_apt(town: Town, scheme: str, way: str, guarded: bool, tmp_path: Path) -> None:
    """Update, then twelve packages at once, which apt pipelines."""
    fetch = town.fetch(scheme, "/apt", tmp_path / "apt", town.proxy(way, guarded=guarded))
    with town.carried(fetch.url, fetch.proxy, 5 * MIB):
        done = fetchers.apt_download(fetch)
        assert done.code == 0, done
    assert "W:" not in done.output
    assert digests(tmp_path) == digests(town.sites[scheme].folder / "apt")
    assert len(digests(tmp_path)) == 12


@pytest.mark.parametrize("guarded", [False, True], ids=["", "with-token"])
@pytest.mark.parametrize("kind", ["client", "old", "socks"])
def test_java(town: Town, kind: str, guarded: bool, tmp_path: Path) -> None:
    """HttpClient asks for HTTP/2 by Upgrade and ALPN, and waits for 100 Continue; the old one has ways of its own."""
    deb = town.sites["http"].folder / "apt" / "leaf-0.deb"
    proxy = town.proxy("socks5h" if kind == "socks" else "http", guarded=guarded)
    clear, secure = (town.fetch(scheme, "/apt/leaf-0.deb", tmp_path / "x", proxy) for scheme in SCHEMES)
    times, verb = (8, "POST") if kind == "client" else (2, "PUT")
    at_least = times * deb.stat().st_size
    with town.carried(clear.url, proxy, at_least), town.carried(secure.url, proxy, at_least):
        done = fetchers.java(clear, kind, deb, secure.url)
        assert done.code == 0, done
    expected = [f"GET 200 {digest(deb)}"] * times + [f"200 {verb} {deb.stat().st_size} {digest(deb)}"]
    assert done.output.splitlines() == expected * 2
