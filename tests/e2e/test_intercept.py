"""Interception with real installers: told of a proxy and an authority, and of no other index than their own.

pipway reaches "the world" through a parent proxy that leads every name to servers of this test. The tests of one
installer run in this order on one data folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from tests.e2e.clients import Outcome, Pip, Poetry, Uv, installed, run
from tests.e2e.lab import neutral_environment, old_python
from tests.e2e.served import Pipway, serving
from tests.servers.relay import ConnectProxy
from tests.servers.upstream import Upstream

PACKAGES = 12
DEFAULT = urlsplit(PYPI_SIMPLE_ENDPOINT).hostname or ""
INDEX, FILES = "index.example", "files.example"
NEVER_FRESH = {"cache.page_ttl": "0s", "cache.stale_while_revalidate": "0s"}


class Remote(Upstream):
    """Its pages name the files' host as the world knows it."""

    @property
    def file_origin(self) -> str:
        """Not where it listens."""
        return f"https://{FILES}"


@dataclass
class Scene:
    """The world, and the pipway data that survives from test to test."""

    upstream: Remote
    parent: ConnectProxy
    authority: Path  #: who vouches for the world's hosts
    room: Path
    top: str = ""
    runs: int = 0
    more: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """pipway's folder."""
        return self.room / "data"

    @property
    def trusted(self) -> Path:
        """What clients believe."""
        return self.data / "ca.pem"

    @contextlib.contextmanager
    def pipway(self, *upstreams: str, **settings: str) -> Iterator[Pipway]:
        """One that looks into tunnels."""
        known = {"intercept.enabled": "true", "parent": str(self.parent.parent), "extra_ca": str(self.authority)}
        known |= {name.replace("__", "."): value for name, value in settings.items()}
        with serving(self.data, *upstreams, settings=known) as server:
            yield server

    def folder(self) -> Path:
        """A new one."""
        self.runs += 1
        return self.room / f"target-{self.runs}"


@contextlib.contextmanager
def world(room: Path) -> Iterator[Scene]:
    """An index with files on another host, and the parent proxy that leads there."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(room / "world.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(INDEX, FILES, DEFAULT, "other.example").configure_cert(tls)
    with Remote(tls=tls).in_thread() as upstream:
        port = urlsplit(upstream.origin).port
        assert port is not None
        with ConnectProxy(names={"*": ("127.0.0.1", port)}).in_thread() as parent:
            yield Scene(upstream, parent, room / "world.pem", room, upstream.add_many(PACKAGES))


PIPS = [
    pytest.param(Pip("26.*"), id="pip-26"),
    pytest.param(Pip("25.0.1"), id="pip-25", marks=pytest.mark.slow),
    pytest.param(Pip("20.3.4", old_python()), id="pip-20", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=PIPS)
def pip(request: pytest.FixtureRequest) -> Pip:
    found: Pip = request.param
    return found


@pytest.fixture(scope="module")
def scene(pip: Pip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """After one cold install, which is checked here because every later test rests on it."""
    with world(tmp_path_factory.mktemp(pip.name)) as scene:
        with scene.pipway() as server:
            outcome = install(pip, scene, server)
            assert outcome.code == 0, outcome
            files = [r for r in scene.upstream.asked("/files/*.whl", method="GET") if not r.header("range")]
            assert len(files) == PACKAGES  # each wheel once
            assert {r.header("user-agent").partition("/")[0] for r in scene.upstream.requests} == {"pipway"}
            assert "ahead.right" in server.log.read_text()  # pip's User-Agent was read inside the tunnel
        yield scene


def install(pip: Pip, scene: Scene, server: Pipway, *requirements: str, **env: str) -> Outcome:
    """Only --proxy and --cert: pip asks its own default index."""
    command = [*pip.command(), "install", "--no-cache-dir", "--no-compile", "--progress-bar", "off"]
    command += ["--proxy", server.url.rstrip("/"), "--cert", str(scene.trusted)]
    target = scene.folder()
    outcome = run([*command, "--target", str(target), *(requirements or [scene.top])], env=neutral_environment() | env)
    if outcome.code == 0:
        assert {name for name in installed(target) if name.startswith("pkg-")} == {f"pkg-{n}" for n in range(PACKAGES)}
    return outcome


@pytest.mark.slow
def test_warm_asks_upstream_for_nothing(pip: Pip, scene: Scene) -> None:
    """Fresh pages and stored files, asked for by the world's own names, after a restart."""
    before = len(scene.upstream.requests)
    with scene.pipway() as server:
        outcome = install(pip, scene, server)
        assert outcome.code == 0, outcome
        assert server.upstream_requests() == 0
    assert len(scene.upstream.requests) == before


def test_upstream_down(pip: Pip, scene: Scene) -> None:
    """Pages are long past their freshness; what was seen once stays installable."""
    scene.upstream.down()
    try:
        with scene.pipway(**{name.replace(".", "__"): value for name, value in NEVER_FRESH.items()}) as server:
            outcome = install(pip, scene, server)
            assert outcome.code == 0, outcome
            assert outcome.seconds < 20
    finally:
        scene.upstream.up()


@pytest.mark.slow
def test_never_seen_with_the_upstream_down_is_no_missing_package(pip: Pip, scene: Scene) -> None:
    """503 with the reason, inside TLS as on the index face; a name that the upstream denies is a 404."""
    scene.upstream.down()
    try:
        with scene.pipway() as server:
            outcome = install(pip, scene, server, "never-seen", PIP_RETRIES="0")
            assert outcome.code != 0
            url = f"{PYPI_SIMPLE_ENDPOINT}never-seen/"
            status, text = curl(server, scene.trusted, url, "-w", "%{http_code}", "-i")
            assert status == 0
            assert text.endswith("503")
            assert "HTTP/1.1 503 pipway: " in text
            assert "could not connect" in text
    finally:
        scene.upstream.up()
    with scene.pipway() as server:
        assert curl(server, scene.trusted, f"{PYPI_SIMPLE_ENDPOINT}never-was/", "-w", "%{http_code}")[1].endswith("404")


@pytest.mark.slow
def test_a_requirements_file_with_absolute_urls_and_the_upstream_down(pip: Pip, scene: Scene) -> None:
    """Its URLs name the files' host; nothing is rewritten."""
    (wheel,) = [file for file in scene.upstream.projects["pkg-11"].files if file.filename.endswith(".whl")]
    lines = scene.room / "requirements.txt"
    lines.write_text(f"pkg-11 @ https://{FILES}{wheel.path} --hash=sha256:{hashlib.sha256(wheel.data).hexdigest()}\n")
    scene.upstream.down()
    try:
        with scene.pipway() as server:
            target = scene.folder()
            command = [*pip.command(), "install", "--no-cache-dir", "--target", str(target), "--no-deps"]
            command += ["--proxy", server.url.rstrip("/"), "--cert", str(scene.trusted), "-r", str(lines)]
            outcome = run(command, env=neutral_environment())
            assert outcome.code == 0, outcome
            assert "pkg-11" in installed(target)
    finally:
        scene.upstream.up()


def curl(server: Pipway, trusted: Path, url: str, *options: str) -> tuple[int, str]:
    """Exit code and what it printed."""
    command = ["curl", "-sS", "--max-time", "30", "--proxy", server.url, "--cacert", str(trusted), *options, url]
    done = subprocess.run(command, env=neutral_environment(), capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Scene]:
    """A world of the test's own."""
    with world(tmp_path) as scene:
        yield scene


SOURCE = f"main=https://{INDEX}/simple/"


@pytest.mark.needs("curl", "openssl")
def test_judges_of_the_certificates(place: Scene) -> None:
    """OpenSSL verifies what is shown for index and file hosts; every other host shows its own."""
    with place.pipway(SOURCE) as server:
        host, port = server.address
        for name in (INDEX, FILES):
            command = [
                "openssl",
                "s_client",
                "-proxy",
                f"{host}:{port}",
                "-connect",
                f"{name}:443",
                "-servername",
                name,
            ]
            command += ["-CAfile", str(place.trusted), "-verify_return_error", "-verify_hostname", name]
            command += ["-x509_strict", "-alpn", "h2,http/1.1"]
            done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, done.stderr
            assert "Verify return code: 0 (ok)" in done.stdout
            assert "ALPN protocol: http/1.1" in done.stdout
            assert "pipway interception" in done.stdout
        assert curl(server, place.trusted, f"https://{INDEX}/simple/pkg-0/", "-o", "/dev/null")[0] == 0
        assert curl(server, place.authority, f"https://{INDEX}/simple/pkg-0/", "-o", "/dev/null")[0] == 60
        assert curl(server, place.authority, "https://other.example/simple/pkg-0/", "-o", "/dev/null")[0] == 0
        assert curl(server, place.trusted, "https://other.example/simple/pkg-0/", "-o", "/dev/null")[0] == 60


JAVA = """
import java.io.FileInputStream;
import java.net.*;
import java.net.http.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Judge {
    public static void main(String[] args) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
            .generateCertificate(new FileInputStream(args[0])));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        InetSocketAddress proxy = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1]));
        HttpClient client = HttpClient.newBuilder().sslContext(tls).proxy(ProxySelector.of(proxy)).build();
        for (int i = 2; i < args.length; i++)
            System.out.println(client.send(HttpRequest.newBuilder(URI.create(args[i])).build(),
                HttpResponse.BodyHandlers.discarding()).statusCode());
    }
}
"""


@pytest.mark.slow
@pytest.mark.needs("wget", "java")
def test_other_implementations_of_tls_accept_it(place: Scene) -> None:
    """GnuTLS (wget) and Java check name constraints by themselves, and Java asks for HTTP/2 first."""
    page, source = f"https://{INDEX}/simple/pkg-0/", place.room / "Judge.java"
    source.write_text(JAVA)
    with place.pipway(SOURCE) as server:
        for trusted, good in ((place.trusted, True), (place.authority, False)):
            wget = ["wget", "-q", "-O", "/dev/null", "--tries=1", f"--ca-certificate={trusted}", "-e", "use_proxy=yes"]
            done = subprocess.run(
                [*wget, "-e", f"https_proxy={server.url}", page], env=neutral_environment(), timeout=60, check=False
            )
            assert (done.returncode == 0) is good
            java = ["java", str(source), str(trusted), str(server.address[1]), page, page]
            outcome = run(java, env=neutral_environment())
            assert (outcome.code == 0) is good, outcome
            assert not good or outcome.output.split() == ["200", "200"]


@pytest.mark.needs("curl")
def test_pages_are_the_upstreams_own_and_the_rest_is_sent_on(place: Scene) -> None:
    """Uploads and APIs reach the upstream as the client sent them."""
    with place.pipway(SOURCE) as server:
        code, page = curl(server, place.trusted, f"https://{INDEX}/simple/pkg-0/", "-H", "Accept: text/html")
        assert code == 0
        assert f'href="https://{FILES}/files/' in page
        assert curl(server, place.trusted, f"https://{INDEX}/pypi/pkg-0/json", "-d", "x=1", "-w", "%{http_code}") == (
            0, "405",
        )  # fmt: skip
        (sent,) = place.upstream.asked("/pypi/pkg-0/json")
        assert sent.method == "POST"
        assert sent.header("user-agent").startswith("curl/")
        assert sent.header("host") == INDEX


@pytest.mark.needs("curl")
def test_who_does_not_trust_us_gets_through_when_so_configured(place: Scene) -> None:
    """The first try fails, the next one sees the upstream itself."""
    with place.pipway(SOURCE, intercept__on_distrust="pass") as server:
        page = f"https://{INDEX}/simple/pkg-0/"
        assert curl(server, place.authority, page, "-o", "/dev/null")[0] == 60
        assert curl(server, place.authority, page, "-o", "/dev/null")[0] == 0


@pytest.mark.needs("curl")
def test_hosts_that_a_person_excepted_stay_opaque(place: Scene) -> None:
    """`intercept.pass_through`."""
    with place.pipway(SOURCE, intercept__pass_through="files.*") as server:
        assert curl(server, place.trusted, f"https://{INDEX}/simple/pkg-0/", "-o", "/dev/null")[0] == 0
        assert curl(server, place.authority, f"https://{FILES}/nothing", "-o", "/dev/null")[0] == 0


@pytest.mark.needs("curl")
def test_each_of_several_upstreams_answers_for_itself(place: Scene, tmp_path: Path) -> None:
    """Both have the project; whoever asks one by its own address gets that one's page, and its file from the cache."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "second.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("second.example").configure_cert(tls)
    both = tmp_path / "both.pem"
    both.write_text(place.authority.read_text() + (tmp_path / "second.pem").read_text())
    with Upstream(tls=tls, relative_links=True).in_thread() as second:
        wheel = second.add_wheel("pkg-0", "7.0")
        port = urlsplit(second.origin).port
        assert port is not None
        place.parent.names["second.example"] = ("127.0.0.1", port)
        sources = (SOURCE, "second=https://second.example/simple/")
        with place.pipway(*sources, extra_ca=str(both)) as server:
            pages = [
                curl(server, place.trusted, f"https://{host}/simple/pkg-0/", "-H", "Accept: text/html")[1]
                for host in (INDEX, "second.example")
            ]
            for _ in range(2):
                assert curl(server, place.trusted, f"https://second.example{wheel.path}", "-o", "/dev/null")[0] == 0
        assert len(second.asked(wheel.path, method="GET")) == 1
    assert ["7.0" in text for text in pages] == [False, True]
    assert ["https://second.example/files/" in text for text in pages] == [False, True]


@pytest.mark.needs("curl")
def test_offline_asks_nobody(place: Scene) -> None:
    """What is not stored is a clear 503, also what would be sent on."""
    with place.pipway(SOURCE) as server:
        assert curl(server, place.trusted, f"https://{INDEX}/simple/pkg-0/", "-o", "/dev/null")[0] == 0
    before = len(place.upstream.requests)
    with place.pipway(SOURCE, offline="true") as server:
        codes = [
            curl(server, place.trusted, f"https://{INDEX}{path}", "-o", "/dev/null", "-w", "%{http_code}")[1]
            for path in ("/simple/pkg-0/", "/simple/pkg-1/", "/pypi/pkg-0/json")
        ]
    assert codes == ["200", "503", "503"]
    assert len(place.upstream.requests) == before


def uv(place: Scene, folder: Path, *arguments: str, proxy: str, trusted: Path) -> Outcome:
    """In a project of its own; no cache, no other index than the project's."""
    variables = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(trusted), "UV_NO_CACHE": "1", "UV_PYTHON": sys.executable}
    return run([*Uv().command(), *arguments], env=neutral_environment() | variables, cwd=folder)


def project(folder: Path, top: str) -> Path:
    """One that needs `top` from the world's index."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["{top}"]\n'
        "[tool.uv]\npackage = false\n"
        f'[[tool.uv.index]]\nname = "world"\nurl = "https://{INDEX}/simple/"\ndefault = true\n'
    )
    return folder


@pytest.mark.parametrize("filled_by", ["uv", "pip through the index face"])
def test_uv_sync_with_a_lock_made_without_pipway(place: Scene, filled_by: str) -> None:
    """Its URLs are the world's; it installs from the cache, the upstream unreachable, and not a byte of it changes."""
    made = project(place.room / "made", place.top)
    way = place.parent.parent
    outcome = uv(place, made, "lock", proxy=f"http://{way.host}:{way.port}", trusted=place.authority)
    assert outcome.code == 0, outcome
    lock = (made / "uv.lock").read_bytes()
    assert b"https://files.example/files/" in lock
    with place.pipway(SOURCE) as server:
        if filled_by == "uv":
            first = project(place.room / "first", place.top)
            (first / "uv.lock").write_bytes(lock)
            outcome = uv(place, first, "sync", "--locked", proxy=server.url, trusted=place.trusted)
        else:
            outcome = Pip("26.*").install(server.index, [place.top], place.folder())
        assert outcome.code == 0, outcome
    before = len(place.upstream.requests)
    place.upstream.down()
    with place.pipway(SOURCE, **{name.replace(".", "__"): value for name, value in NEVER_FRESH.items()}) as server:
        again = project(place.room / "again", place.top)
        (again / "uv.lock").write_bytes(lock)
        outcome = uv(place, again, "sync", "--locked", proxy=server.url, trusted=place.trusted)
        assert outcome.code == 0, outcome
    assert {name for name in installed(again) if name.startswith("pkg-")} == {f"pkg-{n}" for n in range(PACKAGES)}
    assert (again / "uv.lock").read_bytes() == lock
    assert len(place.upstream.requests) == before


@pytest.mark.slow
def test_pylock_and_poetry_with_the_upstream_down(place: Scene) -> None:
    """Locks of other kinds, made without pipway too: installed from the cache, not a byte changed."""
    way, made = place.parent.parent, project(place.room / "made", place.top)
    direct = f"http://{way.host}:{way.port}"
    assert uv(place, made, "lock", proxy=direct, trusted=place.authority).code == 0
    exported = uv(place, made, "export", "-q", "--format", "pylock.toml", "-o", "pylock.toml", proxy=direct,
                  trusted=place.authority)  # fmt: skip
    assert exported.code == 0, exported
    pylock = (made / "pylock.toml").read_bytes()
    assert b"https://files.example/files/" in pylock
    poetry = Poetry()

    def poet(folder: Path, verb: str, proxy: str, trusted: Path) -> Outcome:
        own = {"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(trusted), "POETRY_CACHE_DIR": str(folder / "cache")}
        own |= {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_KEYRING_ENABLED": "false"}
        return run([*poetry.command(), verb, "-n"], env=neutral_environment() | own, cwd=folder)

    poem = place.room / "poem"
    poem.mkdir()
    (poem / "pyproject.toml").write_text(
        f'[project]\nname = "c"\nversion = "1"\nrequires-python = ">=3.11,<4"\ndependencies = ["{place.top}"]\n'
        "[tool.poetry]\npackage-mode = false\n"
        f'[[tool.poetry.source]]\nname = "world"\nurl = "https://{INDEX}/simple/"\npriority = "primary"\n'
    )
    assert poet(poem, "lock", direct, place.authority).code == 0
    verses = (poem / "poetry.lock").read_bytes()
    with place.pipway(SOURCE) as server:
        assert Pip("26.*").install(server.index, [place.top], place.folder()).code == 0
    place.upstream.down()
    with place.pipway(SOURCE, **{name.replace(".", "__"): value for name, value in NEVER_FRESH.items()}) as server:
        target = place.folder()
        outcome = uv(place, made, "pip", "install", "--target", str(target), "-r", "pylock.toml", proxy=server.url,
                     trusted=place.trusted)  # fmt: skip
        assert outcome.code == 0, outcome
        assert len([name for name in installed(target) if name.startswith("pkg-")]) == PACKAGES
        outcome = poet(poem, "install", server.url, place.trusted)
        assert outcome.code == 0, outcome
    assert len([name for name in installed(poem / ".venv") if name.startswith("pkg-")]) == PACKAGES
    assert (made / "pylock.toml").read_bytes() == pylock
    assert (poem / "poetry.lock").read_bytes() == verses


def test_ca_verbs(place: Scene) -> None:
    """show, export, rotate, and a broken authority, as a person meets them."""

    def pipway(*arguments: str) -> Any:
        variables = {"PIPWAY_DATA": str(place.data), "PIPWAY_UPSTREAM": SOURCE, "PIPWAY_EXTRA_CA": str(place.authority)}
        variables |= {"PIPWAY_PARENT": str(place.parent.parent), "XDG_CONFIG_HOME": str(place.room / "none")}
        command = [sys.executable, "-m", "pipway", "ca", *arguments]
        return subprocess.run(
            command, env=neutral_environment() | variables, capture_output=True, text=True, timeout=60, check=False
        )

    none = pipway("show")
    assert none.returncode == 2
    assert "pipway ca export" in none.stderr
    place.upstream.down()
    assert "rotate --now" in pipway("export").stderr  # made blindly: it speaks for the index alone
    place.upstream.up()
    again = pipway("rotate", "--now")
    assert again.returncode == 0, again.stderr
    shown = pipway("show")
    assert shown.returncode == 0, shown.stderr
    assert "index.example, files.example" in shown.stdout
    assert "Interception is off" in shown.stdout
    pem = pipway("export").stdout
    assert pem == place.trusted.read_text()
    assert "PRIVATE" not in pem
    full = place.room / "full.pem"
    assert pipway("export", "--full", str(full)).returncode == 0
    assert pem.strip() in full.read_text()
    rotated = pipway("rotate")
    assert rotated.returncode == 0, rotated.stderr
    assert pipway("export").stdout.count("BEGIN CERTIFICATE") == 2
    (place.data / "ca" / "current.pem").write_text("nonsense")
    broken = pipway("show")
    assert broken.returncode == 2
    assert "ca-broken" in broken.stderr
    assert "pipway ca rotate --now" in broken.stderr
    ended = pipway("rotate", "--now")
    assert ended.returncode == 0, ended.stderr
    assert pipway("export").stdout.count("BEGIN CERTIFICATE") == 1
    for done in (shown, rotated, broken, ended):
        assert "PRIVATE" not in done.stdout + done.stderr
