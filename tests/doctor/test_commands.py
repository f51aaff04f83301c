"""Commands as people type them, taken apart."""

from __future__ import annotations

import shlex

import pytest

from pipway.doctor.commands import led, understood


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


@pytest.mark.parametrize(
    ("line", "by_index", "by_proxy"),
    [
        ("pip install -i http://a/simple parcel", "pip install parcel", "pip install -i http://a/simple parcel"),
        ("pip --proxy p:1 install parcel", "pip --proxy p:1 install parcel", "pip install parcel"),
        ("pip install --proxy=p:1 --index-url=a --extra-index-url b 'x>1'", "pip install --proxy=p:1 'x>1'",
         "pip install --index-url=a --extra-index-url b 'x>1'"),
        ("uv sync --default-index a", "uv sync", "uv sync --default-index a"),
        ("pip install 'unclosed", "pip install 'unclosed", "pip install 'unclosed"),
    ],
)  # fmt: skip
def test_options_that_lead_past_pipway_are_left_out(line: str, by_index: str, by_proxy: str) -> None:
    assert led(line, by_proxy=False) == by_index
    assert led(line, by_proxy=True) == by_proxy
