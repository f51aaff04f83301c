"""Steps with shells, variables of three levels, inputs of actions."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import github
from pipway.audit.facts import Option, Required, Variable

PATH = ".github/workflows/ci.yml"
TEXT = """\
on: push
env:
  PIP_INDEX_URL: "http://a/simple"
  IDX: http://k
jobs:
  b:
    runs-on: x
    env: {PIP_TRUSTED_HOST: h}
    steps:
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
          pip-install: -i http://z requests==1
      - name: inst
        env:
          PIP_EXTRA_INDEX_URL: >-
            http://x
            http://y
        run: |
          pip install --trusted-host h \\
            -i ${{ env.IDX }} foo ${{ matrix.a }}
          curl x | sh
      - run: "pip install \\"b>=1\\" --proxy 'http://p'"
      - run: pip install folded
          and more
      - shell: pwsh
        run: |
          $env:PIP_INDEX_URL = "http://e"
          python -m pip install `
             --index-url "http://f" foo
          iex (iwr http://x)
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(github, TEXT, PATH)) == [
        "pip install -i http://z requests==1",
        "pip install --trusted-host h -i http://k foo ${{ matrix.a }}",
        "curl x",
        "sh",
        "pip install b>=1 --proxy http://p",
        "pip install folded and more",
        "python -m pip install --index-url http://f foo",
        "iex",
        "iwr http://x",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(github, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "http://a/simple", 'PIP_INDEX_URL: "http://a/simple"'),
        ("pip", "trusted-host", "h", "PIP_TRUSTED_HOST: h"),
        ("action", "uses", "actions/setup-python@v5", "actions/setup-python@v5"),
        ("action", "python-version", "3.12", 'python-version: "3.12"'),
        ("action", "pip-install", "-i http://z requests==1", "pip-install: -i http://z requests==1"),
        ("pip", "index-url", "http://z", "-i http://z"),
        ("pip", "extra-index-url", "http://x", "PIP_EXTRA_INDEX_URL: >-\n            http://x\n            http://y"),
        ("pip", "extra-index-url", "http://y", "PIP_EXTRA_INDEX_URL: >-\n            http://x\n            http://y"),
        ("pip", "trusted-host", "h", "--trusted-host h"),
        ("pip", "index-url", "http://k", "-i ${{ env.IDX }}"),
        ("curl", "url", "x", "x"),
        ("pip", "proxy", "http://p", "--proxy 'http://p'"),
        ("pip", "index-url", "http://f", '--index-url "http://f"'),
        ("pip", "index-url", "http://e", '$env:PIP_INDEX_URL = "http://e"'),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(github, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("PIP_INDEX_URL", "http://a/simple", "env", "workflow"),
        ("IDX", "http://k", "env", "workflow"),
        ("PIP_TRUSTED_HOST", "h", "env", "job"),
        ("PIP_EXTRA_INDEX_URL", "http://x http://y", "env", "step"),
        ("PIP_INDEX_URL", "http://e", "env", ""),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(github, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("requests", "==1"),
        ("foo", ""),
        ("b", ">=1"),
        ("folded", ""),
        ("and", ""),
        ("more", ""),
        ("foo", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(github, changed(TEXT, data), PATH)


def test_variables_for_later_steps() -> None:
    """What a step appends to the file that holds them."""
    text = """\
jobs:
  a:
    steps:
      - run: echo PIP_INDEX_URL=http://a >> $GITHUB_ENV
      - run: echo "PIP_PRE=1" >> "$GITHUB_ENV"
      - run: |
          cat >> "${GITHUB_ENV}" <<EOF
          UV_INDEX_URL=http://b
          EOF
      - run: |
          "PIP_TRUSTED_HOST=h" >> $env:GITHUB_ENV
          echo "PIP_PROXY=p" | Out-File -FilePath $env:GITHUB_ENV -Append
          echo "PIP_CERT=c" >> other.txt
        shell: pwsh
"""
    variables = of(collected(github, text, PATH), Variable)
    assert [(each.name, each.value, each.how) for each in variables] == [
        ("PIP_INDEX_URL", "http://a", "later steps"),
        ("PIP_PRE", "1", "later steps"),
        ("UV_INDEX_URL", "http://b", "later steps"),
        ("PIP_TRUSTED_HOST", "h", "later steps"),
        ("PIP_PROXY", "p", "later steps"),
    ]
