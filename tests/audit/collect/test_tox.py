"""Commands, dependencies, variables."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import tox
from pipway.audit.facts import Option, Required, Variable

PATH = "tox.ini"
TEXT = """\
[tox]
envlist = a
indexserver =
    default = http://i
[testenv]
install_command = pip install -i http://a {opts} {packages}
set_env =
    PIP_INDEX_URL = http://b
    py3: A=b
deps =
    -rreq.txt
    py3: pytest>=1
    --index-url=http://c
commands =
    {envpython} -m pip install x \\
      y
    - pip install z
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(tox, TEXT, PATH)) == [
        "pip install -i http://a {opts} {packages}",
        "pip install -rreq.txt",
        "pip install pytest>=1",
        "pip install --index-url=http://c",
        "{envpython} -m pip install x y",
        "pip install z",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(tox, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", "-i http://a"),
        ("pip", "index-url", "http://b", "PIP_INDEX_URL = http://b"),
        ("pip", "requirement", "req.txt", "-rreq.txt"),
        ("pip", "index-url", "http://c", "--index-url=http://c"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(tox, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://b", "set_env", ""),
        ("A", "b", "set_env", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(tox, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("pytest", ">=1"),
        ("x", ""),
        ("y", ""),
        ("z", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(tox, changed(TEXT, data), PATH)
