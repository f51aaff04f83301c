"""Tools pointed somewhere, with tools that are made for it: one step, and every obstacle named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipway.cli.pointing import carry_out, plans, preview
from pipway.clients.base import (
    Change,
    ConfigFile,
    Effective,
    Entry,
    Installed,
    Scope,
    Setting,
    Surroundings,
    Wish,
)
from pipway.clients.changes import Journal
from pipway.clients.pip import Pip
from pipway.errors import UsageError
from pipway.findings import Finding, Place, Severity

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
INDEX = "http://127.0.0.1:3141/simple/"
TO_PIPWAY = Wish(index=INDEX)
NAMES = {"index": Setting.INDEX, "extra": Setting.EXTRA_INDEXES, "proxy": Setting.PROXY}


@dataclass
class Tool:
    """Reads `KEY VALUE` lines of one file, then variables `NAME_KEY`, which win."""

    name: str
    path: Path
    installed: bool = True
    takes: tuple[str, ...] = ("index", "timeout", "ca")
    scopes: tuple[Scope, ...] = ("user",)
    found: tuple[Finding, ...] = ()

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        return [Installed(self.name, (self.name,), "1.0")] if self.installed else []

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        return [ConfigFile(self.path, "user", "user", self.path.exists())]

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        entries: dict[Setting, list[Entry]] = {}
        for number, line in enumerate(self._lines(), 1):
            key, _, value = line.partition(" ")
            if key in NAMES:
                place = Place(str(self.path), number)
                entries.setdefault(NAMES[key], []).insert(0, Entry(NAMES[key], value, "user", place, key))
        for name, value in surroundings.environ.items():
            key = name.removeprefix(f"{self.name.upper()}_").lower()
            if key in NAMES:
                entries.setdefault(NAMES[key], []).insert(0, Entry(NAMES[key], value, "environment", Place(name), name))
        return {
            setting: Effective(setting, (said[0].value,), (said[0],), tuple(said[1:]))
            for setting, said in entries.items()
        } | {Setting.NO_PROXY: Effective(Setting.NO_PROXY, (surroundings.environ.get("no_proxy", ""),))}

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        return self.found

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        if scope not in self.scopes:
            raise UsageError("no-such-scope", f"{self.name} has no configuration for {scope}", fix="--scope user")
        for key in ("index", "timeout", "ca"):
            if getattr(wish, key) is not None and key not in self.takes:
                raise UsageError("no-such-setting", f"{self.name} has no {key} in files", fix=f"export {key}")
        before = self.path.read_bytes() if self.path.exists() else None
        kept = [line for line in self._lines() if NAMES.get(line.split()[0]) not in {*wish.drop}]
        if wish.index is not None:
            kept = [line for line in kept if not line.startswith("index ")] + [f"index {wish.index}"]
        after = "".join(f"{line}\n" for line in kept).encode()
        return [] if after == (before or b"") else [Change(self.path, before, after)]


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    return Surroundings({}, tmp_path, tmp_path)


def go(tools: Sequence[Tool], surroundings: Surroundings, journal: Journal, wish: Wish = TO_PIPWAY) -> list[str]:
    """The remarks."""
    found, _ = plans(tools, surroundings, wish, "user", named=True)
    carry_out(found, surroundings, "user", journal, title="configure", now=NOW)
    return [remark for plan in found for remark in plan.remarks]


def test_all_tools_are_one_step_even_in_one_file(tmp_path: Path, surroundings: Surroundings) -> None:
    """As uv and Poetry are in pyproject.toml; neither loses what the other wrote."""
    shared, journal = tmp_path / "shared", Journal(tmp_path / "data")
    shared.write_text("extra https://extra.example/\n")

    class Other(Tool):
        def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
            before = self.path.read_bytes()
            return [Change(self.path, before, before + b"other\n")]

    tools = [Tool("one", shared), Other("two", shared), Tool("three", tmp_path / "three")]
    found, _ = plans(
        tools, surroundings, Wish(index=INDEX, drop=frozenset({Setting.EXTRA_INDEXES})), "user", named=True
    )
    assert "+other" in preview(found)
    written = carry_out(found, surroundings, "user", journal, title="configure", now=NOW)
    assert written == [shared, tmp_path / "three"]
    assert shared.read_text() == f"index {INDEX}\nother\n"
    assert [(entry.key, str(entry.place)) for entry in found[0].removed] == [("extra", f"{shared}:1")]
    journal.undo()
    assert shared.read_text() == "extra https://extra.example/\n"
    assert not (tmp_path / "three").exists()


@pytest.mark.slow
def test_what_went_is_said_once_for_each_place(tmp_path: Path, surroundings: Surroundings) -> None:
    """Two addresses of one key are one; an index that a section of a command had is news, the one replaced is none."""
    conf = surroundings.home / ".config" / "pip" / "pip.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(
        "[global]\nindex-url = https://old.example/simple/\nextra-index-url =\n  https://x.example/simple/\n"
        "  https://y.example/simple/\n[install]\nindex-url = https://other.example/simple/\n"
    )
    found, _ = plans(
        [Pip()], surroundings, Wish(index=INDEX, drop=frozenset({Setting.EXTRA_INDEXES})), "user", named=True
    )
    carry_out(found, surroundings, "user", Journal(tmp_path / "data"), title="configure", now=NOW)
    assert sorted(entry.key for entry in found[0].removed) == ["global.extra-index-url", "install.index-url"]


def test_a_tool_that_cannot_be_told_stops_those_that_were_named(tmp_path: Path, surroundings: Surroundings) -> None:
    """And is passed over where nobody named it."""
    tools = [Tool("one", tmp_path / "one"), Tool("two", tmp_path / "two", takes=("timeout",))]
    with pytest.raises(UsageError):
        plans(tools, surroundings, Wish(index=INDEX), "user", named=True)
    found, skipped = plans(tools, surroundings, Wish(index=INDEX), "user", named=False)
    assert [plan.client.name for plan in found] == ["one"]
    assert [(one.name, one.error.code) for one in skipped] == [("two", "no-such-setting")]
    assert not (tmp_path / "one").exists()


def test_who_is_not_there_is_written_for_only_if_named(tmp_path: Path, surroundings: Surroundings) -> None:
    tool = Tool("one", tmp_path / "one", installed=False)
    assert plans([tool], surroundings, Wish(index=INDEX), "user", named=False) == ([], [])
    ((plan,), _) = plans([tool], surroundings, Wish(index=INDEX), "user", named=True)
    assert plan.title == "one"


def test_what_a_tool_has_no_place_for_is_said(tmp_path: Path, surroundings: Surroundings) -> None:
    """The rest is written, if there is any."""
    tool, journal = Tool("one", tmp_path / "one", takes=("index",)), Journal(tmp_path / "data")
    assert go([tool], surroundings, journal, Wish(index=INDEX, timeout=5)) == [
        "one has no timeout in files: export timeout"
    ]
    assert tool.path.read_text() == f"index {INDEX}\n"
    other = Tool("other", tmp_path / "other", takes=("timeout",))
    other.path.write_text("extra https://extra.example/\n")
    wish = Wish(index=INDEX, timeout=5, drop=frozenset({Setting.EXTRA_INDEXES}))
    assert go([other], surroundings, journal, wish) == ["other has no index in files: export index"]
    assert other.path.read_text() == "extra https://extra.example/\n"
    with pytest.raises(UsageError) as raised:
        go([tool], surroundings, journal, Wish(timeout=5))
    assert raised.value.code == "no-such-setting"
    with pytest.raises(UsageError):
        plans([Tool("two", tmp_path / "two", scopes=())], surroundings, Wish(timeout=5), "user", named=True)


def test_what_overrules_the_file_is_named(tmp_path: Path) -> None:
    tool, journal = Tool("one", tmp_path / "one"), Journal(tmp_path / "data")
    environ = {"ONE_INDEX": "https://u:hunter2@other.example/", "ONE_EXTRA": "https://u:hunter2@more.example/"}
    drop = frozenset({Setting.EXTRA_INDEXES})
    remarks = go([tool], Surroundings(environ, tmp_path, tmp_path), journal, Wish(index=INDEX, drop=drop))
    assert remarks == [
        "one still uses another index: ONE_INDEX overrules this file",
        "one still has extra indexes from ONE_EXTRA",
    ]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ONE_PROXY": "http://proxy.example:8080"}, True),
        ({"ONE_PROXY": "proxy.example:8080", "no_proxy": "corp.example"}, True),
        ({"ONE_PROXY": "http://proxy.example:8080", "no_proxy": "127.0.0.1"}, False),
        ({"ONE_PROXY": "http://127.0.0.1:3141"}, False),
        ({}, False),
    ],
)
def test_a_proxy_elsewhere_that_would_be_asked_for_this_machine_is_named(
    tmp_path: Path, environ: dict[str, str], said: bool
) -> None:
    remarks = go([Tool("one", tmp_path / "one")], Surroundings(environ, tmp_path, tmp_path), Journal(tmp_path / "data"))
    assert bool(remarks) == said
    if said:
        assert "asks 127.0.0.1 through a proxy (ONE_PROXY)" in remarks[0]


def test_what_stops_the_tool_is_said(tmp_path: Path, surroundings: Surroundings) -> None:
    found = (
        Finding("PW702", Severity.HIGH, "one refuses to start", place=Place("/etc/one", 3)),
        Finding("PW703", Severity.LOW, "one knows no setting x"),
    )
    assert go([Tool("one", tmp_path / "one", found=found)], surroundings, Journal(tmp_path / "data")) == [
        "/etc/one:3: one refuses to start"
    ]
