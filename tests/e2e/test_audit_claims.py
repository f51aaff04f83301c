"""What rules say that pip and uv do, where no piece of wrong advice says it already, tried with the newest of both."""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.e2e.clients import Pip, Uv, run
from tests.e2e.many import at_home
from tests.e2e.trials import ALPHA, CONF, GET, Trial, tried
from tests.servers.distributions import make_wheel
from tests.servers.upstream import Upstream

NEWEST = Pip("26.*")
NINE = "alpha-9.0-py3-none-any.whl"


@dataclass(frozen=True)
class World:
    """An index of ours, one with newer versions of the same names, and one that wants svc's password."""

    ours: Upstream
    public: Upstream
    private: str  #: host and port


@contextlib.contextmanager
def behind_a_login(index: Upstream) -> Iterator[str]:
    """The same index, for svc only; its host and port."""
    wanted = "Basic " + base64.b64encode(b"svc:word").decode()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="corp"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            asked = urllib.request.Request(index.origin + self.path, headers={"Accept": self.headers["Accept"]})
            with urllib.request.urlopen(asked) as got:
                self.send_response(200)
                self.send_header("Content-Type", got.headers["Content-Type"])
                self.end_headers()
                self.wfile.write(got.read())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Upstream().in_thread() as ours, Upstream().in_thread() as public, behind_a_login(ours) as private:
        ours.add_wheel("alpha", "1.0")
        ours.add_sdist("gamma", "1.0", build_requires=["alpha"])
        public.add_wheel("alpha", "9.0")
        yield World(ours, public, private)


def about_logins(world: World, root: Path) -> list[Trial]:
    """Where pip takes a password from, and where not: PW301, PW308, PW311, PW316."""
    program = root / "programs" / "keyring"
    program.parent.mkdir()
    program.write_text(KEYRING)
    program.chmod(0o755)
    programs = {"PATH": f"{program.parent}{os.pathsep}/usr/bin:/bin"}
    named = f"[global]\nindex-url = http://svc@{world.private}/simple/\nno-input = true\n"
    literal = f"[global]\nindex-url = http://svc:${{TOKEN}}@{world.private}/simple/\n"
    file = f"--index-url http://svc:${{TOKEN}}@{world.private}/simple/\nalpha\n"
    netrc = {CONF: f"[global]\nindex-url = http://{world.private}/simple/\n", ".netrc": LOGIN}
    token = {"TOKEN": "word"}
    printed = {CONF: literal.replace("${TOKEN}", "word")}
    return [
        Trial("316 not asked", {CONF: named + "keyring-provider = auto\n"}, f"{GET} alpha", 1, environ=programs),
        Trial(
            "316 asked",
            {CONF: named + "keyring-provider = subprocess\n"},
            f"{GET} alpha",
            0,
            gets=ALPHA,
            environ=programs,
        ),
        Trial("301 netrc", netrc, f"{GET} alpha", 0, gets=ALPHA),
        Trial("308 literal", {CONF: literal}, f"{GET} alpha", 1, environ=token),
        Trial("308 file", {"requirements.txt": file}, f"{GET} -r requirements.txt", 0, gets=ALPHA, environ=token),
        Trial("311 printed", printed, "config list", 0, "svc:word@"),
    ]


#: As pip up to 26.2 calls it, which names svc and is told a password, and as pip 26.3 does, which wants keyring 25.2.1.
KEYRING = """#!/bin/sh
case "$*" in
"get "*" svc") echo word ;;
"--mode=creds --output=json get "*) echo '{"username": "svc", "password": "word"}' ;;
*) exit 2 ;;
esac
"""
LOGIN = "machine 127.0.0.1 login svc password word\n"


def about_indexes(world: World, root: Path) -> list[Trial]:
    """Which files pip looks for where: PW218, PW703, PW710."""
    (root / "wheels").mkdir()
    (root / "wheels" / ALPHA).write_bytes(make_wheel("alpha", "1.0"))
    public = {"PIP_INDEX_URL": world.public.url}
    underscore = {CONF: f"[global]\nindex_url = {world.ours.url}\ntimeouts = 9\n"}
    return [
        Trial("218 beside", {}, f"{GET} --find-links {root}/wheels alpha", 0, gets=NINE, environ=public),
        Trial("218 alone", {}, f"{GET} --no-index --find-links {root}/wheels alpha", 0, gets=ALPHA, environ=public),
        Trial("703 spelling and unknown", underscore, f"{GET} alpha", 0, gets=ALPHA),
        Trial(
            "710 off", underscore, "config list", 0, r"(?s)\A(?!.*index-url)", environ={"PIP_CONFIG_FILE": os.devnull}
        ),
    ]


def about_builds(world: World) -> list[Trial]:
    """What holds what is built and what is compared: PW404, PW410, PW411, PW501."""
    files = {"held.txt": "alpha==7\n"}
    built = "gamma-1.0-py3-none-any.whl"
    trial = partial(Trial, files=files, command="wheel --no-deps -w got -q gamma")
    index = {"PIP_INDEX_URL": world.ours.url}
    wheel = world.ours.url_of(world.ours.project("alpha").files[0])
    right, wrong = world.ours.project("alpha").files[0].digest, "0" * 63 + "1"
    return [
        trial("411 no effect", code=0, gets=built, environ=index | {"PIP_CONSTRAINT": "held.txt"}),
        trial("411 holds", code=1, environ=index | {"PIP_BUILD_CONSTRAINT": "held.txt"}),
        Trial("501 no sdist", {}, f"{GET} --only-binary :all: gamma", 1, "No matching distribution", environ=index),
        Trial("410 right", {}, f"{GET} {wheel}#sha256={right}", 0, gets=ALPHA),
        Trial("410 wrong", {}, f"{GET} {wheel}#sha256={wrong}", 1, "DO NOT MATCH"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("pip", [Pip("23.3.2"), Pip("25.0.1")], ids=lambda pip: pip.name)
def test_logins_of_older_pips(pip: Pip, world: World, tmp_path: Path) -> None:
    tried(pip, about_logins(world, tmp_path), tmp_path)


@pytest.mark.slow
def test_pip(world: World, tmp_path: Path) -> None:
    tried(NEWEST, [*about_logins(world, tmp_path), *about_indexes(world, tmp_path), *about_builds(world)], tmp_path)


HEAD = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["alpha"]\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('[[tool.uv.index]]\nname = "more"\nurl = "PUBLIC"\n', "9.0"),
        ('[[tool.uv.index]]\nname = "more"\nurl = "PUBLIC"\nexplicit = true\n', "1.0"),
        ('[[tool.uv.index]]\nname = "more"\nurl = "PUBLIC"\nexplicit = true\n'
         '[tool.uv.sources]\nalpha = { index = "more" }\n', "9.0"),
        ('[[tool.uv.index]]\nname = "first"\nurl = "OURS"\n[[tool.uv.index]]\nname = "more"\nurl = "PUBLIC"\n', "1.0"),
        ('[tool.uv]\nindex-strategy = "unsafe-best-match"\n'
         '[[tool.uv.index]]\nname = "first"\nurl = "OURS"\n[[tool.uv.index]]\nname = "more"\nurl = "PUBLIC"\n', "9.0"),
        ('[[tool.uv.index]]\nname = "corp"\nurl = "PRIVATE"\n', ""),
        ('[[tool.uv.index]]\nname = "corp"\nurl = "PRIVATE"\nignore-error-codes = [401]\n', "1.0"),
    ],
    ids=["203-wrong", "203-good", "203-bound", "202-good", "202-wrong", "204-good", "204-wrong"],
)  # fmt: skip
def test_uv(text: str, version: str, world: World, tmp_path: Path) -> None:
    """Which index wins: the first, unless it is explicit (PW203), all are one (PW202) or its refusal is passed over
    (PW204). The default index has 1.0."""
    text += '\n[[tool.uv.index]]\nname = "default"\nurl = "OURS"\ndefault = true\n'
    for word, url in (
        ("OURS", world.ours.url),
        ("PUBLIC", world.public.url),
        ("PRIVATE", f"http://{world.private}/simple/"),
    ):
        text = text.replace(word, url)
    (tmp_path / "pyproject.toml").write_text(HEAD + text)
    environ = at_home(tmp_path) | {"UV_NO_CACHE": "1"}
    done = run([*Uv().command(), "lock", "--python", sys.executable], env=environ, cwd=tmp_path)
    lock = tmp_path / "uv.lock"
    assert (done.code == 0) == bool(version), done
    assert not version or f'name = "alpha"\nversion = "{version}"' in lock.read_text()
