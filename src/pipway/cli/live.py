"""`pipway live`: the running server's requests in the terminal, as they come; also as JSON lines, and as a HAR file."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

import typer

from pipway.errors import LoginNeeded, PipwayError, Unavailable, UsageError

if TYPE_CHECKING:
    from rich.text import Text

app = typer.Typer(add_completion=False, rich_markup_mode=None)

#: Where the token is found that a server with `access.tokens_file` wants; on the command line everybody could read it.
TOKEN_VARIABLE = "PIPWAY_TOKEN"  # noqa: S105  (a name)

_ANSWER_SECONDS = 5.0
_SILENCE = 60.0  # the server says something every few seconds
_LINE = 16 * 2**20
_HAR = 64 * 2**20
_ROOMY = 120  # columns from which on there is room for more than what was asked
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (recognised, not bound)
_COLOURS = {
    "hit": "green", "joined": "green", "miss": "cyan", "forward": "cyan", "tunnel": "cyan", "stale": "yellow",
    "refused": "bold red", "error": "bold red",
}  # fmt: skip


@app.command()
def live(
    text: Annotated[str, typer.Option(metavar="TEXT", help="Only what has this in its target, route, …")] = "",
    outcome: Annotated[str, typer.Option(metavar="WORD", help="Only hit, miss, stale, tunnel, refused, …")] = "",
    tool: Annotated[str, typer.Option(metavar="NAME", help="Only what this client asked: pip, uv, …")] = "",
    last: Annotated[int, typer.Option(metavar="N", min=0, help="Begin with the N latest requests.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, for programs.")] = False,
    har: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what is remembered as an HTTP Archive, and leave.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Read settings from this TOML file.")] = None,
) -> None:
    """Follow the requests of the server that runs."""
    from pipway.settings import load

    server = _Server(*load(config=config, environ=os.environ).server.listen, os.environ)
    wanted = {name: value for name, value in (("text", text), ("outcome", outcome), ("tool", tool)) if value}
    if har is not None:
        _write(har, server.har(wanted))
        return
    try:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(server.events({**wanted, "last": str(last)}), as_json=as_json)
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = None  # or the interpreter would complain once more at exit


class _Server:
    """The pipway at one address."""

    def __init__(self, host: str, port: int, environ: Mapping[str, str]) -> None:
        host = _ANYWHERE.get(host, host)
        self._at = (host, port)
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        token = environ.get(TOKEN_VARIABLE, "")
        self._fields = {"Authorization": f"Bearer {token}"} if token else {}

    def har(self, wanted: Mapping[str, str]) -> bytes:
        """The archive. PipwayError."""
        answer = self._ask("/live/har", wanted, "application/json")
        try:
            return answer.read(_HAR)
        except (OSError, http.client.HTTPException) as error:
            raise self._gone(error) from None

    def events(self, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The data of one event after the other, until the server ends them. PipwayError."""
        answer = self._ask("/live/events", wanted, "text/event-stream")
        while True:
            try:
                line = answer.readline(_LINE)
            except (OSError, http.client.HTTPException) as error:
                raise self._gone(error) from None
            if not line:
                return
            if line.startswith(b"data: "):
                try:
                    event = json.loads(line[6:])
                    yield {"entries": [dict(entry) for entry in event["entries"]], "skipped": int(event["skipped"])}
                except (KeyError, TypeError, ValueError):
                    raise self._gone("what it sends is no traffic") from None

    def _ask(self, path: str, wanted: Mapping[str, str], kind: str) -> http.client.HTTPResponse:
        if not self._at[1]:
            raise UsageError("no-port", "the settings leave the port open", fix="set server.listen (PIPWAY_LISTEN)")
        connection = http.client.HTTPConnection(*self._at, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", f"{path}?{urlencode(wanted)}", headers=self._fields)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                "not-running",
                f"no pipway answers at {self.name}",
                why=str(error) or type(error).__name__,
                fix="start it with pipway serve, or say with --config or PIPWAY_LISTEN where it listens",
            ) from None
        if answer.status in (401, 407):
            fix = f"put a token into the variable {TOKEN_VARIABLE} (pipway access add NAME makes one)"
            raise LoginNeeded("login-needed", f"the server at {self.name} wants a token", status=401, fix=fix)
        if answer.status == 503:
            raise Unavailable("too-many-readers", f"the server at {self.name} has too many readers", fix="close one")
        if answer.status != 200 or (answer.headers.get_content_type() != kind):
            raise Unavailable(
                "not-pipway",
                f"what answers at {self.name} shows no traffic",
                why=f"it said {answer.status} to {path}",
                fix="pipway of this version has to listen there; set PIPWAY_LISTEN to where it does",
            )
        if connection.sock is not None:
            connection.sock.settimeout(_SILENCE)
        return answer

    def _gone(self, error: object) -> PipwayError:
        why = str(error) or type(error).__name__
        return Unavailable("server-gone", f"the server at {self.name} has gone", why=why, fix="start it again")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise UsageError(
            "unwritable", f"cannot write {file}", why=error.strerror or str(error), fix="name another file"
        ) from None


def _follow(events: Iterator[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for event in events:
            for entry in event["entries"]:
                print(json.dumps(entry), flush=True)  # ASCII: no escape of a client's reaches the terminal
        return
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    overflow: Literal["ellipsis", "ignore"] = "ellipsis" if console.is_terminal else "ignore"
    for event in events:
        if event["skipped"]:
            console.print(f"… {event['skipped']} requests came too fast to be shown", style="dim")
        for entry in event["entries"]:
            roomy = not console.is_terminal or console.width >= _ROOMY
            console.print(_line(entry, roomy=roomy), no_wrap=True, overflow=overflow, crop=console.is_terminal)
            if entry["reason"]:
                console.print(_words(f"{'':<18}{entry['reason']}", "red"), soft_wrap=True)


def _line(entry: dict[str, Any], *, roomy: bool) -> Text:
    from datetime import datetime

    from rich.text import Text

    line = Text()
    moment = datetime.fromtimestamp(entry["ended"]).strftime("%H:%M:%S")
    client = f"{entry['tool'] or '-'} {entry['version']}".strip()
    for text, style in (
        (f"{moment} ", "dim"),
        (f"{entry['outcome']:<8}", _COLOURS.get(entry["outcome"], "")),
        (f"{entry['status']} ", "dim"),
        (f"{client:<14} ", "bold"),
        (f"{_size(entry['sent']):>9} " if roomy else "", ""),
        (f"{_span(entry['first']):>8} " if roomy else "", ""),
        (f"{_span(entry['seconds']):>7} ", ""),
        (f"{entry['method']} ", "dim"),
        (entry["target"] if roomy else _short(entry["target"]), ""),
        (f"  {entry['route']}" if entry["route"] else "", "dim"),
    ):
        line.append(_words(text, style))
    return line


def _short(target: str) -> str:
    """Where it is and what it is called; the folders in between are made of digits."""
    parts = target.partition("?")[0].split("/")
    return "/".join((*parts[:4], "…", parts[-1])) if len(parts) > 6 else target


def _words(text: str, style: str) -> Text:
    """Text without anything that moves the cursor: the server took it out already, if it is ours."""
    from rich.text import Text

    safe = text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)
    return Text(safe, style)


def _size(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
