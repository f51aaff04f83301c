"""`pipway url`: proxy and index URLs built with the right percent-encoding, checked, and taken apart.

A password is typed without echo, piped in, or stands in a variable that is named; never in an argument. What holds one
is printed only where that is asked for (`--show`), or into a file or another program.
"""

from __future__ import annotations

import json
import os
import sys
from getpass import getpass
from typing import Annotated, Any

import typer

from pipway.cli.arguments import no_logins, no_passwords
from pipway.cli.wish import in_clear
from pipway.clients.proxies import understood
from pipway.errors import UsageError
from pipway.redact import HIDDEN, printable, redact
from pipway.wire.login_url import Kind, LoginUrl, Mistake, Reading, build, read

_LONGEST = 8192  # characters that are piped in
_IN_CLEAR = Mistake("it is asked without TLS: pip ignores it unless checks are off, and a login goes in clear")
_INSTEAD = "a variable, named with --variable NAME, or pipe it in: pipway url --check -"

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Build, check and take apart URLs with a login.")


@app.command(no_args_is_help=True)
def url(
    text: Annotated[
        str | None, typer.Argument(metavar="[URL|-]", help="With --check or --parts: the URL; - reads standard input.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what tools make of it, and the right one.")] = False,
    parts: Annotated[bool, typer.Option("--parts", help="Take it apart.")] = False,
    variable: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --check or --parts: the variable that holds the URL.")
    ] = None,
    index: Annotated[bool, typer.Option("--index", help="It is an index's URL, not a proxy's.")] = False,
    scheme: Annotated[str | None, typer.Option(help="To build one: http, https, socks5h; https with --index.")] = None,
    host: Annotated[str | None, typer.Option(help="To build one: a name or an address.")] = None,
    port: Annotated[int | None, typer.Option(help="To build one.")] = None,
    path: Annotated[str, typer.Option(help="To build an index's: /simple/.")] = "",
    user: Annotated[str | None, typer.Option(help="To build one, as it is: 'CORP\\alice'.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for the password, without echo.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print a password to the terminal, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Build, check and take apart proxy and index URLs. Reserved characters in a login are percent-encoded."""
    kind: Kind = "index" if index else "proxy"
    if not (check or parts):
        if text is not None or variable is not None:
            raise UsageError("url-what", "nothing says what to do with this URL", fix="pipway url --check, or --parts")
        if host is None:
            raise UsageError(
                "url-what",
                "there is no host",
                fix="pipway url --host proxy --port 8080 --user 'CORP\\alice' --password",
            )
        secret = _typed(password_stdin) if password or password_stdin else None
        built = build(
            scheme or ("https" if index else "http"), host, port, user=user, password=secret, path=path, kind=kind
        )
        _print(built, show=show, as_json=as_json)
        return
    if (check and parts) or any(value is not None for value in (scheme, host, port, user)) or password or path:
        raise UsageError("url-what", "these options do not go together", fix="use one of: --check, --parts, --host")
    given = _given(text, variable, kind)
    if parts:
        _take_apart(read(given, kind), kind, show=show, as_json=as_json)
        return
    if _check(given, kind, show=show, as_json=as_json):
        raise typer.Exit(1)


def _typed(stdin: bool) -> str:
    if stdin:
        line = sys.stdin.readline(_LONGEST)
        if not line:
            raise UsageError("no-password", "no password came from standard input", fix="pipe it in, or use --password")
        return line.removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise UsageError(
            "no-terminal", "there is no terminal to type the password on", fix="pipe it in with --password-stdin"
        )
    return getpass("Password: ")


def _given(text: str | None, variable: str | None, kind: Kind) -> str:
    if variable is not None:
        if text is not None:
            raise UsageError("url-what", "a URL and a variable are two", fix="leave one of them out")
        value = os.environ.get(variable)
        if value is None:
            raise UsageError("variable-unset", f"{variable} is not set", fix="name a variable that is exported")
        return value
    if text is not None and text != "-":
        if kind == "index":  # where a user alone is a token
            no_logins("the URL", [text], instead=_INSTEAD, file="")
        no_passwords("the URL", [text], instead=_INSTEAD)
        return text
    if text is None and sys.stdin.isatty():
        return getpass("URL: ")
    return sys.stdin.readline(_LONGEST).removesuffix("\n").removesuffix("\r")


def _open(show: bool) -> bool:
    """Whether a password may be printed."""
    return show or not sys.stdout.isatty()


def _print(built: LoginUrl, *, show: bool, as_json: bool) -> None:
    shown = built.format() if _open(show) else str(built)
    print(json.dumps({"url": shown}) if as_json else shown)
    if built.password is not None:
        _note(
            "this holds the password" if _open(show) else "--show prints it with the password; so does a pipe or a file"
        )


def _take_apart(reading: Reading, kind: Kind, *, show: bool, as_json: bool) -> None:
    found = reading.url
    password = found.password if show or found.password is None else HIDDEN
    rows: dict[str, Any] = {
        "scheme": found.scheme,
        "host": found.host,
        "port": found.port,
        "user": HIDDEN if _token(found, kind) and not show else found.user,
        "password": password,
        "path": found.path,
    }
    if as_json:
        print(json.dumps(rows | {"mistakes": [str(mistake) for mistake in reading.mistakes]}, indent=2))
        return
    for name, value in rows.items():
        if value not in (None, ""):
            print(printable(f"{name:<10}{value}"))
    for mistake in reading.mistakes:
        _note(str(mistake))


def _check(given: str, kind: Kind, *, show: bool, as_json: bool) -> bool:
    """Print what is wrong and what tools make of it. Whether anything is wrong."""
    reading = read(given, kind)
    token = _token(reading.url, kind)
    # A pipe may be the log of a CI.
    mended = reading.url.format() if show else redact(str(reading.url)) if token else str(reading.url)
    mistakes = [*reading.mistakes, *([_IN_CLEAR] if kind == "index" and in_clear(reading.url) else [])]
    tools = understood(given) if kind == "proxy" else {}
    wrong = any(mistake.harmful for mistake in mistakes) or not all(told.works for told in tools.values())
    if as_json:
        document = {
            "ok": not wrong,
            "mistakes": [{"what": mistake.what, "harmful": mistake.harmful} for mistake in mistakes],
            "understood": {tool: {"works": told.works, "what": told.text} for tool, told in tools.items()},
            "corrected": mended,
        }
        print(json.dumps(document, indent=2))
        return wrong
    for mistake in mistakes:
        print(f"{'wrong' if mistake.harmful else 'note':<10}{mistake}")
    for tool, told in tools.items():
        print(f"{tool:<10}{told.text}")
    print(f"{'right' if wrong else 'fine':<10}{mended}")
    if (reading.url.password is not None or token) and not show:
        _note("--show prints it with the password")
    return wrong


def _token(url: LoginUrl, kind: Kind) -> bool:
    """Whether the user is as good as a password, as one alone is in an index's URL."""
    return kind == "index" and bool(url.user) and url.password is None


def _note(text: str) -> None:
    if sys.stderr is not None:
        print(f"pipway: {printable(text)}", file=sys.stderr)
