"""The program as a whole: help, version, completion, and how errors end it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import pipway
from pipway.cli import VERBS, Verb, main, program
from pipway.errors import Refused, UsageError


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environ})


def test_help_names_every_verb() -> None:
    """With its sentence, and the reason why pipway exists."""
    done = run("--help")
    assert done.returncode == 0
    assert "between Python installers and every package index" in done.stdout
    for verb, sentence in VERBS.items():
        assert f"{verb} " in done.stdout
        assert sentence in done.stdout


def test_help_loads_no_server() -> None:
    """Nor asyncio, nor any package that takes its time: help answers in a tenth of a second."""
    script = (
        "import sys\n"
        "from pipway.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"uvloop", "asyncio", "starlette", "httptools", "msgspec", "structlog", "rich", "jinja2", "sqlite3", "ssl"}
    heavy |= {"pypi_simple", "prometheus_client", "selectolax", "zstandard", "isal", "truststore", "platformdirs"}
    loaded = set(done.stderr.split())
    assert loaded & heavy == set()
    ours = {name for name in loaded if name.startswith("pipway")}
    assert ours == {"pipway", "pipway.cli", "pipway.cli.as_typed", "pipway.errors"}


def test_an_audit_loads_nothing_that_takes_longer_than_it(tmp_path: Path) -> None:
    """A small repository is audited in the time that such a package needs."""
    (tmp_path / "requirements.txt").write_text("flask==3.0\n")
    script = (
        "import sys\n"
        "from pipway.cli import main\n"
        "try: main(['audit', sys.argv[1]])\n"
        "except SystemExit: pass\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())
    assert "pipway.audit.rules.pw101" in loaded
    assert loaded & {"pydantic", "ruamel.yaml", "cryptography", "rich", "structlog", "asyncio", "starlette"} == set()
    assert loaded & {"packaging", "msgspec", "yaml", "ssl"} == set()
    unasked = (
        "pipway.audit.online",
        "pipway.audit.rules.online.",
        "pipway.audit.collect.shell",
        "pipway.audit.formats.",
    )
    ours = {name for name in loaded if name.startswith(unasked) and not name.endswith(".text")}
    assert ours == set()


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_really_there(verb: str) -> None:
    """Its own help begins with the sentence the program's help has for it."""
    done = run(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"pipway {verb}" in done.stdout
    assert VERBS[verb].rstrip(".") in " ".join(done.stdout.split())
    assert "completion" not in done.stdout  # that is the program's option, not the verb's


def test_version() -> None:
    """The package's own."""
    assert run("--version").stdout == f"pipway {pipway.__version__}\n"


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell: str) -> None:
    """For the shells people use."""
    done = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0, done.stderr
    assert "_PIPWAY_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pipway se", {"serve", "settings"}),
        ("pipway serve --li", {"--listen"}),
        ("pipway settings s", {"show", "schema"}),
    ],
)
def test_completion_knows_verbs_and_their_options(words: str, expected: set[str]) -> None:
    """Asked as bash asks it."""
    asked = {"_PIPWAY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", "from pipway.cli import main; main()"],
        capture_output=True,
        text=True,
        env={**os.environ, **asked},
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.slow
def test_a_misspelt_verb_is_a_usage_error_with_a_suggestion() -> None:
    """Exit code 2, nothing on standard output."""
    done = run("serv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'serve'?" in done.stderr


class Failing(Verb):
    """A verb that ends in an error."""

    def __init__(self, error: Exception) -> None:
        super().__init__("fail", help="Fail.")
        self.error = error

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        raise self.error


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    group = program()
    group.add_command(Failing(error))
    monkeypatch.setattr("pipway.cli.program", lambda: group)
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "fail"])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("kind", [UsageError, Refused])
def test_an_error_becomes_one_block_and_its_exit_code(
    kind: type[UsageError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, why, fix on standard error."""
    error = kind("no-luck", "it did not work", why="https://alice:hunter2@index.example/ is down", fix="wait")
    assert failing(error, monkeypatch) == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "error  it did not work [no-luck]\n"
        "  why  https://[hidden]@index.example/ is down\n"
        "  fix  wait\n"
    )  # fmt: skip


def test_an_unforeseen_error_is_one_line_and_how_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no secret."""
    assert failing(ValueError("bad\nhttps://alice:hunter2@index.example/"), monkeypatch) == 1
    err = capsys.readouterr().err
    assert "ValueError: bad https://[hidden]@index.example/" in err
    assert "--debug" in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 2


def test_debug_lets_the_traceback_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever reports it."""
    group = program()
    group.add_command(Failing(ValueError("bad")))
    monkeypatch.setattr("pipway.cli.program", lambda: group)
    with pytest.raises(ValueError, match="bad"):
        main(["--debug", "fail"])


def test_leaving_early_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb's own exit code is the program's."""
    assert failing(typer.Exit(7), monkeypatch) == 7
