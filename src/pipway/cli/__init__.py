"""The command line: one file per verb, imported only when that verb runs.

`pipway --help` and completion know every verb's name and sentence from the table here, so they load no server
code. Nobody imports this package but the entry point and `python -m pipway`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from pipway import __version__
from pipway.cli.as_typed import GroupAsTyped
from pipway.errors import PipwayError

#: verb (and its module here, which offers `app`) → its sentence in `--help`
VERBS = {
    "serve": "Start the server and stay until told to stop.",
    "run": "Run one command, and whatever it starts, through pipway.",
    "settings": "Show, check and describe every setting.",
    "cache": "Look into what is stored, verify it, make room.",
    "access": "Make, list and remove the tokens that let clients in.",
    "credentials": "Keep, test and change the logins to parent proxies.",
    "ca": "Show, export and rotate the certificate authority.",
    "live": "Follow the requests of the server that runs.",
    "doctor": "Try the way to the index step by step; say what fails.",
    "explain": "Name the cause of a failed install.",
    "audit": "Find insecure and fragile index configuration, and mend it.",
    "configure": "Point pip, uv and other tools at pipway; undo it exactly.",
    "url": "Build, check and take apart proxy and index URLs.",
    "route": "Show which way a host is reached, hop by hop, and why.",
}


@dataclass(slots=True)
class Invocation:
    """What holds for the whole program, whatever the verb."""

    debug: bool = False


class Verb(TyperCommand):
    """A verb that is only a name and a sentence until somebody runs it or asks for its help."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the verb and let it parse `args`; the context that comes back is the real verb's."""
        module = importlib.import_module(f"pipway.cli.{self.name}")
        return typer.main.get_command(module.app).make_context(info_name, args, parent, **extra)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pipway {__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """One small server between Python installers and every package index."""
    context.obj.debug = debug


def program() -> TyperGroup:
    """The whole command tree, verbs unloaded."""
    # Plain help: Rich's costs more time than everything else `--help` does.
    app = typer.Typer(name="pipway", cls=GroupAsTyped, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(_options)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # an app with a callback is one
    for name, sentence in VERBS.items():
        group.add_command(Verb(name, help=sentence))
    return group


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code; an error becomes one block on standard error."""
    invocation = Invocation()
    try:
        program().main(args=arguments, prog_name="pipway", obj=invocation)
    except PipwayError as error:
        from pipway.cli.render import show_error

        show_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if invocation.debug:
            raise
        from pipway.cli.render import show_unexpected

        show_unexpected(error)
        sys.exit(1)
