"""Comments that suppress, in any syntax, on any line that belongs to a finding."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipway.audit.base import Found
from pipway.audit.facts import Project, Source, Span
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.suppress import suppressions
from pipway.audit.walk import Tree

TODAY = date(2026, 11, 21)


def said(text: str, path: str = "f") -> list[tuple[int, tuple[str, ...], str, str]]:
    found = suppressions(Project((Source(path, text, ""),), ()))
    return [(each.line, each.rules, each.reason, each.mistake) for each in found]


@pytest.mark.parametrize(
    "comment",
    [
        "# pipway: ignore[PW201] why",
        "#pipway:ignore[pw201] why",
        "; pipway: ignore[PW201] why",
        "// pipway: ignore[PW201] why",
        "/* pipway: ignore[PW201] why */",
        "<!-- pipway: ignore[PW201] why -->",
        "-- pipway: ignore[PW201] why",
        "REM pipway: ignore[PW201] why",
        "<# pipway: ignore[PW201] why #>",
        '"# pipway: ignore[PW201] why\\n",',
        "## pipway: ignore[PW201]: why",
    ],
)
def test_every_comment_syntax(comment: str) -> None:
    assert said(f"a\n{comment}\nb\n") == [(3, ("PW201",), "why", "")]
    assert said(f"a\nb {comment}\nc\n")[0][0] == 2


def test_several_rules_a_date_and_several_lines() -> None:
    text = "# pipway: ignore[PW101, PW102] until=2027-01-02 a reason\n# pipway: ignore[PW201]\nx\n"
    assert said(text) == [(3, ("PW101", "PW102"), "a reason", ""), (3, ("PW201",), "", "")]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("# pipway: ignore", "it names no rule"),
        ("# pipway: ignore[] x", "it names no rule"),
        ("# pipway: ignore[all]", "ALL is no rule's id"),
        ("# pipway: ignore[PW101] until=tomorrow", "until= wants a date like 2027-03-01"),
        ("# pipway: ignore[PW101] until=", "until= wants a date like 2027-03-01"),
    ],
)
def test_mistakes(text: str, mistake: str) -> None:
    assert said(text)[0][3] == mistake


def test_prose_is_none() -> None:
    assert said("see pipway: ignore[PW201]\nx = 'pipway: ignore'\n# pipway: please ignore\n") == []


def test_it_holds_for_a_statement_of_several_lines_until_its_day_is_over() -> None:
    source = Source("f", "# pipway: ignore[PW101] until=2026-11-21\na \\\n  b\nc\n", "")
    [comment] = suppressions(Project((source,), ()))
    statement, after = Found(Span(source, 41, 48), "w"), Found(Span(source, 49, 50), "w")
    assert comment.covers(statement, "PW101", TODAY)
    assert not comment.covers(statement, "PW102", TODAY)
    assert not comment.covers(statement, "PW101", date(2026, 11, 22))
    assert not comment.covers(after, "PW101", TODAY)


def test_above_a_continued_statement_it_holds_for_all_of_it() -> None:
    """As hadolint's do; within one it holds for the next line. A backtick that ends a word continues nothing."""

    def held(text: str) -> list[range]:
        return [each.lines for each in suppressions(Project((Source("f", text, ""),), ()))]

    assert held("# pipway: ignore[PW101]\na \\\n b \\\n c\nd\n") == [range(2, 5)]
    assert held("a \\\n# pipway: ignore[PW101]\n b \\\n c\n") == [range(3, 4)]
    assert held("# pipway: ignore[PW101]\na `\n b\nc\n") == [range(2, 4)]
    assert held("# pipway: ignore[PW101]\necho `a`\nb\n") == [range(2, 3)]
    assert held("a # pipway: ignore[PW101] \\\nb\n") == [range(1, 2)]
    assert held("# pipway: ignore[PW101]\na \\") == [range(2, 3)]


@pytest.mark.slow
def test_many_comments_take_no_time() -> None:
    assert len(said("# pipway: ignore[PW101]\n" * 20_000)) == 20_000


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["#", "/", ";", "-", "# ", "/*", "<!--", "%", "rem ", " "])
def test_many_signs_take_no_time(sign: str) -> None:
    text = "pipway: " + sign * (1_000_000 // len(sign))
    assert said(text) == []


def test_where_only_some_files_are_looked_at_no_comment_is_called_unused(tmp_path: Path) -> None:
    """What it is about may take another file: an image that trusts the host of this index."""
    (tmp_path / "requirements.txt").write_text("flask  # pipway: ignore[PW101] the proxy of the build\n")
    found = {
        paths: {result.rule.id for result in check(collect(Tree(tmp_path), paths), rules()).results}
        for paths in (("",), ("requirements.txt",))
    }
    assert "PW002" in found["",]
    assert "PW002" not in found["requirements.txt",]
