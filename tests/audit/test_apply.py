"""Repairs: edits from the end, none over another, files written as they were read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipway.audit.base import Edit, Found, Repair
from pipway.audit.facts import Source, Span
from pipway.audit.fix.apply import mended, write
from pipway.audit.fix.edits import removal

SOURCE = Source("f", "one two three\r\nfour\n", "")


def found(*edits: tuple[int, int, str], safe: bool = True, source: Source = SOURCE) -> Found:
    return Found(
        Span(source, 0, 1), "w", repair=Repair("t", tuple(Edit(Span(source, a, b), new) for a, b, new in edits), safe)
    )


def after(*every: Found, unsafe: bool = False) -> str | None:
    changed = mended(every, unsafe=unsafe)
    return changed[0].after if changed else None


def test_edits_are_made_from_the_end() -> None:
    assert after(found((0, 3, "1"), (8, 13, "3")), found((4, 7, "zwei"))) == "1 zwei 3\r\nfour\n"


def test_what_overlaps_is_refused_whole() -> None:
    assert after(found((0, 3, "1")), found((2, 5, "x"), (8, 13, "y"))) == "1 two three\r\nfour\n"
    assert after(found((4, 4, "x")), found((4, 4, "y"))) == "one xtwo three\r\nfour\n"
    assert after(found((0, 3, "1"), (1, 2, "x"))) is None


def test_the_same_edit_is_made_once() -> None:
    assert after(found((0, 3, "1")), found((0, 3, "1"))) == "1 two three\r\nfour\n"


def test_two_options_share_the_space_between_them() -> None:
    assert after(found((0, 4, "")), found((3, 7, ""))) == " three\r\nfour\n"


def test_unsafe_ones_only_when_asked() -> None:
    assert after(found((0, 3, "1"), safe=False)) is None
    assert after(found((0, 3, "1"), safe=False), unsafe=True) == "1 two three\r\nfour\n"
    assert after(found((0, 3, "one"))) is None


def test_safe_ones_win() -> None:
    """Whatever comes first."""
    assert after(found((0, 5, "unsafe"), safe=False), found((0, 3, "1")), unsafe=True) == "1 two three\r\nfour\n"


def test_new_lines_end_as_those_of_the_file() -> None:
    assert after(found((0, 0, "zero\n"))) == "zero\r\none two three\r\nfour\n"
    unix = Source("f", "one\ntwo\r\n", "")
    assert after(found((0, 0, "zero\n"), source=unix)) == "zero\none\ntwo\r\n"


@pytest.mark.parametrize(
    ("text", "part", "rest"),
    [
        ("a\n--pre\nb\n", "--pre", "a\nb\n"),
        ("pip install --pre x\n", "--pre", "pip install x\n"),
        ("pip install x --pre\n", "--pre", "pip install x\n"),
        ('h = ["a", "b"]\n', '"a"', 'h = ["b"]\n'),
        ('h = ["a", "b"]\n', '"b"', 'h = ["a"]\n'),
        ('h = ["a"]\n', '"a"', None),
        ("ENV A=1\nRUN x\n", "A=1", "RUN x\n"),
        ("ENV A=1 B=2\n", "A=1", "ENV B=2\n"),
        ("export A=1\nx", "A=1", "x"),
        ("pip install \\\n  --pre \\\n  x\n", "--pre", "pip install \\\n  x\n"),
        ("x \\\r\n  --pre\r\ny\n", "--pre", "x\r\ny\n"),
        ("x:\n  env:\n    A: 1\n  y: 2\n", "A: 1", "x:\n  y: 2\n"),
        ("x:\n  env:\n    A: 1\n    B: 2\n", "A: 1", "x:\n  env:\n    B: 2\n"),
        ("x:\n  env:\n    A: 1\n    B: 2\n", "B: 2", "x:\n  env:\n    A: 1\n"),
        ("env:\n  A: 1\n", "A: 1", ""),
    ],
)
def test_a_statement_goes_without_a_trace(text: str, part: str, rest: str | None) -> None:
    source = Source("f.yml", text, "")
    start = text.index(part)
    edits = removal(Span(source, start, start + len(part)))
    if rest is None and not edits:
        return
    changed = mended([Found(Span(source, 0, 1), "w", repair=Repair("t", edits))], unsafe=True)[0].after
    assert changed == (rest if rest is not None else changed)
    assert part not in changed


def test_files_keep_their_bytes_mode_and_links(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbfcaf\xe9 = http\r\n"
    (tmp_path / "f").write_bytes(raw)
    (tmp_path / "f").chmod(0o640)
    (tmp_path / "link").symlink_to("f")
    source = Source("link", raw.decode("utf-8", "surrogateescape"), "")
    start = source.text.index("http")
    [done] = write(tmp_path, mended([found((start, start + 4, "https"), source=source)], unsafe=False))
    assert done.why_not == ""
    assert (tmp_path / "f").read_bytes() == raw.replace(b"http", b"https")
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link").is_symlink()


def test_what_changed_meanwhile_or_lies_outside_stays(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "f").write_text("other")
    (tmp_path / "out").write_text(SOURCE.text, newline="")
    os.symlink(tmp_path / "out", root / "g")
    outside = Source("g", SOURCE.text, "")
    done = write(root, mended([found((0, 3, "1")), found((0, 3, "1"), source=outside)], unsafe=False))
    assert [each.why_not.split(" ")[-1] for each in done] != ["", ""]
    assert all(each.why_not for each in done)
    assert (root / "f").read_text() == "other"
    assert (tmp_path / "out").read_bytes() == SOURCE.text.encode()


def test_a_file_is_closed_to_others_and_its_text_stays(tmp_path: Path) -> None:
    """With edits of other findings, or without any."""
    (tmp_path / "f").write_bytes(SOURCE.text.encode())
    (tmp_path / "f").chmod(0o654)
    closing = Found(Span(SOURCE, 0, 1), "w", repair=Repair("t", safe=True, closes=SOURCE))
    [changed] = mended([closing], unsafe=False)
    assert (changed.after, changed.closed) == (SOURCE.text, True)
    [done] = write(tmp_path, [changed])
    assert not done.why_not
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "f").read_bytes() == SOURCE.text.encode()
    [both] = mended([found((0, 3, "1")), closing], unsafe=False)
    assert (both.after, both.closed) == ("1 two three\r\nfour\n", True)
