"""JSON with comments; commands in three forms."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import devcontainer
from pipway.audit.facts import Option, Required, Variable

PATH = ".devcontainer/devcontainer.json"
TEXT = """\
{ // c
 "postCreateCommand": "pip install -i \\"http://a\\" x",
 "onCreateCommand": ["pip","install","y"],
 "postStartCommand": {"a": "pip install z", "b": ["pip", "install", "w"],},
 "containerEnv": {"PIP_INDEX_URL": "http://q"}, "build": {"args": {"PIP_TRUSTED_HOST":"h"}},
}"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(devcontainer, TEXT, PATH)) == [
        "pip install y",
        "pip install -i http://a x",
        "pip install z",
        "pip install w",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(devcontainer, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://q", '"PIP_INDEX_URL": "http://q"'),
        ("pip", "trusted-host", "h", '"PIP_TRUSTED_HOST":"h"'),
        ("pip", "index-url", "http://a", '-i \\"http://a\\"'),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(devcontainer, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://q", "containerEnv", ""),
        ("PIP_TRUSTED_HOST", "h", "args", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(devcontainer, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("y", ""),
        ("x", ""),
        ("z", ""),
        ("w", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(devcontainer, changed(TEXT, data), PATH)
