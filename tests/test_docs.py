"""The documentation cannot rot: generated pages match the code, paths exist, examples load, README is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.generate import ROOT, pages

from pipway.cli import VERBS
from pipway.settings import load
from pipway.settings.check import advise
from pipway.settings.table import options
from pipway.web.app import ROUTES

PAGES = pages()
TEXTS = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
EXAMPLES = sorted(ROOT.glob("examples/*.toml"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_pages_are_up_to_date(path: Path) -> None:
    """If this fails: make docs."""
    assert path.read_text(encoding="utf-8") == PAGES[path]


def test_every_setting_verb_and_route_is_documented() -> None:
    """The generator itself leaves nothing out."""
    reference = ROOT / "docs" / "reference"
    settings = (reference / "settings.md").read_text()
    for option in options():
        for name in (option.name, option.variable, option.argument or option.name, option.help):
            assert name in settings
    cli = (reference / "cli.md").read_text()
    for verb in VERBS:
        assert f"## `pipway {verb}`" in cli
    http = (reference / "http.md").read_text()
    for route in ROUTES:
        assert f"`{route.path}`" in http


def test_common_errors_and_events_are_found() -> None:
    """The generator reads the source: prove that it finds what is certainly there."""
    assert "| `bad-settings` |" not in (ROOT / "README.md").read_text()
    errors = (ROOT / "docs" / "reference" / "errors.md").read_text()
    assert "| `offline` | 503 |" in errors
    assert "| `wrong-digest` | 502 |" in errors
    events = (ROOT / "docs" / "reference" / "events.md").read_text()
    assert "| `file.stored` |" in events


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_is_mentioned_exists(path: Path) -> None:
    """Links are relative to the page; paths in backquotes to the root, or to src/pipway in ARCHITECTURE.md."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    missing = []
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", text):
        if not (path.parent / target).exists():
            missing.append(target)
    for target in re.findall(
        r"`((?:src|tests|docs|examples|bench|\.ci)/[\w./-]*|[a-z_]+/[\w/]+\.py|\w+\.(?:py|md|toml))`", text
    ):
        if not any((ROOT / base / target).exists() for base in (".", "src/pipway", "docs")):
            missing.append(target)
    excused = {"tests/a/test_b.py", "src/pipway/a/b.py", "pipway.toml"}
    placeholder = re.compile(r"\b(test_)?(NAME|ID)\.(py|toml)$")
    assert {target for target in missing if not placeholder.search(target)} - excused == set()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.name))
def test_every_example_loads_without_remarks(path: Path) -> None:
    """So that what people copy works."""
    settings = load(config=path, environ={})
    assert list(advise(settings)) == []
    assert any(origin.startswith(str(path)) for origin in settings.origins.values())


def test_there_are_examples() -> None:
    """An empty folder would pass every other test."""
    assert len(EXAMPLES) >= 3


def test_the_readme_tells_the_defaults_as_they_are() -> None:
    """Figures in its table are the table's."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {option.name: option.kind.show(option.default) for option in options() if option.default is not None}
    assert shown["server.listen"] in text
    for name, figure in re.findall(r"`([a-z_]+\.[a-z_]+)` \(([^)]+)\)", text):
        spelt = figure.replace(" days", "d").replace(" min", "m").replace(" ", "")
        assert shown[name] == spelt, name


def test_the_changelog_knows_what_is_not_released() -> None:
    """Keep a Changelog: an Unreleased section comes first."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
