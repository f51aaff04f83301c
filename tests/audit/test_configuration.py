"""What a repository says of its audit, and baselines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.audit import baseline, configuration
from pipway.audit.base import Found, Persona
from pipway.audit.facts import Organisation, Source, Span
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree
from pipway.errors import UsageError
from pipway.findings import Severity

TABLE = """
ignore = ["pw603"]
exclude = ["examples/"]
fail-on = "high"
persona = "pedantic"
hosts = ["Nexus.Corp"]
owned = ["Our_Tool"]
[per-file-ignores]
"tests/**" = ["PW101"]
"""


def test_the_own_file_wins_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pipway.audit]\nignore = ['PW201']\n")
    assert configuration.found(tmp_path).ignore == {"PW201"}
    (tmp_path / "pipway-audit.toml").write_text(TABLE)
    found = configuration.found(tmp_path)
    assert found.ignore == {"PW603"}
    assert (found.fail_on, found.persona, found.exclude) == (Severity.HIGH, Persona.PEDANTIC, ("examples/",))
    assert found.organisation == Organisation(hosts=frozenset({"nexus.corp"}), owned=frozenset({"our-tool"}))
    assert found.ignores("PW101", "tests/a/pip.conf")
    assert not found.ignores("PW101", "pip.conf")
    assert found.ignores("PW603", "Dockerfile")


def test_comments_of_a_stranger_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-i http://nexus.corp/simple  # pipway: ignore[PW101] mine\n")
    project, rule = collect(Tree(tmp_path)), {"PW101": rules()["PW101"]}
    assert check(project, rule).results == ()
    strict = configuration.understood({"comments": False}, "mine.toml")
    assert [each.rule.id for each in check(project, rule, configuration=strict).results] == ["PW101"]


def test_nothing_said_and_a_broken_project_mean_nothing(tmp_path: Path) -> None:
    assert configuration.found(tmp_path) == configuration.Configuration()
    for text in ("[tool.pipway]\n", "tool = 3\n", "x = [\n"):
        (tmp_path / "pyproject.toml").write_text(text)
        assert configuration.found(tmp_path) == configuration.Configuration()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ignroe = []", "ignroe"),
        ("ignore = 'PW101'", "ignore"),
        ("ignore = ['all']", "ALL"),
        ("fail-on = 'bad'", "fail-on"),
        ("persona = 'me'", "persona"),
        ("per-file-ignores = []", "per-file-ignores"),
        ("hosts = [1]", "hosts"),
        ("x = [", "cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "pipway-audit.toml").write_text(text)
    with pytest.raises(UsageError, match=word):
        configuration.found(tmp_path)


def test_a_fingerprint_knows_no_lines_and_no_secret() -> None:
    def mark(text: str, part: str) -> str:
        start = text.index(part)
        return baseline.fingerprint("PW101", Found(Span(Source("f", text, ""), start, start + len(part)), "w"))

    one = mark("http://u:secret@h/", "http://u:secret@h/")
    assert one == mark("\n\nx http://u:other@h/ y", "http://u:other@h/")
    assert mark("a   b", "a   b") == mark("a\n b", "a\n b")
    assert one != mark("http://u:secret@g/", "http://u:secret@g/")


def test_a_finding_of_a_whole_file_does_not_depend_on_its_first_line() -> None:
    def mark(text: str, what: str) -> str:
        return baseline.fingerprint("PW414", Found(Span(Source("f", text, ""), 0, 0), what))

    assert mark("a\n", "no cooldown") == mark("# new\na\n", "no cooldown") != mark("a\n", "something else")


def test_equal_findings_of_a_file_are_counted() -> None:
    source = Source("f", "x x", "")
    found = [("PW101", Found(Span(source, 0, 1), "w")), ("PW101", Found(Span(source, 2, 3), "w"))]
    assert len(set(baseline.fingerprints(found))) == 2


def test_a_baseline_is_read_as_written(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    file.write_text(baseline.written([("bb", "PW2", "z"), ("aa", "PW1", "a")]))
    assert baseline.read(file) == {"aa", "bb"}
    assert file.read_text().index("aa") < file.read_text().index("bb")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "findings": [3]}', "[" * 100_000])
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b").write_text(text)
    with pytest.raises(UsageError, match="no baseline"):
        baseline.read(tmp_path / "b")
    with pytest.raises(UsageError, match="no baseline"):
        baseline.read(tmp_path / "gone")
