"""What pip ends up with: said by pipway, judged by real pips."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.clients import Pip
from tests.e2e.lab import neutral_environment, old_python

from pipway.clients.base import LISTS, Installed, Setting, Surroundings
from pipway.clients.pip_effective import OWN_ROOTS, SYSTEM_ROOTS, effective

PIPS = [Pip("20.3.4", old_python()), Pip("23.3.2"), Pip("25.0.1"), Pip("26.*")]
VERSIONS = {"pip-20.3.4": "20.3.4", "pip-23.3.2": "23.3.2", "pip-25.0.1": "25.0.1", "pip-26": "26.3"}

#: name → files below the root, variables (@ is the root), command line
CASES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    "nothing": ({}, {}, "pip install idna"),
    "global and user": (
        {"etc/pip.conf": "[global]\nindex-url = https://a.example/s\ntimeout = 9\n",
         "home/.config/pip/pip.conf": "[global]\nindex-url = https://b.example/s\n"},
        {}, "pip install idna"),
    "all files": (
        {"etc/xdg/pip/pip.conf": "[global]\nretries = 1\ntimeout = 1\nindex-url = https://x.example/s\n",
         "etc/pip.conf": "[global]\nretries = 2\ntimeout = 2\n",
         "home/.pip/pip.conf": "[global]\nretries = 3\n",
         "home/.config/pip/pip.conf": "[global]\nproxy = http://p.example:1\n",
         "venv/pip.conf": "[global]\ncert = @/ca.pem\n"},
        {}, "pip install idna"),
    "XDG": (
        {"one/pip/pip.conf": "[global]\ntimeout = 1\nretries = 1\n", "two/pip/pip.conf": "[global]\ntimeout = 2\n",
         "etc/xdg/pip/pip.conf": "[global]\nretries = 9\n", "conf/pip/pip.conf": "[global]\nno-index = yes\n"},
        {"XDG_CONFIG_DIRS": "@/one:@/two", "XDG_CONFIG_HOME": "@/conf"}, "pip install idna"),
    "PIP_CONFIG_FILE replaces the user's": (
        {"home/.config/pip/pip.conf": "[global]\ntimeout = 1\nretries = 1\n", "mine": "[global]\ntimeout = 2\n",
         "venv/pip.conf": "[global]\ntimeout = 3\n"},
        {"PIP_CONFIG_FILE": "@/mine"}, "pip install idna"),
    "PIP_CONFIG_FILE that is not there": (
        {"home/.config/pip/pip.conf": "[global]\ntimeout = 1\n"}, {"PIP_CONFIG_FILE": "@/mine"}, "pip install idna"),
    "PIP_CONFIG_FILE off": (
        {"etc/pip.conf": "[global]\ntimeout = 1\n"}, {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "3"},
        "pip install x"),
    "the command's section wins": (
        {"home/.config/pip/pip.conf": "[install]\ntimeout = 3\n[global]\ntimeout = 2\n[download]\ntimeout = 4\n",
         "venv/pip.conf": "[global]\ntimeout = 5\n"},
        {}, "pip install idna"),
    "another command's section": (
        {"home/.config/pip/pip.conf": "[install]\ntimeout = 3\nrequire-virtualenv = 1\n[global]\nretries = 2\n"},
        {}, "pip download idna"),
    "an empty value hides": (
        {"home/.pip/pip.conf": "[global]\ntimeout = 3\nindex-url = https://a.example\n",
         "home/.config/pip/pip.conf": "[global]\ntimeout =\n"},
        {"PIP_INDEX_URL": ""}, "pip install idna"),
    "spellings": (
        {"home/.config/pip/pip.conf": "[global]\nindex_url = https://a.example\n--extra-index-url = https://b.example\n"
         "TRUSTED_HOST = a.example\n"},
        {"PIP_default-timeout": "4"}, "pip install idna"),
    "two names for one option": (
        {}, {"PIP_DEFAULT_TIMEOUT": "9", "PIP_TIMEOUT": "7", "PIP_INDEX_URL": "https://a.example",
             "PIP_PYPI_URL": "https://b.example"}, "pip install idna"),
    "two names, a file first": (
        {"etc/pip.conf": "[global]\ntimeout = 1\ndefault-timeout = 2\n",
         "home/.config/pip/pip.conf": "[global]\ntimeout = 3\n"}, {}, "pip install idna"),
    "lists are replaced, and added to on the command line": (
        {"etc/pip.conf": "[global]\nextra-index-url =\n    https://a.example\n    https://b.example\n",
         "home/.config/pip/pip.conf": "[install]\nextra-index-url = https://c.example https://d.example\n"
         "trusted-host =\n  a.example\n  # not this one\n  b.example\n"},
        {}, "pip install --extra-index-url https://e.example -f @/wheels idna"),
    "flags": (
        {"home/.config/pip/pip.conf": "[global]\nrequire-hashes = off\nno-index = True\nrequire-virtualenv = 1\n"},
        {}, "pip install idna"),
    "DEFAULT": (
        {"home/.config/pip/pip.conf": "[DEFAULT]\ntimeout = 3\nretries = 2\n[global]\nretries = 4\n"},
        {}, "pip install idna"),
    "DEFAULT alone": ({"home/.config/pip/pip.conf": "[DEFAULT]\ntimeout = 3\n"}, {}, "pip install idna"),
    "the command line": (
        {"home/.config/pip/pip.conf": "[global]\ntimeout = 3\nindex-url = https://a.example\n"},
        {"PIP_TIMEOUT": "4", "PIP_RETRIES": "7"},
        "python3 -m pip --timeout=8 install -i https://c.example --retries 1 idna"),
    "abbreviations": ({}, {}, "pip install --index https://c.example --trusted a.example -fhttps://w.example idna"),
    "isolated": (
        {"etc/pip.conf": "[global]\nretries = 2\n", "home/.config/pip/pip.conf": "[global]\ntimeout = 3\n"},
        {"PIP_INDEX_URL": "https://a.example", "https_proxy": "http://p.example:1"}, "pip --isolated install idna"),
    "PIP_ISOLATED is not isolated": ({}, {"PIP_ISOLATED": "1", "PIP_TIMEOUT": "3"}, "pip install idna"),
    "lower case wins": (
        {}, {"HTTPS_PROXY": "http://upper.example:1", "https_proxy": "http://lower.example:1"}, "pip install idna"),
    "an empty one in lower case": ({}, {"HTTPS_PROXY": "http://upper.example:1", "https_proxy": ""},
        "pip install idna"),
    "ALL_PROXY": ({}, {"ALL_PROXY": "http://all.example:1", "http_proxy": "http://no.example:1"}, "pip install idna"),
    "http index": (
        {}, {"PIP_INDEX_URL": "http://a.example", "http_proxy": "http://h.example:1",
             "https_proxy": "http://s.example:1"}, "pip install idna"),
    "the option and a variable": (
        {"home/.config/pip/pip.conf": "[global]\nproxy = http://option.example:1\n"},
        {"https_proxy": "http://variable.example:1"}, "pip install idna"),
    "an empty option": ({}, {"https_proxy": "http://variable.example:1"}, "pip install --proxy= idna"),
    "an empty option from a variable": (
        {}, {"https_proxy": "http://variable.example:1", "PIP_PROXY": ""}, "pip install idna"),
    "a bundle beats cert": (
        {"home/.config/pip/pip.conf": "[global]\ncert = @/ca.pem\n"}, {"REQUESTS_CA_BUNDLE": "@/ca2.pem"},
        "pip install x"),
    "two bundles": ({}, {"REQUESTS_CA_BUNDLE": "@/ca.pem", "CURL_CA_BUNDLE": "@/ca2.pem"}, "pip install idna"),
    "curl's bundle": ({}, {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "@/ca2.pem"}, "pip install idna"),
    "a bundle beside --proxy": (
        {}, {"REQUESTS_CA_BUNDLE": "@/ca.pem"}, "pip install --proxy http://p.example:1 idna"),
    "cert and a bundle beside --proxy": (
        {}, {"REQUESTS_CA_BUNDLE": "@/ca.pem", "PIP_CERT": "@/ca2.pem"}, "pip install --proxy http://p.example:1 idna"),
    "client certificate": ({}, {"PIP_CLIENT_CERT": "@/ca.pem"}, "pip install idna"),
    "not in lower case": ({}, {"pip_timeout": "3"}, "pip install idna"),
    "a file that stops pip": (
        {"home/.config/pip/pip.conf": "[global]\ntimeout = 3\ntimeout = 4\n"}, {}, "pip install idna"),
    "a mark at the beginning": ({"home/.config/pip/pip.conf": "\ufeff[global]\ntimeout = 3\n"}, {}, "pip install idna"),
    "two spellings in a file": (
        {"home/.config/pip/pip.conf": "[global]\nindex-url = https://a.example\nindex_url = https://b.example\n"},
        {}, "pip install idna"),
}  # fmt: skip


def laid_out(folder: Path, name: str) -> tuple[Surroundings, list[str]]:
    """The case's files below `folder`; where pip runs, and its arguments."""
    files, environ, command = CASES[name]
    for path, text in {"ca.pem": "", "ca2.pem": ""}.items() | files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text.replace("@/", f"{folder}/"))
    words = [word.replace("@/", f"{folder}/") for word in command.split()]
    variables = {key: value.replace("@/", f"{folder}/") for key, value in environ.items()}
    variables |= {"HOME": str(folder / "home"), "PATH": os.environ["PATH"], "VIRTUAL_ENV": str(folder / "venv")}
    where = Surroundings(variables, folder / "home", folder, root=folder, command=tuple(words))
    return where, words[3 if words[1] == "-m" else 1 :]


def said(found: Mapping[Setting, Any]) -> dict[str, Any]:
    """In pip's words."""
    answer: dict[str, Any] = {setting.value: found[setting].value or None for setting in Setting}
    answer |= {setting.value: list(found[setting].values) for setting in LISTS}
    for setting in (Setting.NO_INDEX, Setting.HASHES, Setting.REQUIRE_VIRTUALENV):
        answer[setting.value] = found[setting].value == "true"
    answer["timeout"] = float(found[Setting.TIMEOUT].value)
    answer["retries"] = int(found[Setting.RETRIES].value)
    del answer["no_proxy"]
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("pip", PIPS, ids=lambda pip: pip.name)
def test_pip_agrees(pip: Pip, tmp_path: Path) -> None:
    """Every case, in one run of that pip per set of files."""
    version = VERSIONS[pip.name]
    places = [laid_out(tmp_path / str(number), name) for number, name in enumerate(CASES)]
    found = [effective(where, Installed("pip", (), version, "3.11")) for where, _ in places]
    answers = judged(pip, places, [one[Setting.INDEX].value for one in found])
    for name, (where, _), one, answer in zip(CASES, places, found, answers, strict=True):
        if "exit" in answer:
            assert name in {"a file that stops pip", "a mark at the beginning", "two spellings in a file"}, (
                name,
                answer,
            )
            assert not one[Setting.TIMEOUT].entries
            assert not one[Setting.INDEX].entries
            continue
        expected = said(one)
        if expected["CA"] in {SYSTEM_ROOTS, OWN_ROOTS}:
            assert str(where.root) not in str(answer["CA"]), name
            answer["CA"] = expected["CA"]
        if answer["keyring"] is None:
            expected["keyring"] = None
        assert expected == answer, name


def judged(pip: Pip, places: list[tuple[Surroundings, list[str]]], urls: list[str]) -> list[dict[str, Any]]:
    """All of them in one process."""
    cases = [
        ([str(where.root), str(where.root / "venv")], arguments, dict(where.environ), url)
        for (where, arguments), url in zip(places, urls, strict=True)
    ]
    done = subprocess.run(
        [pip.command()[0], str(Path(__file__).with_name("pip_judge.py"))],
        input=json.dumps(cases),
        env=neutral_environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
