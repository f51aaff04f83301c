"""`pipway explain [LOG|-]`: reads what an installer printed, passes it through from a pipe, and names the cause."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from pipway.errors import UsageError

if TYPE_CHECKING:
    from io import BufferedReader

    from pipway.doctor.conditions import Context
    from pipway.doctor.explain import Explanation

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_LONGEST = 64 * 2**20  # bytes: a log is never longer, and what is read lies in memory


@app.command()
def explain(
    log: Annotated[str, typer.Argument(metavar="[LOG|-]", help="A file, or - for standard input.")] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    elsewhere: Annotated[
        bool,
        typer.Option("--elsewhere", help="The log is of another machine: do not look at this one's configuration."),
    ] = False,
) -> None:
    """Name the cause of a failed install from what the installer printed."""
    from pipway.doctor.conditions import Context
    from pipway.doctor.explain import explain as explained
    from pipway.doctor.explain import succeeded

    text = _read(log, through=not as_json)
    found = explained(text, Context() if elsewhere else _context(text))
    fine = succeeded(text)
    if as_json:
        _print_json(found, fine=fine)
    else:
        _show(found, text, fine=fine)
    raise typer.Exit(0 if found or fine else 1)


def _read(log: str, *, through: bool) -> str:
    """The text. What comes by a pipe is passed on as it comes: the person watches an install, and may be asked."""
    from pipway.doctor.log import decoded

    if log != "-":
        try:
            with Path(log).open("rb") as file:
                return decoded(file.read(_LONGEST))
        except OSError as error:
            raise UsageError("no-log", f"cannot read {log}", why=error.strerror or "", fix="check the path") from None
    if sys.stdin.isatty():
        raise UsageError("no-log", "there is no log", fix="pip install PACKAGE 2>&1 | pipway explain")
    read, size = [], 0
    stdin = cast("BufferedReader", sys.stdin.buffer)
    while data := stdin.read1(65536):
        if through:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        size += len(data)
        if size <= _LONGEST:
            read.append(data)
    return decoded(b"".join(read))


def _context(text: str) -> Context:
    from pipway.clients.here import here
    from pipway.clients.registry import CLIENTS
    from pipway.doctor.conditions import Context

    surroundings = here(os.environ)
    clients = {name: CLIENTS[name] for name in ("pip", "uv", "poetry") if name in CLIENTS}
    # Which authorities pip believes depends on its version, which takes a second to ask for.
    pip = next(iter(clients["pip"].find(surroundings)), None) if "certificate verify failed" in text else None
    installed = {"pip": pip} if pip is not None else {}
    return Context(
        os.environ,
        {name: each.effective(surroundings, installed.get(name)) for name, each in clients.items()},
        findings={name: each.findings(surroundings, None) for name, each in clients.items()},
        files={name: each.files(surroundings) for name, each in clients.items()},
        pac=_pac(),
        installed=installed,
    )


def _pac() -> str:
    """A PAC file that our settings or the system's name."""
    from pipway.dial.route.system import system_settings
    from pipway.errors import PipwayError
    from pipway.settings import load

    with contextlib.suppress(PipwayError):
        if named := load(environ=os.environ).outbound.pac:
            return str(named)
    with contextlib.suppress(OSError):
        system = system_settings()
        return system.pac if system else ""
    return ""


def _print_json(found: list[Explanation], *, fine: bool) -> None:
    import json

    from pipway.cli.doctor_report import finding_dict
    from pipway.redact import redact

    causes = [finding_dict(each.finding) | {"line": redact(each.line), "number": each.number} for each in found]
    first: dict[str, Any] = {"version": 1, "cause": found[0].cause.id if found else None, "succeeded": fine}
    print(json.dumps(first | {"causes": causes}, indent=2))


def _show(found: list[Explanation], text: str, *, fine: bool) -> None:
    """On standard error: standard output has the log."""
    from pipway.cli.doctor_report import Screen
    from pipway.redact import redact

    screen = Screen(stderr=True)
    if fine:
        screen.begin("\nNothing failed here.")
        screen.line("", "every command in the log worked; warnings in it were overcome")
        if found:
            screen.begin("\nIf it is not what was wanted:")
            screen.finding(found[0].finding)
            screen.line("next", "pipway doctor -- THE COMMAND compares what the indexes have")
        return
    if not found:
        if not text.strip():
            raise UsageError("empty-log", "there is nothing to read", fix="pip install PACKAGE 2>&1 | pipway explain")
        screen.begin("\npipway does not know what this is.")
        screen.line("next", "pipway doctor -- THE COMMAND THAT FAILED")
        screen.line("", "it tries the way to the index step by step")
        return
    best, *others = found
    screen.begin(f"\n{best.cause.title}")
    screen.line("line", f"{best.number}: {redact(best.line)[:300]}")
    screen.finding(best.finding)
    if others:
        screen.line("also", "; ".join(f"{each.cause.title} (line {each.number})" for each in others[:3]))
    commands = best.finding.fix.commands if best.finding.fix else ()
    if not any(command.startswith("pipway doctor ") for command in commands):
        screen.line("next", "pipway doctor -- THE COMMAND THAT FAILED, if that does not help")
