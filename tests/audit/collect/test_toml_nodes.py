"""TOML with places."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.audit.collect.toml_nodes import Broken, Node, read, read_or_note
from pipway.audit.facts import Source

DOCUMENT = r"""
# a comment
title = "a \"quoted\" one"   # behind
"a.b" = 'literal'
dates = [2025-01-01, 2025-01-01 10:00:00, 1_000.5]
[tool.uv]
index-url = "https://nexus.corp/simple"
list = [
  "one",  # first
  "two",
]
inline = { name = "x", deep = [{ y = true }] }
dotted.key.here = 1
[[tool.uv.index]]
name = "a"
[[tool.uv.index]]
name = "b"
[tool.uv.index.more]
z = '''
lines'''
[other]
"""


def plain(node: Node) -> Any:
    if node.kind == "table":
        return {key: plain(value) for key, value in node.table.items()}
    return [plain(each) for each in node.items] if node.kind == "array" else node.text


def texts(value: Any, raw: Any) -> None:
    """Strings are tomllib's; other values are as they are written."""
    if isinstance(value, dict):
        assert list(value) == list(raw)
        for key, inner in value.items():
            texts(inner, raw[key])
    elif isinstance(value, list):
        assert len(value) == len(raw)
        for one, other in zip(value, raw, strict=True):
            texts(one, other)
    elif isinstance(value, str):
        assert value == raw


def document(text: str) -> Node:
    return read(Source("x.toml", text, "x"))


def test_it_reads_what_tomllib_reads() -> None:
    texts(tomllib.loads(DOCUMENT), plain(document(DOCUMENT)))
    windows = DOCUMENT.replace("\n", "\r\n")
    assert document(windows).said("tool", "uv", "index-url") == "https://nexus.corp/simple"


def test_places() -> None:
    root = document(DOCUMENT)
    url = root.get("tool", "uv", "index-url")
    assert url is not None
    assert url.statement.text == 'index-url = "https://nexus.corp/simple"'
    assert url.exact is not None and url.exact.text == "https://nexus.corp/simple"
    title = root.get("title")
    assert title is not None and title.exact is None
    assert title.span.text == r'"a \"quoted\" one"'
    second = root.get("tool", "uv", "index", 1)
    assert second is not None
    assert second.statement.text == '[[tool.uv.index]]\nname = "b"'
    items = [each.statement.text for each in root.each("tool", "uv", "list")]
    assert items == ['"one",  # first\n  ', ',  # first\n  "two"']


def test_what_is_removed_of_a_list_leaves_toml() -> None:
    text = 'a = ["x", "y", "z"]\n'
    for number in range(3):
        item = document(text).get("a", number)
        assert item is not None
        left = text[: item.first] + text[item.last :]
        assert len(tomllib.loads(left)["a"]) == 2


@pytest.mark.parametrize(
    "text", ["a = [", "a = 1\na = 2", "[a]\n[a]", "a =" + "[" * 5000, "a = " + "[" * 100 + "]" * 100]
)
def test_broken_documents_are_a_note(text: str) -> None:
    root, [note] = read_or_note(Source("x.toml", text, "x"))
    assert note.what == "unreadable"
    assert not root.table


def test_a_mark_at_the_beginning_moves_nothing() -> None:
    found = document('\ufeffa = "b"\n').get("a")
    assert found is not None and found.exact is not None and found.exact.text == "b"


KEYS = st.sampled_from(["a", "b", '"c d"', "e-f"])
VALUES = st.recursive(
    st.sampled_from(['"x"', "'y'", "1", "true", "1979-05-27T07:32:00Z", '"""m\n"""', '"\\u00e4"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: "[" + ", ".join(found) + "]")
        | st.dictionaries(KEYS, inner, max_size=2).map(
            lambda found: "{" + ", ".join(f"{key} = {value}" for key, value in found.items()) + "}"
        )
    ),
)
LINES = st.one_of(
    st.builds("{} = {}".format, KEYS, VALUES),
    st.builds("[{}]".format, KEYS),
    st.builds("[[{}.{}]]".format, KEYS, KEYS),
    st.builds("{}.{} = 1 # c".format, KEYS, KEYS),
)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_whatever_is_toml_has_places(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(Broken):
            document(text)
        return
    texts(expected, plain(document(text)))


@given(st.text(alphabet=st.sampled_from(list("a[]{}=.,\"'\\\n#1 \r\ufeff"))))
def test_any_text_is_a_document_or_a_note(text: str) -> None:
    read_or_note(Source("x.toml", text, "x"))
