"""The table of pip's options beside the real pips."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.e2e.clients import Pip
from tests.e2e.lab import neutral_environment, old_python

from pipway.clients.pip_options import ALL, COMMANDS, SETTINGS, Line, normalised, parse, truth

ASK_PIP = """
import json
from pip._internal.commands import commands_dict, create_command
def words(command):
    groups = [command.parser, *command.parser.option_groups]
    return [long[2:] for group in groups for option in group.option_list for long in option._long_opts]
print(json.dumps({name: words(create_command(name)) for name in commands_dict}))
"""


@pytest.mark.slow
def test_the_table_is_what_the_pips_of_the_lab_know() -> None:
    known: dict[str, set[str]] = {}
    for pip in (Pip("20.3.4", old_python()), Pip("23.3.2"), Pip("25.0.1"), Pip("26.*")):
        done = subprocess.run(
            [pip.command()[0], "-c", ASK_PIP],
            env=neutral_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        for command, options in json.loads(done.stdout).items():
            known.setdefault(command, set()).update(options)
    assert {command: set(options) for command, options in COMMANDS.items()} == known


def test_every_setting_is_an_option() -> None:
    assert set(SETTINGS) <= ALL


@pytest.mark.parametrize("name", ["Index_URL", "--index-url", "INDEX-URL"])
def test_spellings(name: str) -> None:
    assert normalised(name) == "index-url"


def test_truth() -> None:
    assert [truth(text) for text in ("Yes", "0", "maybe", "")] == [True, False, None, None]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pip install idna", Line("install")),
        ("/opt/x/bin/pip3 download --proxy http://p:1 idna", Line("download", (("proxy", "http://p:1"),))),
        ("python -m pip install -i a --index-url=b", Line("install", (("index-url", "a"), ("index-url", "b")))),
        ("python3 -X dev -m pip wheel -fdir", Line("wheel", (("find-links", "dir"),))),
        ("pip --isolated install --no-index", Line("install", (("no-index", "true"),), isolated=True)),
        ("pip install --no-proxy-env x", Line("install", (), no_proxy_env=True)),
        ("pip install --ext u --trusted h", Line("install", (("extra-index-url", "u"), ("trusted-host", "h")))),
        ("pip install --pro p --re x", Line("install", ())),
        ("pip install -- --proxy p", Line("install", ())),
        ("pip install --proxy", Line("install", ())),
        ("", Line("install")),
    ],
)
def test_command_lines(words: str, expected: Line) -> None:
    assert parse(words.split()) == expected


def test_values_are_not_shown() -> None:
    assert "hidden" not in repr(parse(["pip", "install", "--proxy", "http://u:hidden@p"]))
