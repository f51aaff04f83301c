"""PowerShell's words, pipes and variables."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, options

from pipway.audit.collect import powershell
from pipway.audit.facts import Command, Option

TEXT = """\
# a comment
$env:PIP_INDEX_URL = "http://a"
[Environment]::SetEnvironmentVariable("PIP_TRUSTED_HOST", 'h', "User")
& "C:\\Python\\Scripts\\pip.exe" install `
    --index-url 'http://b' foo
if ($x) { python -m pip install --proxy http://c bar } else { uv add baz }
iex (iwr https://x)
irm https://x | iex
$y = pip list
"""


def test_commands() -> None:
    """Whatever they stand in; who reads what is downloaded."""
    commands = of(collected(powershell, TEXT, "a.ps1"), Command)
    assert [(each.tool, each.verb) for each in commands if each.tool in ("pip", "uv")] == [
        ("pip", "install"),
        ("pip", "install"),
        ("uv", "add"),
        ("pip", "list"),
    ]
    assert [each.piped_from.tool for each in commands if each.tool == "iex" and each.piped_from] == ["iwr", "irm"]


def test_options() -> None:
    facts = collected(powershell, TEXT, "a.ps1")
    assert set(options(facts)) == {
        ("pip", "index-url", "http://a"),
        ("pip", "trusted-host", "h"),
        ("pip", "index-url", "http://b"),
        ("pip", "proxy", "http://c"),
    }
    assert all(option.value_span for option in of(facts, Option))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """It never stops, and every place stays right."""
    collected(powershell, changed(TEXT, data), "a.ps1")
