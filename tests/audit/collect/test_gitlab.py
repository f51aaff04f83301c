"""Scripts, nested lists, anchors, variables."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import gitlab
from pipway.audit.facts import Option, Required, Variable

PATH = ".gitlab-ci.yml"
TEXT = """\
variables:
  PIP_INDEX_URL: http://a
  X: {value: "q", description: d}
.base: &base
  before_script:
    - export PIP_TRUSTED_HOST=h
job:
  <<: *base
  script:
    - pip install a
    - [pip install b, [pip install c]]
    - |
      pip install d
    - !reference [x, y]
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(gitlab, TEXT, PATH)) == [
        "export PIP_TRUSTED_HOST=h",
        "pip install a",
        "pip install b",
        "pip install c",
        "pip install d",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(gitlab, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", "PIP_INDEX_URL: http://a"),
        ("pip", "trusted-host", "h", "PIP_TRUSTED_HOST=h"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(gitlab, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://a", "variables", "workflow"),
        ("X", "q", "variables", "workflow"),
        ("PIP_TRUSTED_HOST", "h", "export", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(gitlab, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("a", ""),
        ("b", ""),
        ("c", ""),
        ("d", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(gitlab, changed(TEXT, data), PATH)
