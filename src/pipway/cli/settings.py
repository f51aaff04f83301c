"""`pipway settings`: show every value with its origin, check them, describe the file for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from pipway.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Read settings from this TOML file.")]


@app.callback(invoke_without_command=True)
def _group(
    context: typer.Context,
    clients: Annotated[
        bool, typer.Option("--clients", help="Show what pip, uv and other tools end up with, and who said so.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --clients: print JSON.")] = False,
) -> None:
    """Show, check and describe every setting."""
    if context.invoked_subcommand is not None:
        if clients or as_json:
            raise UsageError("settings-what", "--clients stands alone", fix="pipway settings --clients --json")
        return
    if not clients:
        raise UsageError("settings-what", "--json needs --clients or show", fix="pipway settings show --json")
    _clients(as_json)


def _clients(as_json: bool) -> None:
    from rich.console import Console

    from pipway.cli import clients_table
    from pipway.cli.render import show_findings
    from pipway.clients.here import here
    from pipway.clients.registry import CLIENTS

    tools = clients_table.collect(CLIENTS.values(), here(os.environ))
    if as_json:
        print(clients_table.as_json(tools))
        return
    clients_table.show(tools, Console())
    show_findings(finding for tool in tools for finding in tool.findings)


@app.command()
def show(
    config: _Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: name → value, origin.")] = False,
) -> None:
    """Print every setting, its value and where the value came from. Secrets are hidden."""
    from pipway.settings import load
    from pipway.settings.table import options, value_of

    settings = load(config=config, environ=os.environ)
    rows = {
        option.name: {
            "value": option.kind.show(value_of(settings, option.name)),
            "origin": settings.origins[option.name],
        }
        for option in options()
    }
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    texts = [(name, _plain(row["value"]), row["origin"]) for name, row in rows.items()]
    first, second = (max(len(text[column]) for text in texts) for column in (0, 1))
    for name, value, origin in texts:
        print(f"{name:<{first}}  {value:<{second}}  {origin}")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)


@app.command()
def check(config: _Config = None) -> None:
    """Check the settings: exit code 0 when the server would start with them, 2 when not."""
    from pipway import entrance
    from pipway.cli.render import show_findings
    from pipway.findings import Severity
    from pipway.settings import SettingsError, load
    from pipway.settings.check import advise

    try:
        settings = load(config=config, environ=os.environ)
    except SettingsError as error:
        show_findings(error.findings)
        raise typer.Exit(error.exit_code) from None
    advice = list(advise(settings))
    show_findings(advice)
    if any(finding.severity >= Severity.HIGH for finding in advice):
        raise typer.Exit(2)
    entrance.build(settings, indexes=lambda host, port: False)  # raises what would stop the server
    print(f"settings are usable, {len(advice)} remark(s)" if advice else "settings are fine")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors."""
    from pipway.settings.schema import json_schema

    print(json.dumps(json_schema(), indent=2))


@app.command()
def trust(config: _Config = None) -> None:
    """Show whose certificates are believed, how many roots each place has, and who named it."""
    import asyncio

    from pipway.dial.trust import Trust
    from pipway.settings import load

    chosen = load(config=config, environ=os.environ).trust
    sources = asyncio.run(Trust(extra=chosen.extra_ca, environ=os.environ if chosen.environment else {}).origins())
    for source in sources:
        count = "" if source.roots is None else f"{source.roots} roots"
        where = str(source.path) if source.path is not None else ""
        print("  ".join(part for part in (source.origin, where, count, source.problem) if part))
