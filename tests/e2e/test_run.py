"""`pipway run` with real installers: nothing but the command is told, and the figures at the end are true."""

from __future__ import annotations

import io
import re
import ssl
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from tests.e2e.clients import Client, Outcome, Pip, Uv, installed, run
from tests.e2e.lab import neutral_environment, old_python
from tests.servers.relay import ConnectProxy
from tests.servers.upstream import Upstream

PACKAGES = 8
LINE = re.compile(
    r"^pipway: (?P<requests>\d+) requests?, (?P<hits>\d+) hits?; (?P<cache>[\d.]+ k?M?B) from the cache, "
    r"(?P<network>[\d.]+ k?M?B) from the network; (?P<upstream>\d+) requests? sent upstream(?P<refused>.*)$",
    re.MULTILINE,
)


def clients() -> list[Client]:
    """The newest, the oldest, and the other one."""
    return [Pip("26.*"), Pip("20.3.4", old_python()), Uv()]


@dataclass
class Room:
    """A place for runs over one data folder."""

    path: Path
    upstream: Upstream

    def through(
        self, *command: str, options: Sequence[str] = (), env: Mapping[str, str] = {}, index: str | None = None
    ) -> Outcome:
        """Run a command through a pipway of its own."""
        own = {
            "PIPWAY_DATA": str(self.path / "data"),
            "PIPWAY_UPSTREAM": f"main={index or self.upstream.url}",
            "PIPWAY_LISTEN": "127.0.0.1:0",
            "XDG_CONFIG_HOME": str(self.path / "no-config"),
        }
        run_it = [sys.executable, "-m", "pipway", "run", *options, "--", *command]
        return run(run_it, env=neutral_environment() | own | dict(env), cwd=self.path)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Upstream().in_thread() as upstream:
        yield Room(tmp_path, upstream)


class Remote(Upstream):
    """Its files are on a host that only the world's proxy knows."""

    @property
    def file_origin(self) -> str:
        """Not where it listens."""
        return "https://files.example"


def install(client: Client, target: Path, *requirements: str) -> list[str]:
    """The installer's command without any index: that is what `pipway run` gives."""
    assert isinstance(client, (Pip, Uv))
    command = client.command()
    if isinstance(client, Uv):
        command += ["pip", "install", "--no-cache", "--python", sys.executable]
    else:
        command += ["install", "--no-cache-dir", "--no-compile", "--progress-bar", "off"]
    return [*command, "--target", str(target), *requirements]


def figures(outcome: Outcome) -> dict[str, str]:
    """What the last line says."""
    found = LINE.search(outcome.output)
    assert found, outcome
    return found.groupdict()


@pytest.mark.slow
@pytest.mark.parametrize("client", clients(), ids=lambda client: client.name)
def test_cold_and_warm_with_true_figures(client: Client, room: Room) -> None:
    """The upstream's own record says the same, and warm as many bytes come from the store as cold from the network."""
    top = room.upstream.add_many(PACKAGES)
    outcome = room.through(*install(client, room.path / "cold", top))
    assert outcome.code == 0, outcome
    assert {name for name in installed(room.path / "cold") if name.startswith("pkg-")} == {
        f"pkg-{number}" for number in range(PACKAGES)
    }
    cold = figures(outcome)
    assert int(cold["upstream"]) == len(room.upstream.requests)
    assert (cold["hits"], cold["cache"], cold["refused"]) == ("0", "0 B", "")
    assert int(cold["requests"]) >= 2 * PACKAGES

    before = len(room.upstream.requests)
    outcome = room.through(*install(client, room.path / "warm", top))
    assert outcome.code == 0, outcome
    warm = figures(outcome)
    assert len(room.upstream.requests) == before
    assert (warm["upstream"], warm["network"]) == ("0", "0 B")
    assert warm["hits"] == warm["requests"] == cold["requests"]
    assert warm["cache"] == cold["network"]


@pytest.mark.slow
@pytest.mark.parametrize("client", clients(), ids=lambda client: client.name)
def test_an_upstream_that_is_gone_is_named_at_the_end(client: Client, room: Room) -> None:
    env = {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    outcome = room.through(*install(client, room.path / "no", "alpha"), env=env, index="http://127.0.0.1:9/simple/")
    assert outcome.code not in (0, 127), outcome
    assert "refused or failed:\npipway:   503 /simple/alpha/: cannot connect to 127.0.0.1:9" in outcome.output


@pytest.mark.slow
@pytest.mark.parametrize("client", clients(), ids=lambda client: client.name)
def test_nothing_leads_past_it(client: Client, room: Room) -> None:
    """Neither variables nor pip's own configuration file with an extra index: only pipway is asked."""
    room.upstream.add_wheel("alpha", "1.0")
    with Upstream().in_thread() as past:
        past.add_wheel("alpha", "2.0")
        conf = room.path / "pip.conf"
        conf.write_text(
            f"[global]\nindex-url = {past.url}\nextra-index-url = {past.url}\n[install]\nproxy = {past.origin}\n"
        )
        env = {
            "PIP_CONFIG_FILE": str(conf), "PIP_EXTRA_INDEX_URL": past.url, "PIP_FIND_LINKS": f"{past.url}alpha/",
            "PIP_INDEX_URL": past.url, "UV_INDEX": past.url, "UV_EXTRA_INDEX_URL": past.url, "UV_INDEX_URL": past.url,
            "UV_FIND_LINKS": f"{past.url}alpha/", "UV_DEFAULT_INDEX": past.url, "PIP_PROXY": past.origin,
        }  # fmt: skip
        outcome = room.through(*install(client, room.path / "target", "alpha"), env=env)
        assert outcome.code == 0, outcome
        assert past.requests == []
    assert (room.path / "target" / "alpha-1.0.dist-info").is_dir()
    assert "left out: PIP_FIND_LINKS, UV_INDEX" in outcome.output
    assert past.origin not in outcome.output


@pytest.mark.slow
def test_a_build_in_isolation_gets_its_tools_through_it_too(room: Room) -> None:
    """What the command starts is led as well: pip's own pip."""
    room.upstream.add_file("backend", "backend-1.0-py3-none-any.whl", wheel_of_the_backend())
    project = room.path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n[project]\nname = "own"\nversion = "1"\n'
    )
    outcome = room.through(*install(Pip("26.*"), room.path / "target", str(project)))
    assert outcome.code == 0, outcome
    assert any(request.target.endswith(".whl") for request in room.upstream.requests)
    assert int(figures(outcome)["requests"]) >= 2


def wheel_of_the_backend() -> bytes:
    """A build backend that needs nothing."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as wheel:
        wheel.writestr("backend.py", BACKEND)
        wheel.writestr("backend-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: backend\nVersion: 1.0\n")
        wheel.writestr("backend-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("backend-1.0.dist-info/RECORD", "")
    return data.getvalue()


BACKEND = """
import zipfile, pathlib
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(folder, "own-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("own-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 1\\n")
        wheel.writestr("own-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("own-1.dist-info/RECORD", "")
    return "own-1-py3-none-any.whl"
"""


@pytest.mark.slow
def test_two_runs_at_once_share_the_data_folder(room: Room) -> None:
    """Each has a port of its own, and both leave a store that the third finds whole."""
    top = room.upstream.add_many(PACKAGES)
    client = Pip("26.*")
    both = " & ".join(
        " ".join([sys.executable, "-m", "pipway", "run", "-q", "--", *install(client, room.path / name, top)])
        for name in ("one", "two")
    )
    outcome = room.through("sh", "-c", f"{both} & wait")
    for name in ("one", "two"):
        assert len(installed(room.path / name)) >= PACKAGES, outcome
    room.upstream.down()
    outcome = room.through(*install(client, room.path / "three", top))
    assert outcome.code == 0, outcome
    assert figures(outcome)["network"] == "0 B"
    room.upstream.up()


@pytest.mark.slow
def test_what_uses_no_index_goes_through_the_proxy(room: Room) -> None:
    """A tool that knows proxies only; an index's own address is answered from the cache there, too."""
    room.upstream.add_wheel("alpha")
    keep = ("--keep", "no_proxy", "--keep", "NO_PROXY")  # these servers are on this machine: excepted otherwise
    with Upstream().in_thread() as other:
        other.add_wheel("beta")
        env = {"PIPWAY_FORWARD_ALLOW": other.origin.removeprefix("http://")}
        fetch = ("curl", "-sSf", "-o", "page", f"{other.url}beta/")
        outcome = room.through(*fetch, options=keep, env=env)
        assert outcome.code == 0, outcome
        assert other.requests[-1].header("via"), other.requests
        seen = figures(outcome)
        assert (seen["requests"], seen["hits"], seen["cache"], seen["upstream"]) == ("1", "0", "0 B", "1")
        outcome = room.through(*fetch, options=("--via", "index", *keep), env=env)
        assert outcome.output == "pipway: no request came through pipway\n"
        outcome = room.through(*fetch, options=keep)
        assert outcome.code == 22, outcome
        assert "403 " in outcome.output.partition("refused or failed:")[2]
        assert len(other.requests) == 2

    fetch = ("curl", "-sSf", "-o", "page", f"{room.upstream.url}alpha/")
    env = {"PIPWAY_FORWARD_ALLOW": room.upstream.origin.removeprefix("http://")}
    for hits in ("0", "1"):
        outcome = room.through(*fetch, options=("--via", "proxy", *keep), env=env)
        assert outcome.code == 0, outcome
        assert figures(outcome)["hits"] == hits
    assert len(room.upstream.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("client", clients(), ids=lambda client: client.name)
def test_the_clients_own_https_index_is_answered_from_the_cache(client: Client, tmp_path: Path) -> None:
    """Interception with `--via proxy`: the tool keeps its index URL, believes our authority by the variables alone,
    and still the one that vouches for hosts which are not looked into."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "world.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("index.example", "files.example", "other.example").configure_cert(tls)
    with Remote(tls=tls).in_thread() as upstream:
        room, top = Room(tmp_path, upstream), upstream.add_many(PACKAGES)
        there = ("127.0.0.1", int(upstream.origin.rpartition(":")[2]))
        with ConnectProxy(names={"*": there}).in_thread() as parent:
            env = {
                "PIPWAY_INTERCEPT_ENABLED": "true",
                "PIPWAY_PARENT": str(parent.parent),
                "PIPWAY_EXTRA_CA": str(tmp_path / "world.pem"),
            }
            option = "--default-index" if isinstance(client, Uv) else "--index-url"
            for name in ("cold", "warm"):
                command = install(client, tmp_path / name, option, "https://index.example/simple/", top)
                outcome = room.through(*command, options=("--via", "proxy"), env=env, index=INDEX)
                assert outcome.code == 0, outcome
                assert len(installed(tmp_path / name)) >= PACKAGES
                seen = figures(outcome)
                assert (seen["hits"] == "0") == (name == "cold"), outcome
            assert (seen["upstream"], seen["hits"]) == ("0", seen["requests"])
            command = ["curl", "-sSf", "-o", "page", "https://other.example/simple/pkg-0/"]
            outcome = room.through(*command, options=("--via", "proxy"), env=env, index=INDEX)
            assert outcome.code == 0, outcome


INDEX = "https://index.example/simple/"
