"""A machine of its own below tmp_path, for the tests of clients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipway.clients.base import Client, Installed, Surroundings


def around(
    tmp_path: Path,
    files: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    cwd: str = "work",
    command: tuple[str, ...] = (),
) -> Surroundings:
    """Files are named from tmp_path: home/, work/ (where the tool runs) and root/."""
    for folder in ("home", "work", "root"):
        (tmp_path / folder).mkdir(exist_ok=True)
    for name, text in (files or {}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Surroundings(environ or {}, tmp_path / "home", tmp_path / cwd, root=tmp_path / "root", command=command)


def found(client: Client, surroundings: Surroundings, version: str = "") -> list[tuple[str, str, str]]:
    """Its findings as id, severity and place, the place from the folder of the surroundings."""
    base = f"{surroundings.root.parent}/"
    findings = client.findings(surroundings, Installed(client.name, (client.name,), version))
    return [(one.id, one.severity.name, str(one.place).removeprefix(base)) for one in findings]
