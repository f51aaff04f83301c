"""This machine: files of clients at every layer, variables, modes; nothing is started, and no secret shown."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import jsonschema
import pytest

from pipway.audit import formats, machine
from pipway.audit.effective.installations import view
from pipway.audit.facts import Project, Where
from pipway.audit.report import Entry, Report, entries
from pipway.audit.rules import rules
from pipway.audit.run import check
from pipway.clients.base import Surroundings

SCHEMAS = Path(__file__).parent / "schemas"
SECRETS = [f"secret-word-{number}" for number in range(9)]


class Machine:
    """A home, a root, a virtual environment and a working folder, all below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.root, self.venv, self.cwd = (folder / name for name in ("home", "root", "venv", "work"))
        self.environ: dict[str, str] = {"PATH": str(folder / "work")}
        for each in (self.home, self.root, self.venv, self.cwd):
            each.mkdir()

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        """One file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def pip(self, text: str, layer: str = "user", mode: int = 0o600) -> None:
        """A pip.conf."""
        folder = {"user": self.home / ".config" / "pip", "global": self.root / "etc", "venv": self.venv}[layer]
        self.write(folder / "pip.conf", f"[global]\n{text}", mode)

    def project(self) -> Project:
        """What is collected."""
        return machine.collect(Surroundings(self.environ, self.home, self.cwd, root=self.root))

    def shown(self) -> list[Entry]:
        """What is found."""
        project = self.project()
        return entries(check(project, rules()).results, project)

    def found(self) -> set[tuple[str, str, str]]:
        """Rule, place below the folder or variable, severity."""
        prefix = f"{self.folder}/"
        return {(each.rule, each.at.path.removeprefix(prefix), each.severity) for each in self.shown()}


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    """An empty machine."""
    return Machine(tmp_path)


def test_files_and_variables_are_read(here: Machine) -> None:
    here.pip("index-url = http://nexus.corp/simple\n")
    here.pip("trusted-host = nexus.corp\n", "global")
    here.environ |= {"PIP_EXTRA_INDEX_URL": f"https://us:{SECRETS[0]}@other.corp/simple", "UNRELATED_TOKEN": "x"}
    project = here.project()
    assert {source.where for source in project.sources} == {Where.MACHINE}
    assert not any(source.path == "UNRELATED_TOKEN" for source in project.sources)
    assert {
        ("PW101", "home/.config/pip/pip.conf", "high"),
        ("PW102", "root/etc/pip.conf", "critical"),
        ("PW201", "PIP_EXTRA_INDEX_URL", "high"),
        ("PW301", "PIP_EXTRA_INDEX_URL", "high"),
    } <= here.found()
    assert all(entry.outside for entry in here.shown())
    assert SECRETS[0] not in repr(here.shown())


def test_layers_meet_in_one_finding(here: Machine) -> None:
    """PyPI as an extra index of one layer goes around the index of another."""
    here.pip("extra-index-url = https://index.example/simple\n", "global")
    here.pip("index-url = https://nexus.corp/simple\n", "venv")
    here.environ["VIRTUAL_ENV"] = str(here.venv)
    [entry] = [each for each in here.shown() if each.rule == "PW201"]
    assert (Path(entry.at.path).parent.name, entry.severity) == ("etc", "critical")
    assert [(Path(each.path).parent.name, each.line, each.outside) for each in entry.related] == [("venv", 2, True)]
    assert entry.consequence.startswith("pip on this machine asks index.example, too,")


@pytest.mark.parametrize(
    ("layers", "environ", "primary", "extras"),
    [
        ({"global": "a", "user": "b", "venv": "c"}, {}, "c", []),
        ({"global": "a", "user": "b"}, {"PIP_INDEX_URL": "https://d.corp/simple"}, "d", []),
        ({"global": "a", "user": "b"}, {}, "b", []),
        ({"global": "a", "user": "+b"}, {"PIP_EXTRA_INDEX_URL": "https://d.corp/simple"}, "a", ["d"]),
        ({"global": "+a", "user": "+b"}, {}, "", ["b"]),
        ({"global": "a", "user": "b"}, {"PIP_CONFIG_FILE": "/dev/null"}, "", []),
        ({"user": "b"}, {"PIP_CONFIG_FILE": "named.conf"}, "n", []),
    ],
)
def test_the_effective_index(
    layers: dict[str, str], environ: dict[str, str], primary: str, extras: list[str], here: Machine
) -> None:
    """As pip itself resolves: the environment over the virtual environment's file, the user's and the machine's."""
    for layer, name in layers.items():
        key = "extra-index-url" if name.startswith("+") else "index-url"
        here.pip(f"{key} = https://{name.lstrip('+')}.corp/simple\n", layer)
    here.write(here.folder / "pip.conf", "[install]\nindex-url = https://n.corp/simple\n")
    here.environ |= {"VIRTUAL_ENV": str(here.venv), **environ}
    if environ.get("PIP_CONFIG_FILE") == "named.conf":
        here.environ["PIP_CONFIG_FILE"] = str(here.folder / "pip.conf")
    found = view(here.project()).installs
    said = found[-1] if found else None
    assert (said.primary.url if said and said.primary else "") == (f"https://{primary}.corp/simple" if primary else "")
    assert (
        [each.url for each in said.extras] == [f"https://{name}.corp/simple" for name in extras] if said else not extras
    )


def test_a_file_that_pip_never_reads_is_no_layer(here: Machine) -> None:
    here.write(here.home / ".pip.conf", "[global]\nindex-url = https://nexus.corp/simple\n")
    here.environ["PIP_EXTRA_INDEX_URL"] = "https://index.example/simple"
    assert ("PW701", "home/.pip.conf", "medium") in here.found()
    assert ("PW201", "PIP_EXTRA_INDEX_URL", "high") in here.found()


def test_every_client(here: Machine) -> None:
    """uv, Poetry, conda, netrc, pypirc: at their places, with their modes."""
    config = here.home / ".config"
    here.write(
        config / "uv" / "uv.toml", 'index-strategy = "unsafe-best-match"\nallow-insecure-host = ["nexus.corp"]\n'
    )
    here.write(config / "pypoetry" / "auth.toml", f'[http-basic.a]\nusername = "u"\npassword = "{SECRETS[1]}"\n', 0o644)
    here.write(here.home / ".condarc", "ssl_verify: false\n")
    here.write(here.home / ".netrc", f"machine nexus.corp login u password {SECRETS[2]}\n", 0o644)
    here.write(
        here.home / ".pypirc",
        f"[corp]\nrepository = http://nexus.corp/upload\nusername = u\npassword = {SECRETS[3]}\n",
    )
    here.environ |= {
        "UV_INDEX_CORP_PASSWORD": SECRETS[4],
        "UV_INSECURE_HOST": "nexus.corp",
        "POETRY_CERTIFICATES_A_CERT": "false",
        "HTTPS_PROXY": f"http://me:{SECRETS[5]}@proxy.corp:8080",
    }
    assert {
        ("PW202", "home/.config/uv/uv.toml", "high"),
        ("PW102", "home/.config/uv/uv.toml", "high"),
        ("PW102", "UV_INSECURE_HOST", "high"),
        ("PW303", "home/.config/pypoetry/auth.toml", "high"),
        ("PW303", "home/.netrc", "high"),
        ("PW104", "home/.condarc", "critical"),
        ("PW104", "POETRY_CERTIFICATES_A_CERT", "critical"),
        ("PW901", "home/.pypirc", "critical"),
        ("PW310", "home/.pypirc", "high"),
        ("PW302", "HTTPS_PROXY", "high"),
    } <= here.found()
    assert not any(rule == "PW303" and "pypirc" in path for rule, path, _ in here.found())


def test_no_format_shows_a_secret_or_a_place_in_the_repository(here: Machine) -> None:
    here.pip(
        f"index-url = https://u:{SECRETS[0]}@nexus.corp/simple\nproxy = http://u:{SECRETS[1]}@proxy.corp\n", mode=0o644
    )
    here.write(here.home / ".netrc", f"default login u password {SECRETS[2]}\n", 0o644)
    here.write(here.home / ".pypirc", f"[pypi]\nusername = __token__\npassword = {SECRETS[3]}\n", 0o644)
    here.environ |= {"PIP_EXTRA_INDEX_URL": f"https://u:{SECRETS[4]}@other.corp/simple", "TWINE_PASSWORD": SECRETS[5]}
    shown = Report(tuple(here.shown()), 4)
    assert len(shown.findings) > 6
    for name in formats.NAMES:
        said = formats.write(name, shown)
        assert not [secret for secret in SECRETS if secret in said], name
    sarif = json.loads(formats.write("sarif", shown))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(sarif)
    [run] = sarif["runs"]
    assert run["results"] == []
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert len(notes) == len(shown.findings)
    assert not any("locations" in note for note in notes)
    assert not any(" file=" in line for line in formats.write("github", shown).splitlines())


def test_nothing_of_the_working_folder_counts_or_is_started(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its files nor its programs, which are first on PATH; and nobody is asked."""
    for name in ("pip.conf", "uv.toml", "poetry.toml", "pyproject.toml", ".condarc", ".netrc", ".pypirc", "setup.cfg"):
        here.write(here.cwd / name, "[global]\nindex-url = http://evil.example/simple\n", 0o644)
    for name in ("pip", "python", "python3", "uv", "poetry", "pdm", "conda", "git"):
        here.write(here.cwd / name, "#!/bin/sh\ntouch started\n", 0o755)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is started, and nobody asked")

    monkeypatch.setattr(subprocess, "Popen", never)
    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    here.pip("index-url = https://nexus.corp/simple\n")
    project = here.project()
    assert [source.path.removeprefix(f"{here.folder}/") for source in project.sources] == ["home/.config/pip/pip.conf"]
    check(project, rules())


def test_what_is_installed_from_an_address_with_a_login(here: Machine) -> None:
    """Of the virtual environment and of the user, as PEP 610 keeps it."""
    record = f'{{"url": "https://u:{SECRETS[0]}@git.corp/a", "vcs_info": {{"vcs": "git", "commit_id": "{"a" * 40}"}}}}'
    here.write(here.venv / "lib/python3.13/site-packages/a-1.dist-info/direct_url.json", record)
    here.write(here.home / ".local/lib/python3.12/site-packages/b-1.dist-info/direct_url.json", record)
    here.environ["VIRTUAL_ENV"] = str(here.venv)
    assert {
        ("PW312", "venv/lib/python3.13/site-packages/a-1.dist-info/direct_url.json", "critical"),
        ("PW312", "home/.local/lib/python3.12/site-packages/b-1.dist-info/direct_url.json", "critical"),
    } <= here.found()
    assert SECRETS[0] not in repr(here.shown())


@pytest.mark.parametrize("name", ["pip.conf", "pip.ini", ".pip.conf", ".config/pip.conf", ".config/pip/pip.ini"])
def test_files_that_pip_does_not_look_for_on_this_system(here: Machine, name: str) -> None:
    """What they say holds for nobody; what pip reads is no such file."""
    here.pip("timeout = 5\n")
    here.write(here.home / name, "[global]\nindex-url = https://nexus.corp/simple\n")
    assert {found for found in here.found() if found[0] == "PW701"} == {("PW701", f"home/{name}", "medium")}
    assert all(each.primary is None for each in view(here.project()).installs)
