"""`pipway run -- COMMAND`: run one command, and whatever it starts, through pipway; nothing stays behind.

It uses the pipway that runs at the settings' address, else one of its own that ends with the command. The command has
the terminal, gets the signals, and gives the exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipway.cli.arguments import no_logins
from pipway.errors import UsageError

if TYPE_CHECKING:
    from pipway.cli.nearby import Nearby
    from pipway.cli.own import Own

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Form = Literal["sh", "fish", "powershell", "github", "json"]


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND...", help="What to run, with its arguments.")
    ] = None,
    via: Annotated[
        Literal["both", "index", "proxy"],
        typer.Option(help="How the command reaches pipway; proxy leaves the index URLs that lock files record alone."),
    ] = "both",
    own: Annotated[bool, typer.Option("--own", help="Start a pipway for the command even where one runs.")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave this variable as it is; may be repeated.")
    ] = None,
    print_env: Annotated[
        Form | None, typer.Option("--print-env", help="Print the variables for the running pipway and leave.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The folder that holds what is cached.")] = None,
    upstream: Annotated[
        list[str] | None, typer.Option(metavar="[NAME=]URL", help="An index to fetch from; may be repeated.")
    ] = None,
    offline: Annotated[bool | None, typer.Option(help="Never ask upstream; serve what is stored.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Read settings from this TOML file.")] = None,
) -> None:
    """Run one command, and whatever it starts, through pipway; its exit code is kept."""
    no_logins("--upstream", upstream or (), instead="PIPWAY_UPSTREAM")
    choices = {"data": data, "upstreams": upstream, "offline": offline}
    given = {name: value for name, value in choices.items() if value not in (None, [])}
    if print_env is not None:
        if command or own or given:
            raise UsageError(
                "print-env-alone",
                "--print-env prints the variables for the pipway that runs; it takes no command and starts none",
                fix="pipway serve in another terminal, then pipway run --print-env sh",
            )
        _print_environment(config, print_env, via, keep or [])
        return
    if not command:
        raise UsageError("no-command", "there is no command to run", fix="pipway run -- pip install PACKAGE")
    raise typer.Exit(_run(command, config, given, via=via, own=own, keep=keep or [], quiet=quiet))


def _run(
    command: Sequence[str],
    config: Path | None,
    given: Mapping[str, Any],
    *,
    via: str,
    own: bool,
    keep: Sequence[str],
    quiet: bool,
) -> int:
    from pipway.cli.child import attend, found
    from pipway.cli.nearby import running
    from pipway.cli.serve import ask
    from pipway.clients.environment import changes
    from pipway.platforms import hold_standard_streams, open_files_limit
    from pipway.settings import load

    hold_standard_streams()
    files = open_files_limit()
    program = found(command[0], os.environ)  # before anything is started for it
    settings = load(config=config, environ=os.environ, arguments=given)
    with ExitStack() as stack:
        # What is given for this command alone can only hold for a server of its own.
        server: Nearby | Own | None = None if own or given else running(settings)
        if server is None:
            from pipway.cli.own import Own

            typed = ask(settings) if sys.stdin is not None and sys.stdin.isatty() else {}
            server = stack.enter_context(Own(settings, typed=typed))
        wanted = changes(server.offer(via), os.environ, keep=keep)
        if not quiet:
            _say(wanted.remarks)
        code = attend(program, command, wanted.applied(os.environ, secrets=False), files=files)
    if not quiet:
        _say(server.summary())
    return code


def _print_environment(config: Path | None, form: Form, via: str, keep: Sequence[str]) -> None:
    from pipway.cli.nearby import running
    from pipway.clients.environment import FORMS, changes
    from pipway.settings import load

    settings = load(config=config, environ=os.environ)
    server = running(settings)
    if server is None:
        raise UsageError(
            "not-running",
            f"no pipway answers at {settings.server.listen}",
            why="variables for one that ends at once would lead nowhere",
            fix="start it with pipway serve, or give the command itself: pipway run -- COMMAND",
        )
    wanted = changes(server.offer(via), os.environ, keep=keep)
    _say(wanted.remarks)
    print("\n".join(FORMS[form](wanted)))


def _say(lines: Sequence[str]) -> None:
    """On standard error: standard output is the command's."""
    import contextlib

    from pipway.redact import redact

    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            for line in lines:
                print(f"pipway: {redact(line)}", file=sys.stderr, flush=True)
