"""YAML as nodes: what it is read from stands where they say, and no file takes long or ends the program."""

from __future__ import annotations

import pytest

from pipway.audit.collect import yaml_nodes
from pipway.audit.facts import Source


def read(text: str) -> Source:
    return Source("a.yml", text, "yaml")


@pytest.mark.parametrize(
    "text", ["key: value\n", "\ufeffkey: value\n", "# ä 🐍\r\nkey: value\r\n", "x: &a 1\nkey: value"]
)
def test_a_node_is_where_it_says(text: str) -> None:
    source = read(text)
    (root,), notes = yaml_nodes.documents(source)
    found = yaml_nodes.child(root, "key")
    assert notes == []
    assert yaml_nodes.scalar(source, found).span().text == "value"


def test_scalars_stay_text() -> None:
    (root,), _ = yaml_nodes.documents(read("on: no\nversion: 1.10\nwhen: 2026-01-01\n"))
    assert [(name, yaml_nodes.plain(value)) for name, _, value in yaml_nodes.pairs(root)] == [
        ("on", "no"),
        ("version", "1.10"),
        ("when", "2026-01-01"),
    ]


def test_an_anchor_may_stand_for_another_node_further_down() -> None:
    source = read("a: &x {run: one}\nb: *x\nc: &x {run: two}\n")
    (root,), notes = yaml_nodes.documents(source)
    assert notes == []
    assert [yaml_nodes.plain(yaml_nodes.child(root, name, "run")) for name in "abc"] == ["one", "one", "two"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "[" * 500 + "]" * 500,
        "{a: " * 200_000,
        "- " * 400_000 + "x",
        "? - " * 200_000 + "x",
        "\n".join(" " * depth + "a:" for depth in range(1000)),
        "k: v\n" * 100_000,
        "".join(f"k{n}: &x\n" for n in range(1000)),
        "a: \udcff",
        "a: \x01",
        "a: b: c",
    ],
    ids=["list", "closed", "table", "items", "keys", "indented", "many", "anchors", "bytes", "control", "wrong"],
)
def test_what_is_too_much_or_no_yaml_is_a_note(text: str) -> None:
    roots, (note,) = yaml_nodes.documents(read(text))
    assert roots == []
    assert note.what == "unreadable"
