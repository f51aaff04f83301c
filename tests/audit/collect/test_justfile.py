"""Recipes by line and as scripts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import justfile
from pipway.audit.facts import Option, Required, Variable

PATH = "justfile"
TEXT = """\
idx := "http://a"
export PIP_TRUSTED_HOST := 'h'
build target="x":
    @pip install -i {{idx}} {{target}} foo
    pip install \\
      b

sh:
    #!/usr/bin/env bash
    pip install c
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(justfile, TEXT, PATH)) == [
        "pip install -i http://a {{target}} foo",
        "pip install b",
        "pip install c",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(justfile, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "trusted-host", "h", "export PIP_TRUSTED_HOST := 'h'"),
        ("pip", "index-url", "http://a", "-i {{idx}}"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(justfile, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("idx", "http://a", "just", ""),
        ("PIP_TRUSTED_HOST", "h", "export", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(justfile, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("foo", ""), ("b", ""), ("c", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(justfile, changed(TEXT, data), PATH)
