"""Recipes with the file's variables."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import makefile
from pipway.audit.facts import Option, Required, Variable

PATH = "Makefile"
TEXT = """\
PIP := python -m pip
FLAGS = --trusted-host t -i http://k  # c
export PIP_PROXY ?= http://p
all: x
\t@$(PIP) install $(FLAGS) \\
\t  foo $$X $(shell ls) && \\
\t  pip download q
\t-for i in a; do pip install $$i; done
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(makefile, TEXT, PATH)) == [
        "python -m pip install --trusted-host t -i http://k foo $X ${_}",
        "pip download q",
        "pip install $i",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(makefile, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "proxy", "http://p", "export PIP_PROXY ?= http://p"),
        ("pip", "trusted-host", "t", "--trusted-host t"),
        ("pip", "index-url", "http://k", "-i http://k"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(makefile, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP", "python -m pip", "make", ""),
        ("FLAGS", "--trusted-host t -i http://k", "make", ""),
        ("PIP_PROXY", "http://p", "export", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(makefile, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("foo", ""), ("q", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(makefile, changed(TEXT, data), PATH)
