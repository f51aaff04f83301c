"""`pipway serve`: read the settings, start the server, say where it is, stay until told to stop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipway.cli.arguments import no_logins, no_passwords

app = typer.Typer(add_completion=False, rich_markup_mode=None)

#: parameter of `serve` → setting it gives
_SETTING = {
    "listen": "server.listen",
    "data": "data",
    "upstream": "upstreams",
    "offline": "offline",
    "parent": "parent.url",
    "basic_in_clear": "parent.basic_in_clear",
    "pac": "outbound.pac",
    "no_proxy": "outbound.no_proxy",
    "log_format": "log.format",
}


@app.command()
def serve(
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 picks one.")] = None,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The folder that holds what is cached.")] = None,
    upstream: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]URL", help="An index to fetch from; may be repeated, first one first."),
    ] = None,
    offline: Annotated[bool | None, typer.Option(help="Never ask upstream; serve what is stored.")] = None,
    parent: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A proxy to go out through, as http://CORP%5Calice@proxy:8080; repeatable."),
    ] = None,
    basic_in_clear: Annotated[
        bool | None, typer.Option("--basic-in-clear", help="Allow Basic to a parent without TLS.")
    ] = None,
    pac: Annotated[str | None, typer.Option(metavar="URL|FILE", help="A proxy auto-configuration file.")] = None,
    no_proxy: Annotated[
        str | None, typer.Option(metavar="LIST", help="Targets reached without parent and PAC; none for no exception.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Read settings from this TOML file.")] = None,
    log_format: Annotated[
        Literal["human", "json"] | None, typer.Option(help="How log lines look; by default human on a terminal.")
    ] = None,
) -> None:
    """Start the server and stay until told to stop (SIGTERM or Ctrl-C)."""
    no_passwords("--parent", parent or ())
    no_logins("--upstream", upstream or (), instead="PIPWAY_UPSTREAM")
    no_logins("--pac", [pac] if pac and "://" in pac else (), instead="PIPWAY_PAC")
    given = {_SETTING[key]: value for key, value in locals().items() if key in _SETTING and value not in (None, [])}
    raise typer.Exit(_run(config, given))


def _run(config: Path | None, arguments: dict[str, Any]) -> int:
    import asyncio
    import os

    from pipway import app as application
    from pipway import platforms, settings

    platforms.hold_standard_streams()
    loaded = settings.load(config=config, environ=os.environ, arguments=arguments)
    typed = ask(loaded) if sys.stdin is not None and sys.stdin.isatty() else {}
    with asyncio.Runner(loop_factory=platforms.loop_factory()) as runner:
        return runner.run(application.serve(loaded, ready=_announce, typed=typed))


def ask(settings: Any) -> dict[str, str]:
    """The passwords of parents' users that are kept nowhere, typed without echo; nothing typed is none."""
    import asyncio
    import os
    from getpass import getpass

    from pipway import outbound
    from pipway.dial.credentials.base import checked, key_of
    from pipway.trace import Trace

    if not outbound.parents(settings):
        return {}
    missing = asyncio.run(outbound.missing(outbound.build(settings, os.environ, Trace()), settings))
    typed = {key_of(parent): getpass(f"Password of {parent.user} at {parent.address}: ") for parent in missing}
    return {key: checked(password) for key, password in typed.items() if password}


def _announce(url: str) -> None:
    """Say that the server is ready; scripts wait for this line, so it is the only one and it is flushed."""
    try:
        print(f"pipway is ready at {url} (index: {url}simple/)", flush=True)
    except OSError:
        sys.stdout = None  # the reader has gone; without this the interpreter would complain again at exit
