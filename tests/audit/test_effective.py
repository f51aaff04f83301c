"""The effective view says what pip itself would ask: each layout is resolved by both."""

from __future__ import annotations

import itertools
import os
import shlex
from datetime import date
from pathlib import Path

import pytest
from pip._internal.commands import create_command

from pipway.audit.effective.installations import view
from pipway.audit.run import collect
from pipway.audit.walk import Tree
from pipway.clients.layers import default_index


def url(name: str) -> str:
    """One index."""
    return f"https://{name}.example/simple"


#: pip.conf of the user, variables, the command line, and requirements.txt, each with what it may say
FILES = ["", f"index-url = {url('file')}", f"extra-index-url = {url('more')}\n  {url('most')}"]
VARIABLES = [{}, {"PIP_INDEX_URL": url("variable")}, {"PIP_EXTRA_INDEX_URL": url("other")}, {"PIP_NO_INDEX": "1"}]
LINES = ["", f"--index-url {url('line')}", f"--extra-index-url {url('beside')}", "--no-index", "--isolated"]
REQUIREMENTS = ["", f"--index-url {url('first')}", f"--extra-index-url {url('last')}", "-r more.txt"]
MORE = f"--extra-index-url {url('included')}\n--index-url {url('inner')}\n"


def asked_by_pip(folder: Path, line: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pip's own finder has when it has read everything, and before it asks anybody."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "XDG_", "VIRTUAL_ENV"))]:
        monkeypatch.delenv(name)
    for name, value in {"HOME": str(folder), "XDG_CONFIG_DIRS": str(folder), **environ}.items():
        monkeypatch.setenv(name, value)
    arguments = [*shlex.split(line), "-r", str(folder / "requirements.txt")]
    command = create_command("install", isolated="--isolated" in arguments)
    options, rest = command.parse_args(arguments)
    with command.main_context():  # without a session: nobody can be asked
        finder = command._build_package_finder(options, None)  # type: ignore[attr-defined]
        command.get_requirements(rest, options, finder, None)  # type: ignore[attr-defined]
    return list(finder.index_urls)


def asked_by_view(root: Path) -> list[str] | None:
    """What the view says of the one command, PyPI where it says nothing; None where no index is named anywhere."""
    installs = view(collect(Tree(root, known=frozenset()), today=date(2026, 11, 21))).installs
    assert len(installs) <= 1
    if not installs:
        return None
    [found] = installs
    if found.is_off:
        return [each.url for each in found.extras]
    return [found.primary.url if found.primary else default_index().rstrip("/"), *(each.url for each in found.extras)]


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES, ids=["plain", "index", "extra", "none", "isolated"])
def test_as_pip_resolves(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell script as people write them, and pip with the same layers."""
    for number, (text, environ, requirements) in enumerate(itertools.product(FILES, VARIABLES, REQUIREMENTS)):
        folder = tmp_path / str(number)
        config = folder / ".config" / "pip"
        config.mkdir(parents=True)
        (config / "pip.conf").write_text(f"[global]\n{text}\n")
        (folder / "requirements.txt").write_text(f"{requirements}\n")
        (folder / "more.txt").write_text(MORE if "more.txt" in requirements else "")
        variables = "".join(f"export {name}={value}\n" for name, value in environ.items())
        script = f"cp .config/pip/pip.conf ~/.config/pip/pip.conf\n{variables}pip install {line} -r requirements.txt\n"
        (folder / "install.sh").write_text(f"#!/bin/sh\n{script}")
        with monkeypatch.context() as patched:
            wanted = asked_by_pip(folder, line, environ, patched)
        seen = asked_by_view(folder)
        if seen is None:
            assert "example" not in "".join([text, *environ.values(), requirements, line])
        else:
            assert set(seen) == set(wanted), (text, environ, line, requirements)
