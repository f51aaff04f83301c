"""Files of thousands of equal lines: each is read and judged in the time of as many different ones."""

from __future__ import annotations

import gc
import time
from datetime import date
from pathlib import Path

import pytest

from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree

LINES = {
    "Dockerfile": 300,
    "ci.sh": 300,
    "Containerfile": 500,
    "uv.lock": 800,
    "setup.cfg": 3000,
}  #: of the others more
FILES = {
    "pip.conf": ("[global]\n", "index-url = http://a.corp/s\n"),
    "a/pip.conf": ("[global]\ntrusted-host = a.corp\n", "b.corp\n"),
    "requirements.txt": ("", "--extra-index-url http://a.corp/s --trusted-host a.corp\n"),
    "other-requirements.txt": ("", "--find-links ./wheels\n"),
    "Dockerfile": ("FROM x\n", "RUN pip install --trusted-host a.corp --find-links w -i http://a.corp/s x\n"),
    "Containerfile": ("FROM x\n", "ENV PIP_INDEX_URL=http://a.corp/s PIP_TRUSTED_HOST=a.corp\n"),
    "ci.sh": ("", "pip install --extra-index-url http://a.corp/s -f ./w x\n"),
    "setup.cfg": ("[metadata]\n", "name = x\n"),
    ".netrc": ("", "machine a.corp login u password secret-word\n"),
    ".env": ("", "PIP_EXTRA_INDEX_URL=http://a.corp/s\n"),
    "uv.lock": (
        "version = 1\n",
        '[[package]]\nname = "a"\nversion = "1"\nsource = { registry = "http://a.corp/s" }\n'
        'sdist = { url = "http://a.corp/a-1.tar.gz", hash = "sha256:00" }\n',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_time_grows_with_the_lines(name: str, tmp_path: Path) -> None:
    """Four times as many take far less than sixteen times as long, or so little that nobody can tell."""
    head, line = FILES[name]
    lines = LINES.get(name, 1200)
    spent = [taken(tmp_path / str(count) / name, head + line * count) for count in (lines // 2, 2 * lines)]
    assert spent[1] < 9 * spent[0] + 0.5, spent


def taken(path: Path, text: str) -> float:
    """Seconds of this process, which other processes do not count in; nor does what pytest keeps in memory."""
    path.parent.mkdir(parents=True)
    path.write_text(text)
    gc.disable()  # as the command does: here a collection takes a second, at a random time
    try:
        begun = time.process_time()
        check(collect(Tree(path.parent), today=date(2026, 11, 21)), rules())
        return time.process_time() - begun
    finally:
        gc.enable()


@pytest.mark.slow
def test_the_time_grows_with_the_files(tmp_path: Path) -> None:
    """Thousands of files that trust the same host: what trusts what is looked up, not held against each other."""
    took = []
    for many in (300, 1200):
        root = tmp_path / str(many)
        for number in range(many):
            (root / str(number)).mkdir(parents=True)
            text = "-i http://a.corp/s\n--trusted-host a.corp\n"
            (root / str(number) / "requirements.txt").write_text(text)
        project = collect(Tree(root))
        begun = time.process_time()
        found = check(project, {name: rules()[name] for name in ("PW101", "PW102", "PW103")}).results
        took.append(time.process_time() - begun)
        assert len(found) >= many
    assert took[1] < 8 * took[0] + 2, took
