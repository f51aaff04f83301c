"""Steps and variables of the smaller CI systems."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import pipelines
from pipway.audit.collect.files import modules
from pipway.audit.facts import Option, Variable

PATH = ".travis.yml"
TEXT = """\
env:
  global:
    - PIP_INDEX_URL=http://a
    - A=b C="d e"
install:
  - I=http://c
  - pip install -i $I foo
script: pip install c
"""


def test_commands() -> None:
    """In their order; the lines of one step know each other's variables."""
    assert said(collected(pipelines, TEXT, PATH)) == ["pip install -i http://c foo", "pip install c"]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(pipelines, TEXT, PATH), Option)
    assert [(option.name, option.value, option.span.text) for option in options] == [
        ("index-url", "http://a", "PIP_INDEX_URL=http://a"),
        ("index-url", "http://c", "-i $I"),
    ]


def test_variables() -> None:
    """One or several a line."""
    variables = of(collected(pipelines, TEXT, PATH), Variable)
    assert [(each.name, each.value) for each in variables][:3] == [
        ("PIP_INDEX_URL", "http://a"),
        ("A", "b"),
        ("C", "d e"),
    ]


@pytest.mark.parametrize(
    ("path", "read"),
    [
        (".travis.yml", True),
        ("bitbucket-pipelines.yml", True),
        (".buildkite/pipeline.template.yml", True),
        (".woodpecker/test.yaml", True),
        (".cirrus.yml", True),
        ("appveyor.yml", True),
        ("docs/travis.yml", False),
        (".buildkite/hooks.txt", False),
    ],
)
def test_names(path: str, read: bool) -> None:
    """Which files are theirs."""
    assert ("pipelines" in modules(path, "")) is read


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(pipelines, changed(TEXT, data), PATH)
