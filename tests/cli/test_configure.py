"""`pipway configure` as a person runs it: what it writes, prints, takes back and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipway.cli.configure import app
from pipway.clients import registry
from pipway.errors import UsageError

MINE = b'# mine\nextra-index-url = ["https://svc:hunter2@old.example/simple/"]  # why\n\ncache-keys = []\n'


class Person:
    """Somebody with a home of their own, and nothing on PATH."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.conf = home / ".config" / "uv" / "uv.toml"
        self.output = ""

    def run(self, *arguments: str, code: int = 0) -> str:
        """What it prints on both channels."""
        done = CliRunner().invoke(app, arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        assert "hunter2" not in done.output
        return done.output

    def refused(self, *arguments: str) -> str:
        with pytest.raises(UsageError) as raised:
            self.run(*arguments)
        assert "hunter2" not in str(raised.value)
        assert raised.value.fix
        return raised.value.code


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    for name, folder in (("HOME", ""), ("XDG_CONFIG_HOME", ".config"), ("PIPWAY_DATA", "data"), ("PATH", "bin")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("PIPWAY_LISTEN", "127.0.0.1:9")  # nobody answers there
    monkeypatch.chdir(tmp_path)
    return Person(tmp_path)


def test_written_undone_and_said(person: Person) -> None:
    person.conf.parent.mkdir(parents=True)
    person.conf.write_bytes(MINE)
    output = person.run("uv")
    text = person.conf.read_text()
    assert "http://127.0.0.1:9/simple/" in text
    assert "old.example" not in text
    assert text.startswith("# mine\n")
    assert "cache-keys = []" in text
    assert (
        f"uv: wrote {person.conf}\n  removed extra-index-url ({person.conf}:2)\nundo with: pipway configure --undo\n"
        in output
    )
    assert "no pipway answers at http://127.0.0.1:9/ now: start it with pipway serve" in output
    assert "uv: is as it should be already" in person.run("uv")
    assert f"restored {person.conf}\n" in person.run("--undo")
    assert person.conf.read_bytes() == MINE
    with pytest.raises(UsageError) as raised:
        person.run("--undo")
    assert raised.value.code == "nothing-to-undo"


def test_extra_indexes_stay_if_wanted(person: Person) -> None:
    person.conf.parent.mkdir(parents=True)
    person.conf.write_bytes(
        MINE + b'allow-insecure-host = ["old.example"]\n\n[[index]]\nname = "x"\nurl = "https://x.example/"\n'
    )
    person.run("uv", "--keep-extra")
    text = person.conf.read_text()
    assert "old.example/simple/" in text
    assert '[[index]]\nname = "x"\nurl = "https://x.example/"\n' in text
    assert "explicit" not in text
    assert "allow-insecure-host" not in text


def test_a_dry_run_shows_and_changes_nothing(person: Person) -> None:
    output = person.run("uv", "--dry-run")
    assert f"--- /dev/null\n+++ {person.conf}\n" in output
    assert '+url = "http://127.0.0.1:9/simple/"\n' in output
    assert list(person.home.iterdir()) == []


def test_for_programs(person: Person) -> None:
    found = json.loads(person.run("uv", "--json", "--index-url", "https://nexus.example/simple/"))
    assert found == {
        "tools": [{"tool": "uv", "version": None, "files": [str(person.conf)], "removed": [], "remarks": []}],
        "skipped": [],
        "remarks": [],
        "undo": "pipway configure --undo",
    }
    shown = json.loads(person.run("uv", "--json", "--dry-run", "--index-url", "https://other.example/simple/"))
    assert '+url = "https://other.example/simple/"' in shown["diff"]
    assert shown["undo"] is None
    undone = json.loads(person.run("--undo", "--json"))
    assert undone["restored"] == [str(person.conf)]


def test_a_login_goes_into_a_private_file_of_the_user_alone(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX", "https://svc:hunter2@nexus.example/simple/")
    assert person.refused("uv", "--index-variable", "INDEX", "--scope", "project") == "secret-for-others"
    assert person.refused("uv", "--index-variable", "INDEX", "--scope", "global") == "secret-for-others"
    person.run("uv", "--index-variable", "INDEX")
    assert "svc:hunter2@nexus.example" in person.conf.read_text()
    assert person.conf.stat().st_mode & 0o777 == 0o600


def test_what_a_person_wrote_since_stays_unless_forced(person: Person) -> None:
    person.run("uv")
    person.conf.write_text("# later\n")
    assert person.refused("--undo") == "edited-since"
    assert person.conf.read_text() == "# later\n"
    output = person.run("--undo", "--force")
    copy = Path(output.split("kept as ")[1].strip())
    assert copy.read_text() == "# later\n"
    assert not person.conf.exists()


def test_the_undo_that_is_printed_finds_the_same_data_folder(person: Person) -> None:
    output = person.run("uv", "--data", str(person.home / "else where"))
    line = output.split("undo with: ")[1].splitlines()[0]
    assert line == f"pipway configure --undo --data '{person.home}/else where'"
    person.run("--undo", "--data", str(person.home / "else where"))
    assert not person.conf.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nonsense",), "unknown-tool"),
        (("uv", "--undo"), "configure-what"),
        (("uv", "--force"), "configure-what"),
        (("--ci", "github", "--docker"), "configure-what"),
        (("--docker", "--timeout", "5"), "configure-what"),
        (("uv", "--index-url", "http://nexus.example/simple/"), "index-without-tls"),
        (("uv", "--index-url", "https://svc:hunter2@nexus.example/simple/"), "password-in-argument"),
    ],
)
def test_what_is_refused(person: Person, arguments: Any, code: str) -> None:
    assert person.refused(*arguments) == code
    assert list(person.home.iterdir()) == []


def test_without_any_tool(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CLIENTS", {})
    assert person.refused() == "no-tools"


def test_snippets(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """They need no settings and no tool, and are told no login."""
    monkeypatch.setenv("INDEX", "https://svc:hunter2@nexus.example/simple/")
    assert "secrets.PIP_INDEX_URL" in person.run("--ci", "github", "--index-variable", "INDEX")
    assert "index-url = https://nexus.example/simple/" in person.run(
        "--docker", "--index-url", "https://nexus.example/simple/"
    )
    for place in ("gitlab", "azure", "jenkins"):
        assert "--require-hashes" in person.run("--ci", place)
