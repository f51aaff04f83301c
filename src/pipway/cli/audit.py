"""`pipway audit [PATH…]`: insecure and fragile index configuration of a repository or this machine, with its fixes.

Exit codes: 0 clean, 1 findings, 2 usage, 3 pipway's own failure, 4 nothing to audit. It asks no network but a pipway
with --online, and writes only with --fix, --unsafe-fixes and --write-baseline.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from pipway.cli.as_typed import AsTyped
from pipway.errors import PipwayError, UsageError

if TYPE_CHECKING:
    from pipway.audit.base import Found, Persona
    from pipway.audit.configuration import Configuration
    from pipway.audit.facts import Project
    from pipway.audit.fix.apply import Mended
    from pipway.audit.report import Report
    from pipway.audit.rules import Explained
    from pipway.audit.run import Checked, Result
    from pipway.findings import Severity

    Look = Callable[[Mapping[str, str]], tuple[Project, Sequence[Result]]]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

FORMATS = "text, concise, json, sarif, github, gitlab or junit"


FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="SEVERITY", help="Exit with 1 from this severity on: info, low (default), medium, high, critical."
    ),
]
Explain = Annotated[str | None, typer.Option(metavar="RULE", help="Show a rule's documentation; all: list the rules.")]
Diff = Annotated[
    bool, typer.Option("--diff", help="Show what --fix or --unsafe-fixes would change, and write nothing.")
]
PersonaOption = Annotated[
    str | None, typer.Option(metavar="PERSONA", help="regular (default), or pedantic: what may be intended, too.")
]
Ignore = Annotated[list[str] | None, typer.Option(metavar="RULE", help="Leave out this rule; repeatable.")]
Only = Annotated[list[str] | None, typer.Option(metavar="RULE", help="Check only this rule; repeatable.")]
UnsafeFixes = Annotated[
    bool, typer.Option("--unsafe-fixes", help="Also mend what may change which files are installed.")
]
WriteBaseline = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write all present findings to this file, and exit with 0.")
]
Machine = Annotated[
    bool, typer.Option("--machine", help="Audit the configuration of this machine; with PATH, both together.")
]
Config = Annotated[Path | None, typer.Option(metavar="FILE", help="Read this configuration instead of the folder's.")]
FollowLinks = Annotated[
    bool, typer.Option("--follow-links", help="Read through links that lead out of the folder, too.")
]
Online = Annotated[
    bool, typer.Option("--online", help="Compare locks with what a running pipway says; asks nobody else.")
]
ServerUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Ask this pipway; by default the one of this machine's settings.")
]
Base = Annotated[
    str | None,
    typer.Option(metavar="REF", help="Compare locks with this branch or commit; auto: the one that CI merges into."),
]
History = Annotated[bool, typer.Option("--history", help="Look for secrets in all commits of the git repository, too.")]


@dataclass(slots=True)
class Wanted:
    """What the command line says."""

    paths: Sequence[Path]
    format: str
    fail_on: str | None
    persona: str | None
    ignore: Sequence[str]
    only: Sequence[str]
    config: Path | None
    baseline: Path | None
    write_baseline: Path | None
    machine: bool
    follow: bool
    fix: bool
    unsafe: bool
    diff: bool
    exit_zero: bool
    online: bool = False
    server: str | None = None
    base: str | None = None
    history: bool = False


@app.command(cls=AsTyped)
def audit(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Folders and files; the current folder by default.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"Write {FORMATS}.")] = "text",
    fail_on: FailOn = None,
    persona: PersonaOption = None,
    ignore: Ignore = None,
    only: Only = None,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what cannot change which files are installed.")] = False,
    unsafe_fixes: UnsafeFixes = False,
    diff: Diff = False,
    baseline: Annotated[Path | None, typer.Option(metavar="FILE", help="Leave out what this file lists.")] = None,
    write_baseline: WriteBaseline = None,
    machine: Machine = False,
    explain: Explain = None,
    config: Config = None,
    follow_links: FollowLinks = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    online: Online = False,
    server: ServerUrl = None,
    base: Base = None,
    history: History = False,
) -> None:
    """Find insecure and fragile index configuration, and mend it."""
    wanted = Wanted(
        [Path(path) for path in paths or ()], format_, fail_on, persona, ignore or (), only or (),
        config and Path(config), baseline and Path(baseline), write_baseline and Path(write_baseline),
        machine, follow_links, fix, unsafe_fixes, diff, exit_zero, online or server is not None, server,
        base, history,
    )  # fmt: skip
    gc.disable()  # nearly all that is made stays until the end; looking for what does not is a fifth of the time
    try:
        code = _explain(explain) if explain is not None else _audit(wanted)
        sys.stdout.flush()
    except (PipwayError, BrokenPipeError):  # whoever reads, as `head` does, has seen enough: Typer leaves quietly
        raise
    except Exception as error:
        if context.obj is not None and context.obj.debug:
            raise
        from pipway.cli.render import show_unexpected

        show_unexpected(error)
        code = 3
    finally:
        gc.enable()
    raise typer.Exit(code)


def _audit(wanted: Wanted) -> int:
    from pipway.audit import formats
    from pipway.audit.run import check
    from pipway.findings import Severity

    if wanted.format not in formats.NAMES:
        raise UsageError("unknown-format", f"there is no format {wanted.format}", fix=f"--format {FORMATS}")
    root, below, configuration = _place(wanted)
    persona, fail_on = _strictness(wanted, configuration)
    project, skipped = _collected(wanted, root, below, configuration)
    if not project.sources and not wanted.history:
        _say(["nothing to audit: there is no file here that configures an installer", *map(_skipped, skipped)])
        return 4
    silent: list[str] = []
    if wanted.online:
        from pipway.cli.audit_online import joined

        project, silent = joined(project, wanted.server)
    if wanted.base is not None:
        from pipway.cli.audit_git import compared

        project, uncompared = compared(project, root, wanted.base)
        silent += uncompared
    checked = check(project, _rules(wanted), persona=persona, configuration=configuration)
    if wanted.diff or wanted.fix or wanted.unsafe:
        look = partial(_looked, wanted, root, below, configuration, project, persona)
        changed = _finished(checked.results, look, root, wanted)
        if wanted.diff:
            return _differ(changed, project, look, wanted)
        if _write([*changed.values()], root, wanted):
            before = project
            project, skipped = _collected(wanted, root, below, configuration)
            project = _as_asked(project, before)
            checked = check(project, _rules(wanted), persona=persona, configuration=configuration)
    if wanted.history:
        from pipway.audit import machine
        from pipway.cli.audit_git import past

        found = past(project, root, _rules(wanted), configuration)
        project, silent = machine.joined(project, found.project), [*silent, *found.skipped]
        checked = replace(checked, results=(*checked.results, *found.results))
    report = _report(checked, project, (*skipped, *silent), wanted)
    if wanted.write_baseline is not None:
        return _keep(report, wanted.write_baseline)
    _show(report, wanted.format)
    worst = report.worst()
    return int(worst is not None and worst >= (fail_on or Severity.LOW) and not wanted.exit_zero)


def _strictness(wanted: Wanted, configuration: Configuration) -> tuple[Persona, Severity | None]:
    from pipway.audit.base import Persona
    from pipway.audit.configuration import severity

    persona = configuration.persona or Persona.REGULAR
    if wanted.persona is not None:
        if wanted.persona not in {each.value for each in Persona}:
            raise UsageError("unknown-persona", f"there is no persona {wanted.persona}", fix="regular or pedantic")
        persona = Persona(wanted.persona)
    given = configuration.fail_on if wanted.fail_on is None else severity(wanted.fail_on, f"--fail-on {wanted.fail_on}")
    return persona, given


def _place(wanted: Wanted) -> tuple[Path, list[str], Configuration]:
    """The folder that paths are relative to, what is looked at below it, and the configuration that holds there."""
    from pipway.audit import configuration

    here = Path.cwd()
    paths = [Path(os.path.normpath(here / path)) for path in wanted.paths or [here]]
    for path in paths:
        if not path.exists():
            raise UsageError("no-such-path", f"{path} is not there")
    if len(paths) == 1 and paths[0].is_dir():
        root = paths[0]
    elif all(path.is_relative_to(here) for path in paths):
        root = here
    else:
        root = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in paths]))
    below = ["" if path == root else path.relative_to(root).as_posix() for path in paths]
    said = configuration.found(root) if wanted.config is None else configuration.read(wanted.config)
    return root, below, said


def _collected(
    wanted: Wanted,
    root: Path,
    below: Sequence[str],
    configuration: Configuration,
    instead: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Project, tuple[str, ...]]:
    from datetime import UTC, datetime

    from pipway.audit.facts import Project
    from pipway.audit.run import collect
    from pipway.audit.walk import Tree

    today = datetime.now(UTC).date()
    project = Project((), (), configuration.organisation, today)
    tree = Tree(root, follow=wanted.follow, instead=instead)
    if wanted.paths or not wanted.machine:
        project = collect(tree, below, configuration=configuration, today=today)
    if wanted.machine:
        from pipway.audit import machine
        from pipway.clients.here import here

        project = machine.joined(project, machine.collect(here(os.environ), tree.skipped))
    return project, tuple(tree.skipped)


def _rules(wanted: Wanted) -> dict[str, Explained]:
    from pipway.audit.rules import names, rules

    for name in (*wanted.ignore, *wanted.only):
        if name.upper() not in names():
            raise UsageError("unknown-rule", f"there is no rule {name}", fix="pipway audit --explain all lists them")
    only, ignored = {name.upper() for name in wanted.only}, {name.upper() for name in wanted.ignore}
    every = rules(answered=wanted.online).items()
    return {name: each for name, each in every if name not in ignored and (not only or name in only)}


def _looked(
    wanted: Wanted,
    root: Path,
    below: Sequence[str],
    configuration: Configuration,
    before: Project,
    persona: Persona,
    instead: Mapping[str, str],
) -> tuple[Project, Sequence[Result]]:
    """What would be found if files had these texts."""
    from pipway.audit.run import check

    project = _as_asked(_collected(wanted, root, below, configuration, instead)[0], before)
    return project, check(project, _rules(wanted), persona=persona, configuration=configuration).results


def _as_asked(project: Project, before: Project) -> Project:
    """What a server and git said stays as it was: neither is asked again."""
    return replace(project, answers=before.answers, base_locks=before.base_locks)


def _finished(results: Sequence[Result], look: Look, root: Path, wanted: Wanted) -> dict[str, Mended]:
    """The machine's own files are `pipway configure`'s to change."""
    from pipway.audit.facts import Where
    from pipway.audit.fix.rounds import finished
    from pipway.audit.walk import Tree

    def inside(found: Sequence[Result]) -> list[Found]:
        return [result.found for result in found if result.source.where is not Where.MACHINE]

    tree = Tree(root, follow=wanted.follow)
    return finished(tree, inside(results), lambda instead: inside(look(instead)[1]), unsafe=wanted.unsafe)


def _differ(changed: Mapping[str, Mended], before: Project, look: Look, wanted: Wanted) -> int:
    from pipway.audit.fix.diff import unified
    from pipway.audit.report import Veil

    after = look({place: each.after for place, each in changed.items()})[0] if changed else before
    veils = Veil(before), Veil(after)  # a password may be written in another way now
    sys.stdout.write(_shown(unified(changed.values(), lambda text: veils[1](veils[0](text)))))
    return int(bool(changed) and not wanted.exit_zero)


def _write(changed: Sequence[Mended], root: Path, wanted: Wanted) -> bool:
    """Whether a file was written."""
    from pipway.audit.fix.apply import write
    from pipway.audit.report import named

    titles = {each.source.path: ", ".join(each.titles) for each in changed}
    any_written = False
    for done in write(root, changed, follow=wanted.follow):
        any_written |= not done.why_not
        what = (
            f"not mended: {done.path}: {done.why_not}" if done.why_not else f"mended {done.path}: {titles[done.path]}"
        )
        _say([named(_clean(what))])
    return any_written


def _report(checked: Checked, project: Project, skipped: tuple[str, ...], wanted: Wanted) -> Report:
    from pipway import __version__
    from pipway.audit import baseline
    from pipway.audit.report import Report, entries

    shown = entries(checked.results, project)
    known = baseline.read(wanted.baseline) if wanted.baseline is not None else frozenset()
    new = tuple(entry for entry in shown if entry.fingerprint not in known)
    files = len({source.path for source in project.sources})
    return Report(
        new,
        files,
        len(checked.suppressed),
        len(shown) - len(new),
        tuple(map(_clean, skipped)),
        tool_version=__version__,
    )


def _clean(text: str) -> str:
    from pipway.clients.diff import hide

    return hide(text)


def _keep(report: Report, path: Path) -> int:
    from pipway.audit.baseline import written

    rows = [(entry.fingerprint, entry.rule, entry.at.path) for entry in report.findings]
    try:
        path.write_text(written(rows), encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError("cannot-write", f"{path} cannot be written", why=error.strerror or "") from None
    _say([f"{len(rows)} findings written to {path}"])
    return 0


def _show(report: Report, name: str) -> None:
    from pipway.audit import formats
    from pipway.audit.formats import text

    colour = name == "text" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    shown = text.write(report, colour=True) if colour else formats.write(name, report)
    sys.stdout.write(_shown(shown))


def _shown(text: str) -> str:
    """As the terminal's encoding can say it."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _skipped(text: str) -> str:
    from pipway.audit.report import named

    return f"not looked at: {named(_clean(text))}"


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _explain(name: str) -> int:
    from pipway.audit.rules import rules

    if name.lower() == "all":
        for each in rules().values():
            print(f"{each.rule.id}  {each.rule.severity.name.lower():8}  {each.rule.title} [{each.rule.name}]")
        return 0
    by_name = {each.rule.name: each for each in rules().values()}
    found = rules().get(name.upper()) or by_name.get(name.lower())
    if found is None:
        raise UsageError("unknown-rule", f"there is no rule {name}", fix="pipway audit --explain all lists them")
    rule = found.rule
    print(f"{rule.id} {rule.title} [{rule.name}], {rule.severity.name.lower()}\n\n{found.doc}")
    if rule.references:
        print("\nSee also\n--------")
    for reference in rule.references:
        print(f"- {reference}")
    return 0
