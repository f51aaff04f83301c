"""`pipway audit --online` with a real pipway before a real index: what was changed is found, nobody else is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.served import Pipway, serving
from tests.servers.rude import failing
from tests.servers.upstream import Upstream
from typer.testing import CliRunner

from pipway.audit.queries.hosts import host
from pipway.cli import Invocation
from pipway.cli.audit import app
from pipway.clients.layers import default_index
from pipway.errors import PipwayError, UsageError
from pipway.tokens import Tokens, save

_connected: list[Any] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _connected is not None and event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        _connected.append(arguments[1] if event != "socket.getaddrinfo" else arguments[:2])


sys.addaudithook(_note)


@contextmanager
def connections() -> Iterator[list[Any]]:
    """Every address that this process connects to meanwhile."""
    global _connected
    _connected = []
    try:
        yield _connected
    finally:
        _connected = None


@pytest.fixture(scope="module")
def index() -> Iterator[Upstream]:
    with Upstream(files_apart=True).in_thread() as upstream:
        upstream.add_wheel("flask", "3.0.3", requires=["werkzeug>=3"])
        upstream.add_wheel("werkzeug", "3.0.4")
        upstream.add_sdist("werkzeug", "3.0.4")
        yield upstream


@pytest.fixture(scope="module")
def pipway(index: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipway]:
    with serving(tmp_path_factory.mktemp("data"), f"corp={index.url}") as server:
        yield server


def audit(folder: Path, server: str, *options: str) -> list[tuple[str, str, str]]:
    """Rule, place and text of what is found online."""
    only = [word for rule in ("PW219", "PW406", "PW407", "PW709", "PW804", "PW808") for word in ("--only", rule)]
    arguments = [str(folder), "--online", "--server", server, "--format", "json", *only, *options]
    done = CliRunner().invoke(app, arguments, obj=Invocation())
    if isinstance(done.exception, PipwayError):
        raise done.exception
    found = json.loads(done.stdout)
    assert found["skipped"] == []
    return [(each["rule"], f"{each['at']['path']}:{each['at']['line']}", each["what"]) for each in found["findings"]]


def lock(folder: Path, index: Upstream, *, tampered: bool) -> None:
    """Three forms of one lock; a file of each is not the index's when it is tampered with."""
    flask, wheel, sdist = (each for project in index.projects.values() for each in project.files)
    digest = "0" * 64 if tampered else wheel.sha256
    (folder / "uv.lock").write_text(
        f"""version = 1
[[package]]
name = "werkzeug"
version = "3.0.4"
source = {{ registry = "https://{host(default_index())}/simple" }}
sdist = {{ url = "https://files.example/{sdist.filename}", hash = "sha256:{sdist.sha256}", size = 1 }}
wheels = [
    {{ url = "https://files.example/{wheel.filename}", hash = "sha256:{digest}", size = 1 }},
]
"""
    )
    (folder / "poetry.lock").write_text(
        f"""[[package]]
name = "werkzeug"
version = "3.0.4"
files = [
    {{file = "{wheel.filename}", hash = "sha256:{digest}"}},
]
"""
    )
    rest = "" if tampered else f"werkzeug==3.0.4 --hash=sha256:{digest}\n"
    flasks = "1" * 64 if tampered else flask.sha256
    (folder / "requirements.txt").write_text(
        f"flask==3.0.3 --hash=sha256:{flask.sha256} --hash=sha256:{flasks}\n{rest}"
    )


def test_what_was_tampered_with_is_found(index: Upstream, pipway: Pipway, tmp_path: Path) -> None:
    lock(tmp_path, index, tampered=True)
    found = audit(tmp_path, pipway.url)
    assert [each[:2] for each in found] == [
        ("PW804", "poetry.lock:5"),
        ("PW407", "requirements.txt:1"),
        ("PW406", "requirements.txt:1"),
        ("PW804", "uv.lock:8"),
    ]
    assert "flask needs werkzeug" in found[1][2]


def test_what_is_as_it_was_locked_is_clean_and_only_the_server_is_asked(
    index: Upstream, pipway: Pipway, tmp_path: Path
) -> None:
    """Also where the lock names PyPI: whatever is asked, the server asks it."""
    lock(tmp_path, index, tampered=False)
    with connections() as connected:
        assert audit(tmp_path, pipway.index) == []
    assert connected
    assert set(connected) == {pipway.address}


def test_an_index_in_html_is_told(tmp_path: Path) -> None:
    with Upstream(form="html").in_thread() as bare:
        wheel = bare.add_wheel("flask", "3.0.3")
        with serving(tmp_path / "data", f"bare={bare.url}") as server:
            (tmp_path / "requirements.txt").write_text(
                f"--index-url {server.index}\nflask==3.0.3 --hash=sha256:{wheel.sha256}\n"
            )
            assert [each[0] for each in audit(tmp_path, server.url)] == ["PW709"]


def test_an_outage_is_no_verdict(tmp_path: Path) -> None:
    """What is not known is said, and nothing is found."""
    with Upstream().in_thread() as upstream:
        upstream.behave("/simple/*", failing(503))
        with serving(tmp_path / "data", f"main={upstream.url}", settings={"limits.first_byte": "2s"}) as server:
            (tmp_path / "requirements.txt").write_text(f"flask==3.0.3 --hash=sha256:{'0' * 64}\n")
            arguments = [str(tmp_path), "--online", "--server", server.url, "--only", "PW406"]
            done = CliRunner().invoke(app, arguments, obj=Invocation())
    assert done.exit_code == 0
    assert "nothing is known of flask" in done.stdout


def test_a_token_comes_from_netrc(index: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the server's door stays shut, and that is one error."""
    known, token = Tokens({}).added("ci")
    save(tmp_path / "tokens", known)
    lock(tmp_path, index, tampered=False)
    settings = {"access.tokens_file": str(tmp_path / "tokens")}
    with serving(tmp_path / "data", f"main={index.url}", settings=settings) as door:
        monkeypatch.setenv("NETRC", str(tmp_path / "none"))
        with pytest.raises(UsageError, match="wants a login") as raised:
            audit(tmp_path, door.url)
        assert "netrc" in raised.value.fix
        (tmp_path / "logins").write_text(f"machine 127.0.0.1 login ci password {token}\n")
        (tmp_path / "logins").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "logins"))
        assert audit(tmp_path, door.url) == []
