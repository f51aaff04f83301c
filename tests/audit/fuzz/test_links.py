"""Nothing leads out of the tree, waits, or says something to a terminal: links, devices, pipes, and names of files."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest
from tests.audit.fuzz.judged import shown
from typer.testing import CliRunner

from pipway.audit import walk
from pipway.audit.configuration import found
from pipway.audit.facts import Project
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree
from pipway.cli.audit import app
from pipway.clients.ordinary_files import content

SECRET = "--index-url http://hidden.corp/simple/\n--trusted-host hidden.corp\n"
BAD = b"--index-url http://nexus.corp/simple/\n"
_OPENED: list[str] | None = None


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _OPENED is not None and event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], (str, bytes)):
        _OPENED.append(os.fsdecode(arguments[0]))


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is opened meanwhile, real paths."""
    global _OPENED
    opened: list[str] = []
    _OPENED = opened
    try:
        yield opened
    finally:
        _OPENED = None
        opened[:] = [os.path.realpath(path) for path in opened]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the tree, with a file that every collector of requirements would read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("requirements.txt", "pip.conf", "secret.txt", ".gitignore", "pyproject.toml", "pipway.toml"):
        (folder / name).write_text(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / ".git").mkdir()
    (folder / "requirements-real.txt").write_bytes(BAD)
    return folder


def audited(root: Path, *, follow: bool = False) -> Project:
    """As the command does, without the process."""
    return collect(Tree(root, follow=follow), configuration=found(root))


#: Files of a tree; `-> ` makes a link, `{outside}` is the folder beside it.
LINKS: dict[str, dict[str, str]] = {
    "a file": {"requirements.txt": "-> {outside}/requirements.txt"},
    "a relative link": {"pip.conf": "-> ../outside/pip.conf"},
    "a folder": {"conf": "-> {outside}"},
    "a link to a link": {"one": "-> {outside}", "requirements.txt": "-> one/requirements.txt"},
    "ignored patterns": {".gitignore": "-> {outside}/.gitignore"},
    "a configuration": {"pyproject.toml": "-> {outside}/pyproject.toml"},
    "our own configuration": {"pipway.toml": "-> {outside}/pipway.toml"},
    "upwards": {"requirements.txt": "-r ../outside/secret.txt"},
    "far up": {"requirements.txt": f"-r {'../' * 30}{{outside}}/secret.txt"},
    "absolute": {"requirements.txt": "-r {outside}/secret.txt"},
    "an address of a file": {
        "requirements.txt": "-r file://{outside}/secret.txt\n-c file:../outside/secret.txt\n-e file://{outside}"
    },
    "backslashes": {"requirements.txt": "-r ..\\outside\\secret.txt"},
    "an include through a link": {
        "conf": "-> {outside}",
        "requirements.txt": "-r conf/secret.txt\n-r ./conf/../conf/secret.txt",
    },
    "a command": {
        "Dockerfile": "FROM x\nRUN pip install -r {outside}/secret.txt -c ../outside/secret.txt --cert {outside}/a"
    },
    "a certificate": {"pip.conf": "[global]\ncert = {outside}/secret.txt"},
    "a variable": {".env": "PIP_CONFIG_FILE={outside}/pip.conf\nPIP_REQUIREMENT={outside}/secret.txt"},
    "a workspace": {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["../outside"]\n[tool.uv.sources.x]\npath = "../outside"\n'
        '[tool.setuptools.dynamic.dependencies]\nfile = "../outside/secret.txt"'
    },
}


def lay(root: Path, outside: Path, how: str) -> None:
    """One of LINKS."""
    for name, text in LINKS[how].items():
        said = text.replace("{outside}", str(outside))
        if said.startswith("-> "):
            (root / name).symlink_to(said[3:])
        else:
            (root / name).write_text(f"{said}\n")


@pytest.mark.parametrize("how", LINKS)
def test_nothing_outside_is_opened(root: Path, outside: Path, how: str) -> None:
    lay(root, outside, how)
    with watched() as opened:
        whole = audited(root)
        results = check(whole, rules()).results
        said = str(shown(check(whole, rules()), whole))
    assert any(path.startswith(str(root)) for path in opened), "the hook hears nothing"
    assert not [path for path in opened if path.startswith(str(outside))]
    assert "hidden.corp" not in said
    assert any(result.source.path == "requirements-real.txt" for result in results)


@pytest.mark.parametrize("how", ["a file", "a relative link", "a folder", "a link to a link"])
def test_who_asks_gets_what_is_outside(root: Path, outside: Path, how: str) -> None:
    lay(root, outside, how)
    whole = audited(root, follow=True)
    assert any("hidden.corp" in source.text for source in whole.sources)


def test_who_names_a_path_gets_it(root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    result = CliRunner().invoke(app, [str(outside / "requirements.txt")])
    assert "hidden.corp" in result.output


def test_links_in_circles_end(root: Path) -> None:
    for name, to in (("requirements.txt", "requirements.txt"), ("a", "b"), ("b", "a"), ("c", "."), ("d", "c/c/c")):
        (root / name).symlink_to(to)
    (root / "constraints.txt").write_text("-r constraints.txt\n-r c/c/constraints.txt\n-c ./constraints.txt\n")
    for follow in (False, True):
        assert {"constraints.txt", "requirements-real.txt"} <= {
            each.path for each in audited(root, follow=follow).sources
        }


def test_nothing_waits(root: Path) -> None:
    """Pipes, sockets, devices and folders in the place of files."""
    os.mkfifo(root / "requirements.txt")
    os.mkfifo(root / ".gitignore")
    (root / "pip.conf").mkdir()
    (root / "setup.cfg").symlink_to("/dev/zero")
    (root / "Dockerfile").symlink_to("/dev/stdin")
    (root / "a").mkdir()
    os.mkfifo(root / "a" / "pipe")
    (root / "a" / "uv.toml").symlink_to("pipe")
    (root / "constraints.txt").write_text("-r a/pipe\n-r requirements.txt\n-r pip.conf\n")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(root, os.O_RDONLY)
        try:  # the path of a socket is short
            server.bind(f"/proc/self/fd/{here}/netrc")
        finally:
            os.close(here)
        for follow in (False, True):
            paths = {source.path for source in audited(root, follow=follow).sources}
            assert paths == {"constraints.txt", "requirements-real.txt"}


@pytest.mark.parametrize("name", ["pipway.toml", "pyproject.toml", ".git"])
def test_our_own_files_do_not_wait(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / "requirements.txt").write_bytes(BAD)
    assert [source.path for source in audited(tmp_path).sources] == ["requirements.txt"]


def test_what_may_not_be_read_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, most: int) -> bytes:
        if path.name == "pip.conf":
            raise PermissionError(13, "Permission denied")
        return content(path, most)

    (root / "pip.conf").write_text("[global]\n")
    monkeypatch.setattr(walk, "content", refused)
    tree = Tree(root)
    assert [source.path for source in collect(tree).sources] == ["requirements-real.txt"]
    assert [reason.partition(":")[0] for reason in tree.skipped] == ["pip.conf"]


def test_what_vanishes_or_grows_meanwhile_does_no_harm(root: Path) -> None:
    """Between the beginning that is looked at and the text that is read."""
    (root / "environment.yml").write_text("dependencies:\n")
    (root / "run.sh").write_text("pip install --pre x\n")

    class Moving(Tree):
        def head(self, path: str, most: int = 1024) -> str:
            said = super().head(path, most)
            if path == "environment.yml":
                (root / path).unlink()
                (root / "run.sh").write_bytes(b"x" * (walk.LARGEST + 1))
            return said

    tree = Moving(root)
    assert [source.path for source in collect(tree).sources] == ["requirements-real.txt"]
    assert sorted(reason.partition(":")[0] for reason in tree.skipped) == ["environment.yml", "run.sh"]


NAMES = (
    *(b"a\nb", b"a\r\n::error file=x::y", b"\x1b[31mred\x07", b"\xff\xfe", b"::warning file=pip.conf,line=1::gone"),
    *(b"a%0Ab,c:d", b"<&\">'", b"--fix", b" space ", "\u202eevil\u2028".encode(), "日本\U0001f680".encode(), b"a#b?c"),
    *(b"...", b"back\\slash", b"]]>", b"\x85\x9b31m", "\u009b31m".encode(), b"a" * 200),
)


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_names_are_only_names(root: Path, name: bytes) -> None:
    """No line of its own, no command, no sign for a terminal, in any format; and programs find the file again."""
    folder = os.path.join(os.fsencode(root), name)
    os.mkdir(folder)
    with open(os.path.join(folder, b"requirements.txt"), "wb") as file:
        file.write(BAD)
    whole = audited(root)
    checked = check(whole, rules())
    path = os.fsdecode(name) + "/requirements.txt"
    assert path in {result.source.path for result in checked.results}
    said = shown(checked, whole)
    many = len(checked.results)
    assert len(said["github"].splitlines()) == len(said["concise"].splitlines()) >= many + 1
    for line in said["github"].splitlines()[:many]:
        assert re.match(r"::(?:error|warning|notice) file=[^,:]*,line=\d+,", line)
    assert len(re.findall(r"(?m)^ *--> ", said["text"])) == many
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in json.loads(said["sarif"])["runs"][0]["results"]
    }
    assert all(re.fullmatch(r"[A-Za-z0-9/._~%-]+", uri) for uri in uris)
    assert os.fsencode(path) in {unquote_to_bytes(uri) for uri in uris}
    readable = os.fsencode(path).decode(errors="backslashreplace")  # half of a surrogate pair is no JSON
    assert {entry["at"]["path"] for entry in json.loads(said["json"])["findings"]} >= {readable}
    assert ElementTree.fromstring(said["junit"]).findall(".//failure")


@pytest.mark.parametrize("option", ["--format=text", "--diff", "--unsafe-fixes", "--format=json"])
def test_the_command_prints_names_as_names(root: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    for name in (b"a\n::error::x", b"\x1b[31m", b"\xff"):
        folder = os.path.join(os.fsencode(root), name)
        os.mkdir(folder)
        with open(os.path.join(folder, b"requirements.txt"), "wb") as file:
            file.write(b"--index-url http://nexus.corp/simple/\n--index-url http://nexus.corp/simple/\n--pre\n")
        os.symlink("/dev/null", os.path.join(folder, b"pip.conf"))
    monkeypatch.chdir(root)
    result = CliRunner().invoke(app, [option])
    assert result.exit_code in (0, 1), result.output
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.output)
    assert not re.search(r"(?m)^::error", result.output)
