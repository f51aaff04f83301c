"""Diffs: of what will be written, byte for byte, or without secrets and saying so."""

from __future__ import annotations

import pytest
from tests.audit.patching import applied

from pipway.audit.facts import Source
from pipway.audit.fix.apply import Mended
from pipway.audit.fix.diff import NO_PATCH, unified


def shown(before: str, after: str) -> str:
    return unified([Mended(Source("a.txt", before, ""), after)], lambda text: text.replace("hush", "[hidden]"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\n", "a\nc\n"),
        ("a\r\nb\r\nc", "a\r\nc"),
        ("\ufeffa\nb", "\ufeffa\nc\n"),
        ("\ufeffa\n", "a\n"),
        ("a\x0bb\nc\n", "a\x0bb\n"),
        ("a", ""),
        ("x\n" * 20 + "a\n" + "x\n" * 20, "y\n" + "x\n" * 20 + "b\n" + "x\n" * 20),
    ],
)
def test_a_diff_applies(before: str, after: str) -> None:
    """But where a sign would do something to a terminal."""
    said = shown(before, after)
    if "\x0b" in before:
        assert said.startswith(NO_PATCH)
        assert "\x0b" not in said
    else:
        assert NO_PATCH not in said
        assert applied(said, "a.txt", before) == after


@pytest.mark.parametrize("line", ["hush", "password = x1y2", "machine m\n  password\n  x1y2", "http://a:x1y2@b"])
def test_what_is_hidden_makes_it_no_patch(line: str) -> None:
    said = shown(f"a\n{line}\n", f"b\n{line}\n")
    assert said.startswith(NO_PATCH)
    assert "-a\n+b\n" in said
    assert "hush" not in said
    assert "x1y2" not in said


def test_what_only_hidden_pieces_tell_and_lines_without_end() -> None:
    assert "only what is hidden" in shown("hush", "[hidden]")
    said = shown("x" * 5000 + "\n", "y\n")
    assert said.startswith(NO_PATCH)
    assert "[a line of 5000 characters]" in said


def test_permissions_are_told() -> None:
    source = Source("a.txt", "a\n", "", mode=0o644)
    assert unified([Mended(source, "a\n", closed=True)], str) == "# a.txt: mode 0644 becomes 0600\n"
    assert unified([Mended(source, "b\n", closed=True)], str).startswith("# a.txt: mode 0644 becomes 0600\n--- a.txt\n")
