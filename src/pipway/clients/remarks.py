"""What is said of configuration that does nothing or cannot be read, and of wishes that a tool has no place for.

The clients of tools other than pip build their findings and errors here, so that one thing is said in one way.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import get_args

from pipway.clients.base import Scope
from pipway.clients.layers import parts
from pipway.clients.toml_files import Broken
from pipway.errors import UsageError
from pipway.findings import Finding, Fix, Place, Severity


def broken_file(tool: str, path: Path, broken: Broken, *, stops: bool = True, consequence: str = "") -> Finding:
    """PW702: a file that makes the tool refuse to start, or that it passes over."""
    return Finding(
        "PW702",
        Severity.HIGH if stops else Severity.MEDIUM,
        f"{tool} {'refuses to start' if stops else 'ignores the file'}: {broken.reason}",
        why=consequence or "nothing of what the file says has an effect",
        place=Place(str(path), broken.line, broken.column),
        fix=Fix("repair the line, or move the file away"),
    )


def unknown_key(tool: str, place: Place, key: str, known: Iterable[str], *, stops: bool, consequence: str) -> Finding:
    """PW703: a key that the tool rejects or does not look at."""
    close = difflib.get_close_matches(key, list(known), n=1)
    return Finding(
        "PW703",
        Severity.HIGH if stops else Severity.LOW,
        f"{tool} knows no setting {key}",
        why=consequence,
        place=place,
        fix=Fix(f"write {close[0]} instead" if close else "take it away", safe=False),
    )


def never_read(tool: str, path: Path, instead: Path) -> Finding:
    """PW701: a file that looks like the tool's configuration and is none."""
    free = instead.is_absolute() and not instead.exists()
    commands = (
        (f"mkdir -p {quote(str(instead.parent))}", f"mv {quote(str(path))} {quote(str(instead))}") if free else ()
    )
    return Finding(
        "PW701",
        Severity.MEDIUM,
        f"{tool} never reads this file",
        why=f"it reads {instead}",
        place=Place(str(path)),
        fix=Fix(f"move what it says to {instead}", commands=commands),
    )


def without_effect(
    tool: str, place: Place, what: str, *, why: str, fix: str, commands: tuple[str, ...] = ()
) -> Finding:
    """PW706: something is said, and something else has the say."""
    return Finding(
        "PW706",
        Severity.MEDIUM,
        f"{what} has no effect on {tool}",
        why=why,
        place=place,
        fix=Fix(fix),
    )


def no_scope(tool: str, scope: Scope, scopes: Iterable[Scope]) -> UsageError:
    """The tool has no file for this scope."""
    known = [name for name in get_args(Scope) if name in set(scopes)]
    return UsageError(
        "no-such-scope",
        f"{tool} has no configuration for {scope}",
        fix=f"use --scope {' or '.join(known)}" if known else "set its variables instead",
    )


def no_file_for(tool: str, what: str, command: str, *, why: str = "") -> UsageError:
    """The tool takes this from a variable or an option only."""
    return UsageError(
        "no-such-setting",
        f"{tool} has no {what} in its configuration files",
        why=why or "it takes it from a variable",
        fix=command,
    )


def check_login(path: Path, *urls: str | None) -> None:
    """UsageError when an address with a login would go into a file of a project, which is shared."""
    if any("@" in parts(url or "").netloc for url in urls):
        raise UsageError(
            "login-in-project",
            f"the address holds a login, and {path.name} belongs to a project",
            why="whoever gets the project would get the login, too",
            fix="put the login into your own .netrc, and give the address without it; or use --scope user",
        )
