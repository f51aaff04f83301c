"""What is said of configuration without effect: no command that would lose a file."""

from __future__ import annotations

from pathlib import Path

from pipway.clients.remarks import never_read, no_scope, unknown_key
from pipway.findings import Fix, Place


def test_a_file_is_moved_only_to_where_none_is(tmp_path: Path) -> None:
    wrong, right = tmp_path / "my uv.toml", tmp_path / "uv" / "uv.toml"
    fix = never_read("uv", wrong, right).fix
    assert fix is not None and fix.commands == (f"mkdir -p {right.parent}", f"mv '{wrong}' {right}")
    right.parent.mkdir()
    right.write_text("")
    fix = never_read("uv", wrong, right).fix
    assert fix is not None and fix.commands == ()


def test_a_key_that_is_nearly_right() -> None:
    finding = unknown_key("uv", Place("x", 3), "index-urll", ["index-url", "pip"], stops=True, consequence="it stops")
    assert finding.fix == Fix("write index-url instead")
    other = unknown_key("uv", Place("x", 3), "zzz", ["index-url"], stops=False, consequence="nothing")
    assert other.fix == Fix("take it away") and other.severity < finding.severity


def test_scopes() -> None:
    assert no_scope("pipenv", "user", ("project",)).fix == "use --scope project"
