"""Environment and commands."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import systemd
from pipway.audit.facts import Option, Required, Variable

PATH = "a.service"
TEXT = """\
[Service]
Environment="PIP_INDEX_URL=http://a" B=c
ExecStartPre=-/usr/bin/pip install -i http://b \\
  x
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(systemd, TEXT, PATH)) == ["/usr/bin/pip install -i http://b x"]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(systemd, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", '"PIP_INDEX_URL=http://a"'),
        ("pip", "index-url", "http://b", "-i http://b"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(systemd, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://a", "Environment=", ""),
        ("B", "c", "Environment=", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(systemd, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("x", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(systemd, changed(TEXT, data), PATH)
