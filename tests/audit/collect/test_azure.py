"""Steps, macros, tasks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import azure
from pipway.audit.facts import Option, Required, Variable

PATH = "azure-pipelines.yml"
TEXT = """\
variables:
- name: PIP_INDEX_URL
  value: http://a
- group: g
steps:
- script: pip install $(PKG) -i $(PIP_INDEX_URL)
  env: {PIP_TRUSTED_HOST: h}
- powershell: pip install b
- task: PipAuthenticate@1
  inputs:
    artifactFeeds: x
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(azure, TEXT, PATH)) == ["pip install $(PKG) -i http://a", "pip install b"]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(azure, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", "PIP_INDEX_URL\n  value: http://a"),
        ("pip", "trusted-host", "h", "PIP_TRUSTED_HOST: h"),
        ("pip", "index-url", "http://a", "-i $(PIP_INDEX_URL)"),
        ("action", "uses", "PipAuthenticate@1", "PipAuthenticate@1"),
        ("action", "artifactFeeds", "x", "artifactFeeds: x"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(azure, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://a", "variables", "workflow"),
        ("PIP_TRUSTED_HOST", "h", "env", "step"),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(azure, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [("b", "")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(azure, changed(TEXT, data), PATH)


def test_variables_that_a_script_prints() -> None:
    """The agent sets them for the steps that follow."""
    text = """\
steps:
- script: echo "##vso[task.setvariable variable=PIP_INDEX_URL]http://a/simple"
- powershell: Write-Host "##vso[task.setvariable variable=pip.trusted.host;isOutput=true]h"
- bash: echo "##vso[task.complete result=Failed]x"
"""
    variables = of(collected(azure, text, PATH), Variable)
    assert [(each.name, each.value, each.how) for each in variables] == [
        ("PIP_INDEX_URL", "http://a/simple", "setvariable"),
        ("PIP_TRUSTED_HOST", "h", "setvariable"),
    ]
