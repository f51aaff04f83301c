"""TOML files: what they say and in which line, and that broken ones say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.clients.toml_files import LARGEST, parse, read
from pipway.findings import Place

DOCUMENT = b'''a = 1
"b.c".d = """
x
[no]
""" # one
[t.u]
k = [ # [
 "]", {x=1}
]
[[i]]
url = """a"""
[i.sub]
z = 1
[[i]]
url = 'b'
[[i.j]]
q = 1
'''


def test_every_key_has_its_line() -> None:
    file = parse(Path("uv.toml"), DOCUMENT)
    wanted = {
        ("a",): 1,
        ("b.c", "d"): 2,
        ("t", "u"): 6,
        ("t", "u", "k"): 7,
        ("i", 0, "url"): 11,
        ("i", 0, "sub", "z"): 13,
        ("i", 1): 14,
        ("i", 1, "url"): 15,
        ("i", 1, "j", 0, "q"): 17,
    }
    assert {keys: file.lines[keys] for keys in wanted} == wanted
    assert file.place("t", "u", "k", "deeper") == Place("uv.toml", 7)  # the nearest that is known
    assert file.place("nowhere") == Place("uv.toml")


def test_values_and_tables() -> None:
    file = parse(Path("x"), DOCUMENT)
    assert file.get("i", 1, "url") == "b"
    assert file.get("i", 9, "url") is file.get("a", "b") is file.get("zz") is None
    assert [number for number, _ in file.tables("i")] == [0, 1]
    assert file.tables("a") == [] and file.table("a") == {} and file.table("t", "u").keys() == {"k"}


@pytest.mark.parametrize(
    ("raw", "reason", "line"),
    [
        (b"a = 1\nb = [\n", "Invalid value", 3),
        (b"a = 1\na = 2\n", "Cannot overwrite", 2),
        (b"a = 1\nb = '\xff'\n", "UTF-8", 2),
        (b"a = " + b"[" * 100_000, "nested", None),
        (b"#" * (LARGEST + 1), "larger", None),
    ],
)
def test_a_broken_file_says_why_and_nothing_else(raw: bytes, reason: str, line: int | None) -> None:
    file = parse(Path("x"), raw)
    assert file.broken is not None
    assert (reason in file.broken.reason, file.broken.line) == (True, line)
    assert file.data == {}


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert read(tmp_path / "none.toml").raw is None
    assert read(tmp_path / "none.toml" / "below").raw is None
    assert read(tmp_path).broken is not None


def test_a_byte_order_mark_is_read_over() -> None:
    assert parse(Path("x"), "\ufeffa = 1\n".encode()).data == {"a": 1}
