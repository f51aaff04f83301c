"""Steps in four kinds of strings."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import jenkins
from pipway.audit.facts import Option, Required, Variable

PATH = "Jenkinsfile"
TEXT = """\
pipeline { environment { PIP_INDEX_URL = 'http://a' }
 // sh 'pip install no'
 stages { steps {
  sh 'pip install a'
  sh \"\"\"
    pip install -i http://b \\\\
      "x" \\"y\\"
  \"\"\"
  sh(script: "pip install c", returnStdout: true)
  withEnv(['PIP_TRUSTED_HOST=h', 'B=c']) { sh label: 'q', script: 'pip install d' }
}}}"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(jenkins, TEXT, PATH)) == ["pip install a", "pip install -i http://b x y", "pip install c"]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(jenkins, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", "PIP_INDEX_URL = 'http://a'"),
        ("pip", "index-url", "http://b", "-i http://b"),
        ("pip", "trusted-host", "h", "PIP_TRUSTED_HOST=h"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(jenkins, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://a", "environment", "job"),
        ("PIP_TRUSTED_HOST", "h", "environment", "job"),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(jenkins, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("a", ""),
        ("x", ""),
        ("y", ""),
        ("c", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(jenkins, changed(TEXT, data), PATH)
