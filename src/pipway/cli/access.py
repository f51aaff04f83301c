"""`pipway access add|list|remove`: the tokens that let clients in. A token is printed once, when it is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Make, list and remove the tokens that let clients in.",
)

_Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The settings file of the server.")]
_File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The tokens file; by default access.tokens_file.")
]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: a person, a machine, a pipeline.")]


@app.command()
def add(name: _Name, file: _File = None, config: _Config = None) -> None:
    """Make a token and print it; only its hash is kept."""
    from pipway import tokens

    path = _path(file, config)
    known, token = (tokens.load(path) if path.exists() else tokens.Tokens({})).added(name)
    tokens.save(path, known)
    print(token)
    typer.echo(
        f"Kept as a hash in {path}; it cannot be shown again. Restart the server, then write it into URLs:\n"
        f"http://{name}:TOKEN@HOST:PORT/simple/",
        err=True,
    )


@app.command(name="list")
def list_(file: _File = None, config: _Config = None) -> None:
    """Print the names of all tokens."""
    from pipway import tokens

    for name in tokens.load(_path(file, config)).names:
        print(name)


@app.command()
def remove(name: _Name, file: _File = None, config: _Config = None) -> None:
    """Remove a token; it lets nobody in once the server is restarted."""
    from pipway import tokens

    path = _path(file, config)
    tokens.save(path, tokens.load(path).without(name))
    typer.echo(f"Removed {name}. Restart the server.", err=True)


def _path(file: Path | None, config: Path | None) -> Path:
    from pipway.errors import UsageError
    from pipway.settings import load

    if file is not None:
        return file
    chosen = load(config=config, environ=os.environ).access.tokens_file
    if chosen is None:
        raise UsageError(
            "no-tokens-file",
            "there is no file for tokens yet",
            fix="set access.tokens_file (PIPWAY_ACCESS_TOKENS_FILE) for the server, or name one with --file",
        )
    return chosen
