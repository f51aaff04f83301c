"""Magics, shell lines, cells of shell."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import notebook
from pipway.audit.facts import Option, Required, Variable

PATH = "a.ipynb"
TEXT = r"""{"cells":[{"cell_type":"code","source":["import x\n",
"!pip install -i \"http://a\" foo\n",
"%pip install bar==1\n",
"%env PIP_INDEX_URL=http://e\n",
"os.environ['PIP_TRUSTED_HOST'] = 'h'"]},
{"cell_type":"markdown",
"source":["!pip install no"]},{"cell_type":"code","source":"%%bash\npip install z\n"}]}
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(notebook, TEXT, PATH)) == [
        "pip install -i http://a foo",
        "pip install bar==1",
        "pip install z",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(notebook, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a", '-i \\"http://a\\"'),
        ("pip", "index-url", "http://e", "%env PIP_INDEX_URL=http://e"),
        ("pip", "trusted-host", "h", "os.environ['PIP_TRUSTED_HOST'] = 'h'"),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(notebook, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://e", "process", ""),
        ("PIP_TRUSTED_HOST", "h", "process", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(notebook, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("foo", ""),
        ("bar", "==1"),
        ("z", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(notebook, changed(TEXT, data), PATH)
