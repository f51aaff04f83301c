"""Commands as people type them, taken apart."""

from __future__ import annotations

import shlex

import pytest

from pipway.doctor.commands import understood


@pytest.mark.parametrize(
    ("line", "tool", "call", "project"),
    [
        ("pip install Parcel_X", "pip", "pip", "parcel-x"),
        ("pip3.11 install 'parcel[extra]>=1,<2'", "pip", "pip3.11", "parcel"),
        ("/opt/env/bin/python -m pip install --proxy http://p:1 -i https://index.example/simple parcel", "pip",
         "/opt/env/bin/python -m pip", "parcel"),
        ("python3 -I -m pip install --index-url=https://index.example/simple parcel==1", "pip", "python3 -I -m pip",
         "parcel"),
        (r"'C:\Python\python.exe' -m pip download parcel", "pip", r"'C:\Python\python.exe' -m pip", "parcel"),
        ("uv pip install --default-index https://index.example/simple parcel", "uv", "uv", "parcel"),
        ("uv add parcel", "uv", "uv", "parcel"),
        ("uv tool install parcel@1.2", "uv", "uv", "parcel"),
        ("uv sync --locked", "uv", "uv", ""),
        ("poetry add parcel", "poetry", "poetry", "parcel"),
        ("pip install -r requirements.txt", "pip", "pip", ""),
        ("pip install .", "pip", "pip", ""),
        ("pip install ./parcel-1.0-py3-none-any.whl other", "pip", "pip", "other"),
        ("micromamba install parcel", "conda", "micromamba", "parcel"),
        ("ls -l", "", "", ""),
        ("python setup.py install", "", "", ""),
        ("python -m http.server", "", "", ""),
    ],
)  # fmt: skip
def test_who_is_called_for_what(line: str, tool: str, call: str, project: str) -> None:
    found = understood(shlex.split(line))
    assert (found.tool, found.call, found.project) == (tool, tuple(shlex.split(call)), project)


def test_no_words_are_no_command() -> None:
    assert understood([]).tool == ""
