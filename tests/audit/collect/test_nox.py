"""Sessions, with text beyond ASCII before it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import nox
from pipway.audit.facts import Option, Required, Variable

PATH = "noxfile.py"
TEXT = """\
import nox
@nox.session
def é(session):
    session.install("-i", "http://a", "foo==1", *x)
    session.run("pip", "install", "é", 'b', env={"PIP_INDEX_URL": "http://c"})
    session.env["PIP_TRUSTED_HOST"] = "h"
    session.run("python", "-m", "pip", "install", f"x{y}")
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(nox, TEXT, PATH)) == [
        "pip install -i http://a foo==1 $*x",
        "pip install é b",
        'python -m pip install $f"x{y}"',
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(nox, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", '-i", "http://a'),
        ("pip", "index-url", "http://c", '"PIP_INDEX_URL": "http://c"'),
        ("pip", "trusted-host", "h", 'session.env["PIP_TRUSTED_HOST"] = "h"'),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(nox, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://c", "process", ""),
        ("PIP_TRUSTED_HOST", "h", "process", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(nox, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("foo", "==1"), ("", ""), ("b", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(nox, changed(TEXT, data), PATH)
