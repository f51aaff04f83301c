"""`pipway doctor [TARGET | -- COMMAND]`: tries the way to the index step by step; says what fails, why, and the fix.

Nothing is changed without `--fix`, and a secret that was refused before is not sent again.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipway.cli.arguments import no_logins
from pipway.errors import UsageError
from pipway.platforms import WINDOWS

if TYPE_CHECKING:
    from pipway.clients.base import Surroundings
    from pipway.dial.parent import Parent
    from pipway.doctor.base import Case, Subject
    from pipway.doctor.run import Report
    from pipway.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMINED = ("pip", "uv", "poetry")
_PROJECT = "pip"  # looked up where nobody names a project: every index of any use has it


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def doctor(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET] | -- COMMAND...",
            help="A project, the URL of an index, or the command that failed.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    client: Annotated[str | None, typer.Option(help="The installer to examine: pip, uv or poetry.")] = None,
    pac: Annotated[str | None, typer.Option(metavar="URL|FILE", help="This network's proxy auto-config file.")] = None,
    ca: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="An authority to try; repeatable.")] = None,
    try_login: Annotated[
        bool, typer.Option("--try-login", help="Send a login once more that the proxy rejected before.")
    ] = False,
    capture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was asked and answered, without secrets, for IT.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Carry out the fixes that are safe, then look again.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Read settings from this TOML file.")] = None,
) -> None:
    """Try the way to the index step by step; say what fails, why, and the fix."""
    from pipway.cli.doctor_capture import begin, finish

    file = begin(capture) if capture is not None else None
    case = replace(
        _case(words or [], client, config, pac=pac or "", ca=tuple(ca or ())), try_again=_asking(given=try_login)
    )
    report = _examined(case, as_json=as_json)
    if fix and report.findings:
        if _mended(report, config):
            report = _examined(_case(words or [], client, config, pac=pac or "", ca=tuple(ca or ())), as_json=as_json)
        else:
            print("Nothing of this can be mended safely without a person.", file=sys.stderr)
    if file is not None:
        finish(file, report)
        print(f"written to {capture}: what was asked and answered, without secrets", file=sys.stderr)
    if as_json:
        import json

        from pipway.cli.doctor_report import as_dict

        print(json.dumps(as_dict(report), indent=2))
    raise typer.Exit(1 if report.first else 0)


def _mended(report: Report, config: Path | None) -> bool:
    """Carry out what is safe; whether anything was done."""
    from datetime import UTC, datetime

    from pipway.cli.doctor_fix import carry_out
    from pipway.clients.changes import Journal
    from pipway.settings import load

    journal = Journal(load(config=config, environ=os.environ).data / "configure")
    back = f"pipway configure --undo{f' --config {shlex.quote(str(config))}' if config else ''}"
    return bool(carry_out(report.findings, report.case.surroundings, journal, now=datetime.now(UTC), back=back))


def _asking(*, given: bool) -> Callable[[str], bool]:
    """Whether a login that was rejected before may be sent again: said with an option, or asked on a terminal."""

    def ask(question: str) -> bool:
        if given:
            return True
        terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        return terminal and typer.confirm(question, default=False, err=True)

    return ask


def _examined(case: Case, *, as_json: bool) -> Report:
    from pipway.cli.doctor_report import Screen
    from pipway.doctor.run import examine
    from pipway.redact import redact

    if as_json:
        return asyncio.run(_unless_ended(examine(case)))
    screen = Screen()
    screen.begin(f"{case.subject.name} {case.subject.version} and {redact(case.index)}".replace("  ", " "))
    report = asyncio.run(_unless_ended(examine(case, told=screen.step)))
    screen.end(report)
    return report


async def _unless_ended(examining: Coroutine[None, None, Report]) -> Report:
    """SIGTERM and SIGHUP end it as Ctrl-C does: with what it has started, and the folders that it has made."""
    task = asyncio.ensure_future(examining)
    ended: list[int] = []

    def end(number: int) -> None:
        ended.append(number)
        task.cancel()

    for name in () if WINDOWS else ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not ended:
            raise
        raise typer.Exit(128 + ended[0]) from None


def _case(words: Sequence[str], client: str | None, config: Path | None, *, pac: str, ca: tuple[Path, ...]) -> Case:
    from pipway import outbound
    from pipway.clients.base import Setting
    from pipway.clients.here import here
    from pipway.clients.registry import client as tool
    from pipway.doctor.base import Case
    from pipway.doctor.commands import understood
    from pipway.doctor.wanted import listed
    from pipway.settings import load
    from pipway.trace import Trace

    command = understood(words)
    if len(words) > 1 and not command.tool:
        raise UsageError(
            "unknown-command",
            "this is not a command of an installer that pipway knows",
            why=f"it begins with {words[0]}",
            fix="pipway doctor -- pip install PACKAGE; options stand first, as in pipway doctor --client uv PROJECT",
        )
    surroundings = here(os.environ, command=tuple(words) if command.tool else ())
    target = "" if command.tool or not words else _target(words[0])
    wanted = command.tool or (tool(client).name if client else "")
    everyone = _subjects(dict.fromkeys([wanted, *_EXAMINED] if wanted else _EXAMINED), surroundings)
    subjects = everyone[:1] if wanted else everyone
    found = [each for each in subjects if each.installed is not None] or subjects[:1]
    others = [each for each in everyone if each.name != found[0].name]
    index = target if "://" in target else found[0].value(Setting.INDEX)
    named = command.project or listed(surroundings.cwd, command.arguments)
    project = target if target and "://" not in target else named
    settings = load(config=config, environ=os.environ)
    return Case(
        surroundings,
        found[0],
        tuple(each for each in others if each.installed is not None),
        index,
        project or _PROJECT,
        assumed=not project,
        command=(shlex.join(words),) if command.tool else (),
        logins=outbound.build(settings, _without_proxies(os.environ), Trace()).logins,
        accounts=tuple(_accounts(settings)),
        pac=pac or str(settings.outbound.pac or ""),
        ca=ca,
    )


def _accounts(settings: Settings) -> Iterator[Parent]:
    """Whose logins pipway has: those that the settings name, and those that were kept with `pipway credentials`."""
    from pipway import outbound
    from pipway.dial.credentials.file import FilePlace
    from pipway.wire.proxy_url import parse_proxy_url

    yield from (parent for parent in outbound.parents(settings) if parent.user)
    for entry in FilePlace(outbound.credentials_file()).listed():
        user, _, address = entry.key.rpartition("@")
        yield replace(outbound.named_parent(settings, parse_proxy_url(f"http://{address}")), user=user)


def _target(text: str) -> str:
    """An index's URL as it is, or a project's name, normalised."""
    from packaging.utils import InvalidName, canonicalize_name

    from pipway.dial.url import Url

    if "://" in text:
        no_logins("TARGET", [text], instead="the installer's own configuration")
        Url.parse(text)
        return text
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise UsageError(
            "bad-target",
            "this is neither a project's name nor an index's URL",
            fix="pipway doctor requests, pipway doctor https://index.example/simple/, or pipway doctor -- COMMAND",
        ) from None


def _subjects(names: Iterable[str], surroundings: Surroundings) -> list[Subject]:
    """Side by side, since each is started: Poetry takes a second to say its version."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    with ThreadPoolExecutor() as pool:
        return list(pool.map(partial(_subject, surroundings=surroundings), names))


def _subject(name: str, surroundings: Surroundings) -> Subject:
    from pipway.clients.registry import CLIENTS
    from pipway.doctor.base import Subject

    client = CLIENTS[name]
    installed = next(iter(client.find(surroundings)), None)
    return Subject(name, installed, client.effective(surroundings, installed))


def _without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the proxy variables is what doctor shall tell: it must not stop over them itself."""
    return {name: value for name, value in environ.items() if not name.lower().endswith("_proxy")}
