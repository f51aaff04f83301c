"""`pipway configure`: other tools' configuration written for them, in its secure form, and undone exactly.

Says what it wrote where, and the line that takes it back. A login is never an argument.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipway.cli.wish import Asked, Via, meant, needs
from pipway.clients.base import Scope
from pipway.clients.diff import hide
from pipway.errors import UsageError

if TYPE_CHECKING:
    from pipway.cli.pointing import Plan, Skipped
    from pipway.clients.changes import Journal
    from pipway.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Ci = Literal["github", "gitlab", "azure", "jenkins"]


_Tools = Annotated[
    list[str] | None, typer.Argument(metavar="[TOOL]...", help="pip, uv, ...; without any, those of this machine.")
]
_Via = Annotated[Via | None, typer.Option(help="How tools reach pipway: its index (the default), its proxy, or both.")]
_IndexUrl = Annotated[str | None, typer.Option(metavar="URL", help="Another index than pipway's.")]
_IndexVariable = Annotated[
    str | None, typer.Option(metavar="NAME", help="The variable that holds the index's URL, with a login in it.")
]
_Proxy = Annotated[str | None, typer.Option(metavar="URL", help="A proxy.")]
_ProxyVariable = Annotated[
    str | None, typer.Option(metavar="NAME", help="The variable that holds the proxy's URL, with a login in it.")
]
_NoProxy = Annotated[bool, typer.Option("--no-proxy", help="Take the proxy out of the configuration.")]
_Authorities = Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate authorities to believe (PEM).")]
_Timeout = Annotated[int | None, typer.Option(metavar="SECONDS", help="How long to wait for an answer.")]
_Virtualenv = Annotated[
    bool, typer.Option("--require-virtualenv", help="Let pip install into virtual environments only.")
]
_KeepExtra = Annotated[
    bool,
    typer.Option("--keep-extra", help="Leave extra indexes and find-links, of which pip takes the highest version."),
]
_Scope = Annotated[Scope, typer.Option(help="Whose configuration to write.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
_Undo = Annotated[bool, typer.Option("--undo", help="Take the latest run back.")]
_Force = Annotated[bool, typer.Option("--force", help="With --undo: even where somebody edited since; a copy is kept.")]
_Ci = Annotated[Ci | None, typer.Option(help="Print what a pipeline needs, and change nothing.")]
_Docker = Annotated[bool, typer.Option("--docker", help="Print a Dockerfile, and change nothing.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Config = Annotated[Path | None, typer.Option(metavar="FILE", help="The settings file of the server.")]
_Data = Annotated[str | None, typer.Option(metavar="DIR", help="The data folder of the server.")]


@app.command()
def configure(
    tools: _Tools = None,
    via: _Via = None,
    index_url: _IndexUrl = None,
    index_variable: _IndexVariable = None,
    proxy: _Proxy = None,
    proxy_variable: _ProxyVariable = None,
    no_proxy: _NoProxy = False,
    ca: _Authorities = None,
    timeout: _Timeout = None,
    require_virtualenv: _Virtualenv = False,
    keep_extra: _KeepExtra = False,
    scope: _Scope = "user",
    dry_run: _DryRun = False,
    undo: _Undo = False,
    force: _Force = False,
    ci: _Ci = None,
    docker: _Docker = False,
    as_json: _Json = False,
    config: _Config = None,
    data: _Data = None,
) -> None:
    """Point pip, uv and other tools at pipway; undo it exactly. Or elsewhere, see --index-url and --proxy."""
    asked = Asked(index_url, index_variable, proxy, proxy_variable, no_proxy, ca, timeout, require_virtualenv, via,
                  keep_extra)  # fmt: skip
    if ci is not None or docker:
        _snippet(asked, ci, docker)
        return
    from pipway.clients.changes import Journal
    from pipway.settings import load

    settings = load(config=config, environ=os.environ, arguments={"data": data} if data else {})
    journal = Journal(settings.data / "configure")
    if undo:
        if tools or asked != Asked() or dry_run:
            raise UsageError("configure-what", "--undo takes the whole run back", fix="pipway configure --undo")
        _undo(journal, force=force, as_json=as_json)
        return
    if force:
        raise UsageError("configure-what", "--force is for --undo", fix="leave it out")
    again = "".join(
        f" {name} {shlex.quote(str(value))}" for name, value in (("--config", config), ("--data", data)) if value
    )
    _configure(
        asked, tools or [], scope, settings, None if dry_run else journal, f"pipway configure --undo{again}", as_json
    )


def _configure(
    asked: Asked,
    tools: Sequence[str],
    scope: Scope,
    settings: Settings,
    journal: Journal | None,
    back: str,
    as_json: bool,
) -> None:
    """`journal` is None for a dry run."""
    from datetime import UTC, datetime

    from pipway.cli.pointing import carry_out, plans, preview
    from pipway.clients.here import here
    from pipway.clients.registry import CLIENTS, client

    chosen = [client(name) for name in dict.fromkeys(tools)] or list(CLIENTS.values())
    wanted = meant(asked, settings, os.environ, dry_run=journal is None)
    if wanted.secret and scope in ("project", "global"):
        raise UsageError(
            "secret-for-others",
            f"a login does not belong into a file of --scope {scope}",
            why="others read it: who shares the project, or the machine",
            fix="use --scope user, or name the index without a login and keep that in .netrc or a keyring",
        )
    surroundings = here(os.environ)
    found, skipped = plans(chosen, surroundings, wanted.wish, scope, named=bool(tools))
    if not found and not skipped:
        raise UsageError("no-tools", "no tool was found on this machine", fix="name one: pipway configure pip")
    changed: list[Path] = []
    shown = preview(found)
    if journal is not None:
        title = " ".join(["configure", *(plan.client.name for plan in found)])
        changed = carry_out(found, surroundings, scope, journal, title=title, now=datetime.now(UTC))
    remarks = list(wanted.remarks)
    if wanted.pipway and journal is not None:
        remarks += _reachable(wanted.pipway, settings)
    if as_json:
        _print_json(found, skipped, changed, remarks, shown if journal is None else None, back if changed else None)
    elif journal is None:
        print(shown or "nothing would change\n", end="")
        _say(remarks, found, skipped)
    else:
        _print(found, changed, back)
        _say(remarks, found, skipped)
    if not found:
        raise typer.Exit(1)


def _reachable(url: str, settings: Settings) -> list[str]:
    from pipway.cli.nearby import running

    if settings.server.listen.host and running(settings) is None:
        return [f"no pipway answers at {url} now: start it with pipway serve"]
    return []


def _print(found: Sequence[Plan], changed: Sequence[Path], back: str) -> None:
    for plan in found:
        paths = [change.path for change in plan.changes if change.path in changed]
        print(f"{plan.title}: " + (f"wrote {', '.join(map(str, paths))}" if paths else "is as it should be already"))
        for entry in plan.removed:
            print(f"  removed {hide(entry.key)} ({entry.place})")
    if changed:
        print(f"undo with: {back}")


def _say(remarks: Sequence[str], found: Sequence[Plan], skipped: Sequence[Skipped]) -> None:
    lines = [*remarks, *(remark for plan in found for remark in plan.remarks)]
    for one in skipped:
        # What only some tools have is no news of those that have not.
        lines.append(f"{one.name} left alone: {one.error.what}" + (f"; {one.error.fix}" if one.error.fix else ""))
    if sys.stderr is not None:
        for line in dict.fromkeys(lines):
            print(f"pipway: {hide(line)}", file=sys.stderr)


def _print_json(
    found: Sequence[Plan],
    skipped: Sequence[Skipped],
    changed: Sequence[Path],
    remarks: Sequence[str],
    shown: str | None,
    back: str | None,
) -> None:
    document: dict[str, Any] = {
        "tools": [
            {
                "tool": plan.client.name,
                "version": plan.installed.version if plan.installed else None,
                "files": [str(change.path) for change in plan.changes if shown is not None or change.path in changed],
                "removed": [{"key": entry.key, "place": str(entry.place)} for entry in plan.removed],
                "remarks": [hide(remark) for remark in plan.remarks],
            }
            for plan in found
        ],
        "skipped": [
            {"tool": one.name, "code": one.error.code, "what": one.error.what, "fix": one.error.fix} for one in skipped
        ],
        "remarks": [hide(remark) for remark in remarks],
        "undo": back,
    }
    if shown is not None:
        document["diff"] = shown
    print(json.dumps(document, indent=2))


def _undo(journal: Journal, *, force: bool, as_json: bool) -> None:
    undone = journal.undo(force=force)
    if as_json:
        document = {
            "undone": undone.title,
            "when": undone.when,
            "restored": [str(path) for path in undone.restored],
            "kept": [str(path) for path in undone.kept],
        }
        print(json.dumps(document, indent=2))
        return
    print(f"undone: {undone.title}, of {undone.when}")
    for path in undone.restored:
        print(f"restored {path}")
    for path in undone.kept:
        print(f"what was there is kept as {path}")


def _snippet(asked: Asked, ci: Ci | None, docker: bool) -> None:
    from pipway.clients import snippets

    if ci is not None and docker:
        raise UsageError("configure-what", "--ci and --docker are two", fix="run it twice")
    wanted = needs(asked, os.environ)
    print(snippets.docker(wanted) if ci is None else snippets.CI[ci](wanted), end="")
