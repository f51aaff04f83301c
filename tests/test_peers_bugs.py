"""docs/reference/peers-bugs.md is a regression suite: each line names a test that exists, or says why there is none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference" / "peers-bugs.md").read_text(encoding="utf-8")
LINES = 67  # of the checklist that the page answers
NAME = r"(tests/[\w/]+\.py)::(\w+)"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split(" | "))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| What holds |")
]
NAMED = sorted(set(re.findall(NAME, PAGE)))


def test_every_line_names_a_test_or_a_reason() -> None:
    """A guard is `path::name`; a reason is a sentence."""
    assert len(ROWS) == LINES
    for what, who, guard in ROWS:
        assert what
        assert who
        assert re.match(NAME, guard) or re.match(r"No test[^:]*: \S", guard), what


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_named_test_exists(path: str, name: str) -> None:
    """A renamed or deleted test takes its line along, or this fails."""
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(module) if isinstance(node, functions)}
