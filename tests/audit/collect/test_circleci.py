"""Steps with templates, environments."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import circleci
from pipway.audit.facts import Option, Required, Variable

PATH = ".circleci/config.yml"
TEXT = """\
jobs:
  b:
    environment:
      PIP_INDEX_URL: http://a
    steps:
      - run: pip install << parameters.x >> foo
      - run:
          name: n
          command: |
            pip install c
          environment: {A: b}
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(circleci, TEXT, PATH)) == ["pip install << parameters.x >> foo", "pip install c"]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(circleci, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", "PIP_INDEX_URL: http://a")
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(circleci, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://a", "environment", "job"),
        ("A", "b", "environment", "step"),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(circleci, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("foo", ""), ("c", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(circleci, changed(TEXT, data), PATH)
