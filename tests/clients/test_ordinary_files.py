"""What stands where a file should be makes nobody wait, fills no memory, and raises nothing unforeseen."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tests.clients.around import around

from pipway.clients.base import Installed, Scope, Surroundings, Wish
from pipway.clients.netrc import findings as netrc_findings
from pipway.clients.ordinary_files import content, is_file
from pipway.clients.registry import CLIENTS
from pipway.errors import UsageError

SCOPES: tuple[Scope, ...] = ("user", "project")


def places(surroundings: Surroundings) -> list[Path]:
    """Every file that some tool reads, below the folder of the test."""
    home = surroundings.root.parent
    paths = {file.path for client in CLIENTS.values() for file in client.files(surroundings)}
    return sorted(path for path in {*paths, surroundings.home / ".netrc"} if path.is_relative_to(home))


def read_everything(surroundings: Surroundings) -> None:
    """What `settings --clients` and `configure --dry-run` do."""
    for client in CLIENTS.values():
        installed = Installed(client.name, (client.name,))
        client.effective(surroundings, installed)
        client.findings(surroundings, installed)
        for scope in SCOPES:
            try:
                client.change(surroundings, Wish(index="https://index.example/simple/"), scope)
            except UsageError as error:
                assert error.what
    netrc_findings(surroundings)


def test_content(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert content(file, 5) == b"12345"
    assert content(file, 3) == b"1234"
    assert content(Path(os.devnull), 5) == b""
    assert content(Path("/dev/zero"), 5) == b"\0" * 6
    with pytest.raises(IsADirectoryError):
        content(tmp_path, 5)
    for missing in (tmp_path / "none", tmp_path / "a\0b"):
        with pytest.raises(FileNotFoundError):
            content(missing, 5)


def test_a_pipe_makes_nobody_wait(tmp_path: Path) -> None:
    """Neither for somebody who writes, nor for what a writer has not written yet."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    for descriptor in (reader, writer):
        with pytest.raises(OSError, match="no ordinary file"):
            content(pipe, 5)
        os.close(descriptor)


def test_is_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    assert not is_file(file)
    file.touch()
    assert is_file(file)
    assert not is_file(tmp_path / "a\0b")

    def closed(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", closed)  # before Python 3.14 is_file() lets this through; root sees everything
    assert not is_file(file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pipe", "folder", "endless", "circle", "zeros"])
def test_no_tool_trips_over_it(tmp_path: Path, kind: str) -> None:
    surroundings = around(tmp_path)
    for path in places(surroundings):
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir(exist_ok=True)
        elif kind == "zeros":
            path.write_bytes(bytes(5000))
        else:
            path.symlink_to("/dev/zero" if kind == "endless" else path.name)
    reading = threading.Thread(target=read_everything, args=(surroundings,), daemon=True)
    failed: list[BaseException] = []
    threading.excepthook, before = (lambda told: failed.append(told.exc_value or RuntimeError())), threading.excepthook
    try:
        reading.start()
        reading.join(20)
    finally:
        threading.excepthook = before
    assert not reading.is_alive()
    assert failed == []


@pytest.mark.parametrize(
    "url", ["https://[::1/simple/", "http://[zz", "https://a\0b/", "x://:99999999/", "//", "http://h:p/"]
)
def test_urls_that_are_none(tmp_path: Path, url: str) -> None:
    lines = [f"{key} = {url}" for key in ("index-url", "extra-index-url", "proxy", "find-links", "trusted-host")]
    files = {
        "home/.config/pip/pip.conf": "\n".join(["[global]", *lines, ""]),
        "home/.pypirc": f"[pypi]\nrepository = {url}\n",
        "home/.pydistutils.cfg": f"[easy_install]\nindex_url = {url}\n",
    }
    read_everything(around(tmp_path, files))
    read_everything(around(tmp_path, files, {"PIP_INDEX_URL": url, "HTTPS_PROXY": url, "https_proxy": url}))
