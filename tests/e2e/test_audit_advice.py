"""Advice on pip that is common and wrong, tried with real pips of four generations, with Poetry and with hadolint.

The files are those of tests/audit/advice/, which the audit judges in tests/audit/test_advice.py: what it calls wrong
fails here, or does what nobody wants, and what it lets pass works.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.audit.advised import number
from tests.audit.casefile import PUBLIC
from tests.e2e.clients import Pip, Poetry, run
from tests.e2e.lab import neutral_environment, old_python
from tests.e2e.many import Run, at_home, audited, outcomes
from tests.e2e.trials import ALPHA, CONF, GET, Trial, tried
from tests.servers.certificates import issue, serving
from tests.servers.distributions import make_wheel
from tests.servers.upstream import Upstream

PIPS = [Pip("20.3.4", old_python()), Pip("23.3.2"), Pip("25.0.1"), Pip("26.*")]
NEWEST = PIPS[-1]


@dataclass(frozen=True)
class World:
    """Two indexes and a proxy with a password."""

    ours: Upstream  #: at http://127.0.0.1
    public: Upstream  #: has names of ours, too
    secure: Upstream  #: like ours, at https://nexus.corp
    proxy: ThreadingHTTPServer
    ca: str

    def real(self, text: str) -> str:
        """Addresses of the advice as addresses of this machine."""
        text = text.replace("https://nexus.corp/simple/", self.ours.url)
        text = text.replace(f"https://{PUBLIC}/simple/", self.public.url)
        return text.replace("proxy.corp:8080", f"127.0.0.1:{self.proxy.server_port}")


class Proxy(BaseHTTPRequestHandler):
    """Fetches for ann with the right password."""

    wanted = "Basic " + base64.b64encode(b"ann:hun#ter").decode()

    def do_GET(self) -> None:
        if self.headers.get("Proxy-Authorization") != self.wanted:
            self.send_error(407)
            return
        with urllib.request.urlopen(
            urllib.request.Request(self.path, headers={"Accept": self.headers["Accept"]})
        ) as got:
            self.send_response(200)
            self.send_header("Content-Type", got.headers["Content-Type"])
            self.send_header("Via", "1.1 proxy.corp")
            self.end_headers()
            self.wfile.write(got.read())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def proxying() -> Iterator[ThreadingHTTPServer]:
    """A proxy in a thread of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    ca = issue("corp ca", authority=True)
    own = issue("nexus.corp", ca, names=["nexus.corp"])
    with (
        Upstream().in_thread() as ours,
        Upstream().in_thread() as public,
        Upstream(tls=serving(own), relative_links=True).in_thread() as secure,
        proxying() as proxy,
    ):
        for index in (ours, secure):
            index.add_wheel("alpha", "1.0")
        ours.add_wheel("beta", "1.0")
        ours.add_wheel("delta", "1.0", requires=["alpha"])
        ours.add_sdist("gamma", "1.0", build_requires=["alpha"])
        public.add_wheel("alpha", "1.0", size_padding=10)
        public.add_wheel("alpha", "9.0")
        yield World(ours, public, secure, proxy, ca.pem)


def conf(files: Mapping[str, str]) -> dict[str, str]:
    """pip.conf as the user's own, where pip reads it."""
    return {CONF if name == "pip.conf" else name: text for name, text in files.items()}


def both(world: World, wanted: int) -> tuple[dict[str, str], dict[str, str]]:
    """The files of the wrong and of the good form, with addresses of this machine."""
    case = number(wanted)
    return tuple(conf({name: world.real(text) for name, text in files.items()}) for files in (case.files, case.fixed))  # type: ignore[return-value]


def index_conf(world: World, more: str = "") -> str:
    return f"[global]\nindex-url = {world.ours.url}\n{more}"


def about_files(world: World) -> list[Trial]:
    """Which files pip reads, and when one stops it: 1, 9, 19."""
    (bad1, good1), (bad19, good19) = both(world, 1), both(world, 19)
    return [
        Trial("1 wrong", bad1, "config list", 0, r"(?s)\A(?!.*index-url)"),
        Trial("1 wrong here", {"pip.conf": bad1[".pip.conf"]}, "config list", 0, r"(?s)\A(?!.*index-url)"),
        Trial("1 good", good1, "config list", 0, f"global.index-url='{world.ours.url}'"),
        Trial("9 noise", conf(number(9).files), "config list", 0, r"(?s)\A(?!.*trusted).*global\.timeout='60'"),
        Trial("19 wrong", bad19, "config list", 2, "Configuration file (could not be loaded|contains)"),
        Trial("19 good", good19, f"{GET} alpha", 0, gets=ALPHA),
    ]


def about_indexes(world: World) -> list[Trial]:
    """Who has the say over where a project comes from: 2, 11."""
    (bad2, good2), (bad11, good11) = both(world, 2), both(world, 11)
    mine = {CONF: index_conf(world)}
    own = hashlib.sha256(make_wheel("alpha", "1.0")).hexdigest()
    foreign = hashlib.sha256(make_wheel("alpha", "1.0", size_padding=10)).hexdigest()
    return [
        Trial("2 wrong", bad2, f"{GET} alpha", 0, gets="alpha-9.0-py3-none-any.whl"),
        Trial("2 good", good2, f"{GET} alpha", 0, gets=ALPHA),
        Trial("11 wrong", mine | bad11, f"{GET} -r requirements.txt", 0, gets=ALPHA, digest=foreign),
        Trial("11 good", good11, f"{GET} -r requirements.txt", 0, gets=ALPHA, digest=own),
    ]


def about_settings(world: World) -> list[Trial]:
    """What a key does, and where: 3, 8."""
    (bad3, good3), (bad8, good8) = both(world, 3), both(world, 8)
    index = f"--index-url {world.ours.url} alpha"
    return [
        Trial("3 wrong", bad3, "cache dir", 1, "cache is disabled"),
        Trial("3 good", good3, "cache dir", 0, "/cache"),
        Trial("8 wrong", bad8, f"{GET} {index}", 0, gets=ALPHA, more={"bare": True}),
        Trial("8 wrong for install", bad8, f"install -t got {index}", 3, "activated virtualenv", more={"bare": True}),
        Trial("8 good", good8, f"{GET} {index}", 3, "activated virtualenv", more={"bare": True}),
        Trial("8 good within one", good8, f"{GET} {index}", 0, gets=ALPHA),
    ]


def about_hashes(world: World) -> list[Trial]:
    """Files that are compared, or not: 4, 5, 6, 7, 13."""
    (bad4, good4), (bad5, good5), (bad6, good6), (bad7, good7) = (both(world, each) for each in (4, 5, 6, 7))
    index = {"PIP_INDEX_URL": world.ours.url}
    trial = partial(Trial, environ=index)
    (option,) = re.findall(r"--hash \S+", bad5["install.sh"])
    deploy = f"{GET} --require-hashes -r requirements.txt"
    alone = {"requirements.txt": f"delta==1.0 --hash=sha256:{world.ours.project('delta').files[0].digest}\n"}
    tampered = {"alpha/__init__.py": "import evil\n", "alpha-1.0.dist-info/METADATA": "Name: alpha\nVersion: 1.0\n"}
    return [
        trial("4 wrong", bad4, f"{GET} alpha", 1, "(?i)require-hashes mode"),
        trial("4 good", good4, deploy, 0, gets=ALPHA),
        trial("5 wrong", {}, f"{GET} alpha==1.0 {option}", 2, "no such option: --hash"),
        trial("5 good", good5, deploy, 0, gets=ALPHA),
        trial("6 wrong", bad6, f"{GET} -r requirements.txt", 1, "DO NOT MATCH THE HASHES"),
        trial("6 good", good6, deploy, 0, gets="beta-1.0-py3-none-any.whl"),
        trial("7 wrong", bad7, f"{GET} -r requirements.txt", 1, "Hashes are required"),
        trial(
            "7 dependency", alone, "download -d got -q -r requirements.txt", 1, "all requirements must have|Hashes are"
        ),
        trial("7 good", good7, deploy, 0, gets="beta-1.0-py3-none-any.whl"),
        trial("13 no integrity", tampered, "check", 0, "No broken requirements", more={"path": ["."]}),
    ]


def about_transport(world: World, root: Path) -> list[Trial]:
    """Who answers: 15, 16, 18, 20."""
    port = world.secure.origin.rpartition(":")[2]
    ours = f"[global]\nindex-url = https://nexus.corp:{port}/simple/\n"
    http = f"[global]\nindex-url = http://mirror.example:{world.ours.origin.rpartition(':')[2]}/simple/\n"
    trial = partial(Trial, more={"names": True})
    other = issue("other ca", authority=True).pem
    files = {"ca.pem": world.ca, "bundle.pem": number(16).files["bundle.pem"], "other.pem": other}
    bad20, good20 = both(world, 20)
    through = index_conf(world).removeprefix("[global]\n")
    (root / "ca.pem").write_text(world.ca)
    return [
        trial("15 wrong", {CONF: http}, f"{GET} alpha", 1, "not a trusted or secure host and is being ignored"),
        trial("15 exploited", {CONF: http + "trusted-host = mirror.example\n"}, f"{GET} alpha", 0, gets=ALPHA),
        trial("16 wrong", files | {CONF: ours + "cert = bundle.pem\n"}, f"{GET} --retries 0 alpha", 1),
        trial("16 good", files | {CONF: ours + "cert = ca.pem\n"}, f"{GET} alpha", 0, gets=ALPHA),
        trial("18 unknown", {CONF: ours}, f"{GET} --retries 0 alpha", 1),
        trial("18 wrong", {CONF: ours + "trusted-host = nexus.corp\n"}, f"{GET} alpha", 0, gets=ALPHA),
        Trial("20 wrong", {CONF: bad20[CONF] + through}, f"{GET} alpha", 2, "Failed to parse", more={"names": True}),
        Trial("20 good", {CONF: good20[CONF] + through}, f"{GET} alpha", 0, gets=ALPHA),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("pip", PIPS, ids=lambda pip: pip.name)
def test_pip(pip: Pip, world: World, tmp_path: Path) -> None:
    """Of every generation: the wrong form does what the audit says of it, and the good one installs."""
    tried(
        pip,
        [
            *about_files(world),
            *about_indexes(world),
            *about_settings(world),
            *about_hashes(world),
            *about_transport(world, tmp_path),
        ],
        tmp_path,
    )


@pytest.mark.slow
def test_hashes_everywhere_break_what_is_built(world: World, tmp_path: Path) -> None:
    """4: they leak into the environment in which a newer pip builds, even where the file itself has all of them."""
    bad, _ = both(world, 4)
    hashed = {"requirements.txt": f"gamma==1.0 --hash=sha256:{world.ours.project('gamma').files[0].digest}\n"}
    index = {"PIP_INDEX_URL": world.ours.url}
    build = "wheel --no-deps -w got -q"
    trials = [
        Trial("leaks", bad | hashed, f"{build} -r requirements.txt", 1, environ=index),
        Trial(
            "good",
            hashed,
            f"{build} --require-hashes -r requirements.txt",
            0,
            gets="gamma-1.0-py3-none-any.whl",
            environ=index,
        ),
    ]
    tried(NEWEST, trials, tmp_path)


@pytest.mark.slow
def test_the_systems_authorities_count_beside_cert(world: World, tmp_path: Path) -> None:
    """16: since pip 24.2 `cert` is added to what the system trusts, before it took its place."""
    port = world.secure.origin.rpartition(":")[2]
    text = f"[global]\nindex-url = https://nexus.corp:{port}/simple/\ncert = other.pem\nretries = 0\n"
    files = {CONF: text, "other.pem": issue("other ca", authority=True).pem}
    (tmp_path / "ca.pem").write_text(world.ca)
    for pip, code in zip(PIPS, (1, 1, 0, 0), strict=True):
        trial = Trial(
            pip.name, files, f"{GET} alpha", code, more={"names": True}, environ={"SSL_CERT_FILE": f"{tmp_path}/ca.pem"}
        )
        tried(pip, [trial], tmp_path)


@pytest.mark.slow
def test_poetry(world: World, tmp_path: Path) -> None:
    """10: broken TOML, a priority that is gone; and what we say instead takes the package from the private index."""
    case = number(10)
    files = {name: world.real(text) for name, text in (case.files | case.fixed).items()}
    wanted = [
        ("broken", "check", 1, r"(?i)toml|cannot"),
        ("old", "check", 1, "priority must be one of"),
        (".", "lock", 0, ""),
        (".", "check", 0, "All set!"),
    ]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    home = at_home(tmp_path, POETRY_KEYRING_ENABLED="false", POETRY_VIRTUALENVS_CREATE="false")
    runs = [Run([verb, "--no-interaction"], str(tmp_path / folder), home) for folder, verb, *_ in wanted]
    python = str(Path(Poetry().command()[0]).parent / "python")
    for (folder, verb, code, says), outcome in zip(
        wanted, outcomes(python, "poetry.console.application:main", runs), strict=True
    ):
        assert outcome.code == code and re.search(says, outcome.output), f"{folder} {verb}: {outcome}"
    assert f'url = "{world.ours.url.rstrip("/")}"' in (tmp_path / "poetry.lock").read_text()


@pytest.mark.slow
def test_the_image(tmp_path: Path) -> None:
    """12: a real parser of Dockerfiles understands the mount."""
    case = number(12)
    (tmp_path / "Dockerfile").write_text(case.fixed["Dockerfile"])
    hadolint = audited() / "hadolint"
    done = run([str(hadolint), "--no-color", "Dockerfile"], env=neutral_environment(), cwd=tmp_path)
    assert done.code == 0, done
