"""Dependencies of hooks, local hooks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import precommit
from pipway.audit.facts import Option, Required, Variable

PATH = ".pre-commit-config.yaml"
TEXT = """\
repos:
- repo: x
  hooks:
  - id: mypy
    additional_dependencies: [types-x==1, "foo", --extra-index-url=http://a]
  - id: l
    language: system
    entry: pip install z
  - {id: p, language: python, entry: python -m pip install y}
  - {id: g, language: pygrep, entry: pip install w}
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(precommit, TEXT, PATH)) == [
        "pip install --extra-index-url=http://a",
        "pip install z",
        "python -m pip install y",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(precommit, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "extra-index-url", "http://a", "--extra-index-url=http://a")
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(precommit, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == []


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(precommit, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("types-x", "==1"),
        ("foo", ""),
        ("z", ""),
        ("y", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(precommit, changed(TEXT, data), PATH)
