"""TOML edits: the key that is named changes, and everything else stays, byte for byte."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pipway.clients.toml_edits import TomlEdit
from pipway.clients.toml_files import parse, statements
from pipway.errors import UsageError


def edited(raw: str, *steps: Callable[[TomlEdit], None]) -> str:
    edit = TomlEdit(parse(Path("x.toml"), raw.encode()))
    for step in steps:
        step(edit)
    return edit.result().decode()


def put(*keys: str | int, value: object = "new") -> Callable[[TomlEdit], None]:
    return lambda edit: edit.set(keys, value)


def gone(*keys: str | int) -> Callable[[TomlEdit], None]:
    return lambda edit: edit.remove(keys)


def more(*keys: str) -> Callable[[TomlEdit], None]:
    return lambda edit: edit.append(keys, {"url": "u", "default": True})


INDEX = '[[index]]\nurl = "u"\ndefault = true\n'
TABLES = "# top\na=1 # c\n\n[pip]\nx=1 # one\n\n# of t\n[t]\ny=2\n"


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ("", put("a"), 'a = "new"\n'),
        ("", more("index"), INDEX),
        ("a=1", more("index"), f"a=1\n\n{INDEX}"),
        ("a=1 # why", put("a"), 'a="new" # why'),
        ("a=1\r\n", put("b"), 'a=1\r\nb = "new"\r\n'),
        ("a = '''\n[x]\n'''  # c\nb = 1\n", put("a"), 'a = "new"  # c\nb = 1\n'),
        (TABLES, put("b"), TABLES.replace("# c\n", '# c\nb = "new"\n')),
        (TABLES, put("pip", "z"), TABLES.replace("# one\n", '# one\nz = "new"\n')),
        (TABLES, gone("pip", "x"), TABLES.replace("x=1 # one\n", "")),
        (TABLES, gone("pip"), TABLES.replace("[pip]\nx=1 # one\n", "")),
        (TABLES, put("certificates", "my.repo", "cert"), TABLES + '\n[certificates."my.repo"]\ncert = "new"\n'),
        ("# about\n[t]\ny=1\n", put("a"), 'a = "new"\n\n# about\n[t]\ny=1\n'),
        ("[a.b]\nx=1\n", put("a", "y"), '[a.b]\nx=1\n\n[a]\ny = "new"\n'),
        ("[tool]\nuv.x=1\n[b]\n", put("tool", "uv", "y"), '[tool]\nuv.x=1\nuv.y = "new"\n[b]\n'),
        ("uv={x=1, y=2} # c\n", put("uv", "y"), 'uv={x=1, y="new"} # c\n'),
        ("index=[{url='a'}]\nb=1\n", put("index", 0, "url"), 'index=[{url="new"}]\nb=1\n'),
        ("index=[{url='a'}]\n", more("index"), "index=[{url='a'}, {url = \"u\", default = true}]\n"),
        ("[[index]]\nurl='a' # k\n# t\n[t]\n", put("index", 0, "url"), '[[index]]\nurl="new" # k\n# t\n[t]\n'),
        ("[[index]]\nurl='a'\n\n# of t\n[t]\n", more("index"), f"[[index]]\nurl='a'\n\n{INDEX}\n# of t\n[t]\n"),
        ("[[index]]\nurl='a'\n# own\n\n[t]\n", more("index"), f"[[index]]\nurl='a'\n# own\n\n{INDEX}\n[t]\n"),
        ("[[index]]\nurl='a'\n\n# 2\n[[index]]\nurl='b'\n", gone("index", 0), "\n# 2\n[[index]]\nurl='b'\n"),
        ("[[index]]\nurl='a'\n# last\n", gone("index", 0), "# last\n"),
        ("[[a.i]]\nx=1\n[[a.i]]\nx=2\n", put("a", "i", 1, "x"), '[[a.i]]\nx=1\n[[a.i]]\nx="new"\n'),
    ],
)
def test_one_key_changes(before: str, step: Callable[[TomlEdit], None], after: str) -> None:
    assert edited(before, step) == after


def test_what_is_so_already_is_left_as_it_is_written() -> None:
    text = "a = 'new'\nindex = [ 'x' ]\n"
    assert edited(text, put("a"), put("index", value=["x"]), gone("nothing", "there")) == text


def test_a_byte_order_mark_stays() -> None:
    assert edited("\ufeff[t]\n", put("a")) == '\ufeffa = "new"\n\n[t]\n'


@pytest.mark.parametrize("raw", ["a = [", "a=1\na=2"])
def test_a_broken_file_is_not_touched(raw: str) -> None:
    with pytest.raises(UsageError, match="cannot be changed"):
        edited(raw, put("b"))


def test_a_value_is_not_made_a_table() -> None:
    with pytest.raises(UsageError, match=r"tool\.uv is no table"):
        edited("[tool]\nuv = 1\n", put("tool", "uv", "x"))


names = st.sampled_from(["a", "b", "index-url", "tool", "my.repo", "é"])
scalars = st.one_of(st.integers(-9, 9), st.booleans(), st.text("ab\"'\\#[]{}=,\n é", max_size=8))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
comments = st.sampled_from(["", "# x = 1\n", "\n", "  # [t]\n\n", "#\t'''\n"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A document with comments between its lines, and what it says."""
    data = draw(st.dictionaries(names, values, max_size=4))
    text = "".join(draw(comments) + line for line in tomlkit.dumps(data).splitlines(keepends=True))
    try:
        return text + draw(comments), tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # a comment fell into a string of several lines
        text = tomlkit.dumps(data)
        return text, tomllib.loads(text)


def same(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


@pytest.mark.slow
@given(documents(), st.lists(names, min_size=1, max_size=3), scalars)
def test_everything_else_is_byte_identical(
    document: tuple[str, dict[str, Any]], keys: list[str], value: object
) -> None:
    """A new key is put in and nothing is taken out; an old one changes within its own value."""
    text, data = document
    try:
        after = edited(text, put(*keys, value=value))
    except UsageError as error:
        assert "table" in error.why  # a value stands where a table would have to be, or the other way round
        return
    wanted: Any = copy.deepcopy(data)
    inner = wanted
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = value
    assert tomllib.loads(after) == wanted
    start = same(text, after)
    end = len(text) - same(text[start:][::-1], after[start:][::-1])
    assert start == end or any(one.value[0] <= start and end <= one.value[1] for one in statements(text))


@pytest.mark.slow
@given(documents(), st.sampled_from(["a", "tool"]))
def test_taking_a_key_away_takes_only_its_lines(document: tuple[str, dict[str, Any]], key: str) -> None:
    text, data = document
    after = edited(text, gone(key))
    assert tomllib.loads(after) == {name: value for name, value in data.items() if name != key}
    mine = {line for one in statements(text) if one.keys[0] == key for line in range(one.start, one.end)}
    assert after == "".join(sign for position, sign in enumerate(text) if position not in mine)
