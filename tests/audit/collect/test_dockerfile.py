"""Stages, here-documents, variables of other stages, the JSON form."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import dockerfile
from pipway.audit.facts import Option, Required, Variable

PATH = "Dockerfile"
TEXT = """\
# syntax=docker/dockerfile:1
ARG INDEX=https://a/simple
FROM python:3.12 AS base
ARG INDEX
ENV PIP_INDEX_URL="https://u:p@h/s" A=b \\
    # comment
    C='d e'
ENV PIP_TRUSTED_HOST h
RUN --mount=type=secret,id=pip pip install \\
    # why
    -i $INDEX --trusted-host=x \\

    foo
RUN <<EOF
pip install a
curl x | sh
EOF
RUN bash <<-'E2' && echo
	pip install b
	E2
RUN ["pip", "install", "--index-url", "http://q", "z"]
FROM scratch as other
COPY pip.conf /etc/pip.conf
FROM base
COPY --from=other ["a b", "/c"]
ADD <<X /etc/x
pip install no
X
CMD ["sh", "-c", "pip install y"]
ONBUILD RUN pip install w
"""


def test_commands() -> None:
    """In their order, unquoted, with what is known filled in."""
    assert said(collected(dockerfile, TEXT, PATH)) == [
        "pip install -i https://a/simple --trusted-host=x foo",
        "pip install a",
        "curl x",
        "sh",
        "bash",
        "echo",
        "pip install b",
        "pip install --index-url http://q z",
        "sh -c pip install y",
        "pip install y",
        "pip install w",
    ]


def test_options() -> None:
    """What they say, and the piece of the file that says so."""
    options = of(collected(dockerfile, TEXT, PATH), Option)
    assert [(option.tool, option.name, option.value, option.span.text) for option in options] == [
        ("pip", "index-url", "https://u:p@h/s", 'PIP_INDEX_URL="https://u:p@h/s"'),
        ("pip", "trusted-host", "h", "ENV PIP_TRUSTED_HOST h"),
        ("pip", "index-url", "https://a/simple", "-i $INDEX"),
        ("pip", "trusted-host", "x", "--trusted-host=x"),
        ("curl", "url", "x", "x"),
        ("pip", "index-url", "http://q", '--index-url", "http://q'),
    ]


def test_variables() -> None:
    """What is set, how and for whom."""
    variables = of(collected(dockerfile, TEXT, PATH), Variable)
    assert [(each.name, each.value, each.how, each.scope) for each in variables] == [
        ("INDEX", "https://a/simple", "ARG", ""),
        ("INDEX", "", "ARG", "base"),
        ("PIP_INDEX_URL", "https://u:p@h/s", "ENV", "base"),
        ("A", "b", "ENV", "base"),
        ("C", "d e", "ENV", "base"),
        ("PIP_TRUSTED_HOST", "h", "ENV", "base"),
    ]


def test_requirements() -> None:
    """What is installed."""
    requirements = of(collected(dockerfile, TEXT, PATH), Required)
    assert [(required.name, required.specifier) for required in requirements] == [
        ("foo", ""),
        ("a", ""),
        ("b", ""),
        ("z", ""),
        ("y", ""),
        ("w", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_text(data: st.DataObject) -> None:
    """Pieces taken out and put in: it never stops, and every place stays right."""
    collected(dockerfile, changed(TEXT, data), PATH)


def test_values_of_other_variables() -> None:
    """Across stages, with the place of the reference; what is quoted singly, or nobody knows, stays."""
    text = """\
ARG INDEX=https://a/simple
FROM python:3.12 AS base
ARG INDEX
ARG TOKEN
ENV PIP_INDEX_URL=${INDEX} A='$INDEX' B=${C:-d}/$TOKEN
ENV PIP_EXTRA_INDEX_URL $PIP_INDEX_URL/more
FROM base
ENV UV_INDEX_URL="$PIP_INDEX_URL"
"""
    found = [each for each in of(collected(dockerfile, text, PATH), Variable) if each.how == "ENV"]
    assert [(each.name, each.value) for each in found] == [
        ("PIP_INDEX_URL", "https://a/simple"),
        ("A", "$INDEX"),
        ("B", "d/$TOKEN"),
        ("PIP_EXTRA_INDEX_URL", "https://a/simple/more"),
        ("UV_INDEX_URL", "https://a/simple"),
    ]
    assert found[0].span.text == "PIP_INDEX_URL=${INDEX}"
    assert found[0].value_span is None


def test_values_that_double_are_bounded() -> None:
    text = "FROM x\nENV A=0123456789\n" + "ENV A=$A$A\n" * 60
    assert max(len(each.value) for each in of(collected(dockerfile, text, PATH), Variable)) < 10_000
