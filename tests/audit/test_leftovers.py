"""What deletions leave behind: a file stays one that its readers take."""

from __future__ import annotations

import json
import tomllib

import pytest
from ruamel.yaml import YAML

from pipway.audit.base import Found, Repair
from pipway.audit.facts import Source, Span
from pipway.audit.fix.apply import mended
from pipway.audit.fix.edits import removal


def without(path: str, text: str, *parts: str) -> str:
    """The text after the deletion of `parts`, in as many rounds as that takes."""
    left = [*parts]
    for _ in range(5):
        source = Source(path, text, "")
        found = []
        for part in left:
            place = text.find(part)
            span = Span(source, place, place + len(part))
            found.append(Found(span, "w", repair=Repair("t", removal(span))))
        changed = mended(found, unsafe=True)
        text = changed[0].after if changed else text
        left = [part for part in left if part in text]
        if not left:
            break
    return text


DOCKER = [
    ("ENV A=1 B=2\nRUN x\n", ["A=1", "B=2"], "RUN x\n"),
    ("ENV A=1 \\\n    B=2\nRUN x\n", ["A=1", "B=2"], "RUN x\n"),
    ("ENV A=1 \\\n    B=2\nRUN x\n", ["A=1"], "ENV \\\n    B=2\nRUN x\n"),
    ("ENV A=1 \\\n    B=2 \\\n    C=3\nRUN x\n", ["A=1", "B=2", "C=3"], "RUN x\n"),
    ("ENV A=1 \\\n    B=2 \\\n    C=3\nRUN x\n", ["B=2", "C=3"], "ENV A=1\nRUN x\n"),
    ("ARG A=1 B=2\r\nRUN x\r\n", ["A=1", "B=2"], "RUN x\r\n"),
    ("RUN export A=1 B=2 && pip install x\n", ["A=1", "B=2"], "RUN pip install x\n"),
    ("RUN a && \\\n    export A=1 && \\\n    b\n", ["A=1"], "RUN a && \\\n    b\n"),
    ("RUN a && \\\n    export A=1\n", ["A=1"], "RUN a\n"),
    ("RUN a \\\n && export A=1 \\\n && b\n", ["A=1"], "RUN a \\\n && b\n"),
    ("RUN a && pip config set global.trusted-host h && c\n", ["pip config set global.trusted-host h"], "RUN a && c\n"),
    ("RUN pip config set a b && c\n", ["pip config set a b"], "RUN c\n"),
    ("RUN c && pip config set a b\n", ["pip config set a b"], "RUN c\n"),
    ("RUN pip config set a b\nRUN c\n", ["pip config set a b"], "RUN c\n"),
]


@pytest.mark.parametrize(("text", "parts", "rest"), DOCKER)
def test_dockerfiles(text: str, parts: list[str], rest: str) -> None:
    assert without("Dockerfile", text, *parts) == rest


SHELL = [
    ("export A=1 && pip install x\n", ["A=1"], "pip install x\n"),
    ("export A=1; pip install x\n", ["A=1"], "pip install x\n"),
    ("export A=1 B=2\nx\n", ["A=1", "B=2"], "x\n"),
    ("A=1 && pip install x\n", ["A=1"], "pip install x\n"),
    ("A=1 pip install x\n", ["A=1"], "pip install x\n"),
    ("if t; then A=1; fi\n", ["A=1"], "if t; then :; fi\n"),
    ("if t; then A=1; b; fi\n", ["A=1"], "if t; then b; fi\n"),
    ("if t; then\n  export A=1\nfi\n", ["A=1"], "if t; then\n  :\nfi\n"),
    ("f() {\n  export A=1\n}\n", ["A=1"], "f() {\n  :\n}\n"),
    ("a || export A=1\n", ["A=1"], "a || :\n"),
    ("a && export A=1 || b\n", ["A=1"], "a || b\n"),
    ("(a && export A=1)\n", ["A=1"], "(a)\n"),
    ("sh -c 'export A=1 && b'\n", ["A=1"], "sh -c 'b'\n"),
]


@pytest.mark.parametrize(("text", "parts", "rest"), SHELL)
def test_scripts(text: str, parts: list[str], rest: str) -> None:
    assert without("x.sh", text, *parts) == rest


YAML_FILES = [
    ("x:\n  env:\n    A: 1\n    B: 2\n  y: 2\n", ["A: 1", "B: 2"], "x:\n  y: 2\n"),
    ("x:\n  env:\n    # why\n    A: 1\n  y: 2\n", ["A: 1"], "x:\n  y: 2\n"),
    ("on:\n  push:\n  A: 1\n  z: 2\n", ["A: 1"], "on:\n  push:\n  z: 2\n"),
    ("s:\n  - env:\n      A: 1\n    run: x\n", ["A: 1"], "s:\n  - run: x\n"),
    ("s:\n  - env:\n      A: 1\n  - run: x\n", ["A: 1"], "s:\n  - run: x\n"),
    ("env: {A: 1, B: 2}\n", ["A: 1", "B: 2"], "env: {}\n"),
    ("d:\n  - a\n  - pip:\n    - --pre\n", ["--pre"], "d:\n  - a\n"),
    ("script:\n  - export A=1\nx: 1\n", ["A=1"], 'script:\n  - ":"\nx: 1\n'),
    ("script:\n  - export A=1\n  - b\n", ["A=1"], "script:\n  - b\n"),
    ("s:\n  - run: export A=1\n  - x: 1\n", ["A=1"], 's:\n  - run: ":"\n  - x: 1\n'),
    ("s:\n  - run: export A=1 && b\n", ["A=1"], "s:\n  - run: b\n"),
    ("s:\n  - run: |\n      export A=1\n  - x: 1\n", ["A=1"], "s:\n  - run: |\n      :\n  - x: 1\n"),
    ("c:\n- a\n- b\nd: 1\n", ["a", "b"], "d: 1\n"),
]


@pytest.mark.parametrize(("text", "parts", "rest"), YAML_FILES)
def test_yaml(text: str, parts: list[str], rest: str) -> None:
    assert without(".github/workflows/ci.yml", text, *parts) == rest
    YAML(typ="safe", pure=True).load(rest)


INI = [
    (
        "[global]\ntrusted-host =\n    x.corp\n    y.corp\ntimeout = 1\n",
        ["x.corp", "y.corp"],
        "[global]\ntimeout = 1\n",
    ),
    ("[global]\ntrusted-host = x.corp\n    y.corp\n", ["x.corp"], "[global]\ntrusted-host =\n    y.corp\n"),
    ("[global]\ntrusted-host = x.corp y.corp\n", ["x.corp", "y.corp"], "[global]\n"),
    ("[global]\nproxy =\ntimeout = 1\npre = 1\n", ["timeout = 1"], "[global]\nproxy =\npre = 1\n"),
]


@pytest.mark.parametrize(("text", "parts", "rest"), INI)
def test_ini_files(text: str, parts: list[str], rest: str) -> None:
    assert without("pip.conf", text, *parts) == rest


TOML = [
    ('a = 1\nallow-insecure-host = ["x", "y"]\nb = 2\n', ['"x"', '"y"'], "a = 1\nb = 2\n"),
    ('a = 1\nallow-insecure-host = [\n  "x",\n  "y",\n]\nb = 2\n', ['"x"', '"y"'], "a = 1\nb = 2\n"),
    ('dev = ["x", "y"]\n', ['"x"', '"y"'], "dev = []\n"),
    ('s = {url = "u", verify_ssl = false}\n', ["verify_ssl = false"], 's = {url = "u"}\n'),
]


@pytest.mark.parametrize(("text", "parts", "rest"), TOML)
def test_toml(text: str, parts: list[str], rest: str) -> None:
    assert without("uv.toml", text, *parts) == rest
    tomllib.loads(rest)


JSON = [
    ('{"e": {\n  "A": "1",\n  "B": "2"\n}}\n', ['"B": "2"'], '{"e": {\n  "A": "1"\n}}\n'),
    ('{"e": {\n  "A": "1",\n  "B": "2"\n}}\n', ['"A": "1"'], '{"e": {\n  "B": "2"\n}}\n'),
    ('{"e": {\n  "A": "1",\n  "B": "2"\n}}\n', ['"A": "1"', '"B": "2"'], '{"e": {\n}}\n'),
    ('{"e": {\n  "A": "1",\n  "B": "2",\n  "C": "3"\n}}\n', ['"B": "2"', '"C": "3"'], '{"e": {\n  "A": "1"\n}}\n'),
]


@pytest.mark.parametrize(("text", "parts", "rest"), JSON)
def test_json(text: str, parts: list[str], rest: str) -> None:
    assert without("devcontainer.json", text, *parts) == rest
    json.loads(rest)


def test_systemd_and_powershell() -> None:
    assert without("x.service", "[Service]\nEnvironment=A=1 B=2\nX=1\n", "A=1", "B=2") == "[Service]\nX=1\n"
    assert without("x.ps1", "$env:A = 1; pip install x\n", "$env:A = 1") == "pip install x\n"
    assert without("x.ps1", "if (1) {\n  $env:A = 1\n}\n", "$env:A = 1") == "if (1) {\n}\n"


@pytest.mark.slow
def test_many_deletions_take_little_time() -> None:
    text = "".join(f"ENV A{number}=1 B{number}=2\n" for number in range(4000))
    source, at, found = Source("Dockerfile", text, ""), 0, []
    for line in text.splitlines(keepends=True):
        for part in line.split()[1:]:
            place = at + line.index(part)
            span = Span(source, place, place + len(part))
            found.append(Found(span, "w", repair=Repair("t", removal(span))))
        at += len(line)
    assert mended(found, unsafe=True)[0].after == ""


DEVCONTAINER = [
    ("export A=1 && pip install x", "A=1", "pip install x"),
    ("export A=1; pip install x", "A=1", "pip install x"),
    ("pip list && export A=1", "A=1", "pip list"),
    ("export A=1", "A=1", ":"),
]


@pytest.mark.parametrize(("command", "part", "rest"), DEVCONTAINER)
def test_commands_of_a_devcontainer(command: str, part: str, rest: str) -> None:
    """A command in a string of JSON is one that a shell reads; no other file of JSON has any."""
    text = json.dumps({"postCreateCommand": command})
    assert json.loads(without(".devcontainer/devcontainer.json", text, part)) == {"postCreateCommand": rest}
    assert "export" in without("package.json", text, part)


def test_what_conda_hands_on_to_pip_is_no_shell() -> None:
    """There, no sign joins commands, and nothing has to stand where a command stood."""
    text = "dependencies:\n  - pip:\n    - six | mple\n    - flask\n"
    assert without("environment.yml", text, "six") == "dependencies:\n  - pip:\n    - | mple\n    - flask\n"
    assert without("ci.yml", "script:\n  - six | mple\n", "six") == "script:\n  - :| mple\n"
