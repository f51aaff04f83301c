"""No registry's host name and no path of the machine it was written on stands in the tree or its history.

The clients themselves are asked for the names, so that none has to be written here.
"""

from __future__ import annotations

import glob
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pip._internal.models.index import PyPI, TestPyPI
from pypi_simple import PYPI_SIMPLE_ENDPOINT

ROOT = Path(__file__).parents[1]


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def registry_hosts() -> set[str]:
    """Hosts that pip, npm and apt on this machine know; loopback is nobody's registry."""
    found = {urlsplit(PYPI_SIMPLE_ENDPOINT).hostname or ""}
    for index in (PyPI, TestPyPI):
        found |= {index.netloc, index.file_storage_domain, f"upload.{index.netloc}"}
        found.add("pypi.python." + index.netloc.rpartition(".")[2])
    if npm := shutil.which("npm"):
        said = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, timeout=60).stdout
        found |= set(re.findall(r"https?://([^/\s:]+)", said))
    for path in [*glob.glob("/etc/apt/sources.list"), *glob.glob("/etc/apt/sources.list.d/*")]:
        found |= set(re.findall(r"https?://([^/\s:]+)", Path(path).read_text(errors="replace")))
    return {host for host in found if "." in host and not re.fullmatch(r"127\.[\d.]+|localhost.*", host)}


def machine_paths() -> set[str]:
    """Where this checkout and this user's hidden folders (interpreters, configuration) are."""
    return {f"{ROOT}/", f"{Path.home()}/."}


def tracked() -> list[Path]:
    names = git("ls-files", "-z").decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_the_clients_know_some_registries() -> None:
    """Otherwise the other tests would pass by not looking."""
    assert len(registry_hosts()) >= 4


@pytest.mark.parametrize("what", ["hosts", "paths"])
def test_no_tracked_file_names_them(what: str) -> None:
    """Examples use index.example and files.example (RFC 2606)."""
    words = {word.encode() for word in (registry_hosts() if what == "hosts" else machine_paths())}
    hits = [str(path.relative_to(ROOT)) for path in tracked() if any(word in path.read_bytes() for word in words)]
    assert hits == []


def test_no_commit_message_names_them() -> None:
    """History is published too."""
    messages = git("log", "--format=%B").decode(errors="replace")
    assert [word for word in registry_hosts() | machine_paths() if word in messages] == []
