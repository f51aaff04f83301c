"""`pipway ca show|export|rotate`: the certificate authority of interception, which clients must trust.

Its key is never printed. Works on the data folder, whether a server runs or not; one that runs notices.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipway import interception
from pipway.cli.bundle import write
from pipway.errors import UsageError
from pipway.settings import Settings, load
from pipway.trace import Trace

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show, export and rotate the certificate authority.",
)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The settings file of the server.")]
Data = Annotated[str | None, typer.Option("--data", metavar="DIR", help="The data folder of the server.")]


@app.command()
def show(
    config: Config = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the authority: fingerprint, end, the hosts that it may speak for, and who follows."""
    settings = _settings(config, data)
    found = _facts(settings)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(f"Authority    {found['name']}")
    typer.echo(f"SHA-256      {found['sha256']}")
    typer.echo(f"Valid until  {found['ends'][:10]}")
    typer.echo(f"Speaks for   {', '.join(found['hosts'])}, and names below them")
    if found["uncovered"]:
        typer.echo(f"Not for      {', '.join(found['uncovered'])}: known since, not looked into (pipway ca rotate)")
    if found["successor"]:
        typer.echo(f"Successor    {found['successor']['sha256']}, signs from {found['successor']['from'][:10]} on")
    typer.echo(f"For clients  {found['file']}")
    if not settings.intercept.enabled:
        typer.echo("Interception is off: set intercept.enabled to use it.")


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="With this system's roots, for SSL_CERT_FILE, which replaces them all.")
    ] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Write what clients shall trust: the certificate, and the successor's. Makes the authority if there is none."""
    settings = _settings(config, data)
    authority, _ = _opened(settings)
    if full:
        if file is None:
            raise UsageError("export-where", "--full needs a file to write", fix="pipway ca export --full FILE")
        write(file, [authority.bundle, *settings.trust.extra_ca], os.environ)
        return
    pem = authority.bundle.read_text(encoding="ascii")
    if file is None:
        typer.echo(pem, nl=False)
        return
    try:
        file.write_text(pem, encoding="ascii")
    except OSError as error:
        raise UsageError(
            "export-unwritable", f"cannot write {file}", why=error.strerror or str(error), fix="name another file"
        ) from None


@app.command()
def rotate(
    now: Annotated[
        bool, typer.Option("--now", help="End the present one at once, as when its key may have been read.")
    ] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Make a successor for all hosts that are known; it signs after thirty days, or with --now at once."""
    settings = _settings(config, data)
    if now:
        identity = asyncio.run(interception.replaced(settings, os.environ))
        typer.echo(
            f"{identity.fingerprint} signs from now on. Clients that trust the one before must trust it instead:"
        )
        typer.echo("pipway ca export")
        return
    authority, hosts = _opened(settings)
    assert authority.current is not None
    successor = authority.prepare([*authority.current.names, *interception.wanted(settings, hosts)])
    assert authority.takes_over is not None
    typer.echo(f"{successor.fingerprint} signs from {_day(authority.takes_over)} on, for {', '.join(successor.names)}.")
    typer.echo(f"Have clients trust both until then: {authority.bundle}, or pipway ca export.")


def _settings(config: Path | None, data: str | None) -> Settings:
    return load(config=config, environ=os.environ, arguments={"data": data} if data else {})


def _opened(settings: Settings) -> interception.Opened:
    """With the authority made if there is none, and a remark when it is made blindly."""
    trace = Trace()
    trace.listen(lambda name, facts: _remark(facts) if name == "intercept.incomplete" else None)
    return asyncio.run(interception.opened(settings, os.environ, trace))


def _remark(facts: Mapping[str, Any]) -> None:
    typer.echo(f"Remark: {facts['why']}. {facts['fix']}", err=True)


def _facts(settings: Settings) -> dict[str, Any]:
    authority, hosts = asyncio.run(interception.kept(settings))
    current, successor, takes_over = authority.current, authority.successor, authority.takes_over
    if current is None:
        raise UsageError(
            "ca-missing", f"there is no certificate authority in {settings.data}", fix="run `pipway ca export`"
        )
    return {
        "name": current.name,
        "sha256": current.fingerprint,
        "made": current.made.isoformat(),
        "ends": current.ends.isoformat(),
        "hosts": list(current.names),
        "uncovered": [host for host in interception.wanted(settings, hosts) if not current.covers(host)],
        "file": str(authority.bundle),
        "successor": {
            "sha256": successor.fingerprint,
            "from": takes_over.isoformat(),
            "ends": successor.ends.isoformat(),
            "hosts": list(successor.names),
        }
        if successor is not None and takes_over is not None
        else None,
    }


def _day(when: datetime) -> str:
    return when.date().isoformat()
