"""Environments, build arguments, commands as lists."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import compose
from pipway.audit.facts import Option, Required, Variable

PATH = "compose.yaml"
TEXT = """\
services:
  w:
    build: {args: {PIP_INDEX_URL: http://a}}
    environment:
      - PIP_TRUSTED_HOST=h
      - "HTTP_PROXY=http://u:p@x"
    command: ["sh", "-c", "pip install x"]
    entrypoint: pip install y
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(compose, TEXT, PATH)) == ["sh -c pip install x", "pip install x", "pip install y"]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(compose, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "trusted-host", "h", "PIP_TRUSTED_HOST=h"),
        ("pip", "index-url", "http://a", "PIP_INDEX_URL: http://a"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(compose, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_TRUSTED_HOST", "h", "environment", "w"),
        ("HTTP_PROXY", "http://u:p@x", "environment", "w"),
        ("PIP_INDEX_URL", "http://a", "args", "w"),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(compose, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("x", ""), ("y", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(compose, changed(TEXT, data), PATH)
