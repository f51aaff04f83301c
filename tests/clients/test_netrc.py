"""The netrc file: which hosts have a login, and nothing more."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.e2e.clients import Pip
from tests.e2e.lab import neutral_environment

from pipway.clients.base import Surroundings
from pipway.clients.netrc import findings, path, read
from pipway.findings import Severity

TEXT = """\
# logins
machine index.example login ann password hidden
machine other.example
  login bob
  password hidden2
"""


def where(folder: Path, **environ: str) -> Surroundings:
    return Surroundings(environ, folder, folder / "work")


def write(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(text)
    file.chmod(mode)
    return file


def test_hosts_have_places_and_no_secrets(tmp_path: Path) -> None:
    file = write(tmp_path / ".netrc", TEXT)
    logins = read(where(tmp_path))
    assert logins is not None
    assert logins.hosts == (("index.example", 2), ("other.example", 3))
    assert str(logins.place("other.example")) == f"{file}:3"
    assert logins.place("third.example") is None
    assert not {"hidden", "ann", "bob"} & set(repr(logins).replace("'", " ").split())
    assert findings(where(tmp_path)) == []


def test_which_file(tmp_path: Path) -> None:
    assert path(where(tmp_path)) is None
    second = write(tmp_path / "_netrc", TEXT)
    assert path(where(tmp_path)) == second
    first = write(tmp_path / ".netrc", TEXT)
    assert path(where(tmp_path)) == first
    named = write(tmp_path / "mine", TEXT)
    assert path(where(tmp_path, NETRC=str(named))) == named
    assert path(where(tmp_path, NETRC="~/mine")) == named
    assert path(where(tmp_path, NETRC=str(tmp_path / "none"))) is None


@pytest.mark.slow
def test_pip_takes_the_same(tmp_path: Path) -> None:
    """pip's own copy of requests, for each place."""
    for name, host in ((".netrc", "a.example"), ("_netrc", "b.example"), ("mine", "c.example")):
        write(tmp_path / name, f"machine {host} login u password p\n")
    ask = (
        "import json; from pip._vendor.requests.utils import get_netrc_auth as ask;"
        "print(json.dumps([bool(ask(f'https://{h}.example/simple/')) for h in 'abc']))"
    )
    for environ in ({}, {"NETRC": str(tmp_path / "mine")}, {"NETRC": str(tmp_path / "none")}, {"NETRC": "~/mine"}):
        done = subprocess.run(
            [Pip("26.*").command()[0], "-c", ask],
            env=neutral_environment() | {"HOME": str(tmp_path)} | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        logins = read(where(tmp_path, **environ))
        mine = [logins is not None and logins.place(f"{name}.example") is not None for name in "abc"]
        assert mine == json.loads(done.stdout), environ


def test_pw303_readable_by_others(tmp_path: Path) -> None:
    file = write(tmp_path / ".netrc", TEXT, 0o644)
    (one,) = findings(where(tmp_path))
    assert (one.id, one.severity, one.fix and one.fix.commands) == ("PW303", Severity.HIGH, (f"chmod 600 {file}",))


def test_pw309_a_login_for_every_host(tmp_path: Path) -> None:
    write(tmp_path / ".netrc", TEXT + "default login x password hidden3\n")
    (one,) = findings(where(tmp_path))
    assert (one.id, one.place and one.place.line) == ("PW309", 6)


def test_pw701_named_and_not_there(tmp_path: Path) -> None:
    (one,) = findings(where(tmp_path, NETRC="/none"))
    assert one.id == "PW701"


def test_pw702_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path / ".netrc", "machine a.example\nlogin u\npasswort hidden\n")
    (one,) = findings(where(tmp_path))
    assert (one.id, one.place and one.place.line) == ("PW702", 3)
    assert "hidden" not in repr(one)


def test_a_word_in_a_password_is_no_host(tmp_path: Path) -> None:
    write(tmp_path / ".netrc", 'machine a.example login u password "machine x.example"\n')
    logins = read(where(tmp_path))
    assert logins is not None
    assert [host for host, _ in logins.hosts] == ["a.example"]
