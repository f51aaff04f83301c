"""The netrc file, from which pip, uv and everything made with requests take logins for indexes.

doctor and the audit call it. Which hosts have a login is told, and in which line; names and passwords never leave here.
"""

from __future__ import annotations

import netrc
import re
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipway.clients.base import Surroundings
from pipway.clients.ordinary_files import content
from pipway.findings import Finding, Fix, Place, Severity

_MACHINE = re.compile(r"(?<!\S)machine\s+(\S+)|(?<!\S)(default)(?!\S)")
_MOST = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Logins:
    """What the file has logins for."""

    path: Path
    hosts: tuple[tuple[str, int], ...] = ()  #: host, line
    default: int = 0  #: the line of `default`, whose login every host gets
    error: str = ""  #: why nothing can be read
    line: int | None = None  #: where

    def place(self, host: str) -> Place | None:
        """Where the login for a host stands, None when there is none."""
        line = dict(self.hosts).get(host) or self.default
        return Place(str(self.path), line) if line else None


def path(surroundings: Surroundings) -> Path | None:
    """The one that requests reads: NETRC's, else the first of ~/.netrc and ~/_netrc. None when there is none."""
    named = surroundings.environ.get("NETRC")
    if named is not None:
        expanded = surroundings.home / named[2:] if named.startswith("~/") else surroundings.cwd / named
        candidates: Sequence[Path] = [expanded] if named else []
    else:
        candidates = [surroundings.home / ".netrc", surroundings.home / "_netrc"]
    return next((candidate for candidate in candidates if _exists(candidate)), None)


def read(surroundings: Surroundings) -> Logins | None:
    """Its hosts; None when there is no such file."""
    file = path(surroundings)
    if file is None:
        return None
    try:
        raw = content(file, _MOST)
        if len(raw) > _MOST:
            return Logins(file, error="it is too large")
        text = raw.decode("utf-8")
        known = netrc.netrc(str(file)).hosts
    except netrc.NetrcParseError as error:
        return Logins(file, error="its form is wrong", line=error.lineno)
    except UnicodeDecodeError:
        return Logins(file, error="it is no UTF-8")
    except OSError as error:
        return Logins(file, error=error.strerror or str(error))
    hosts: dict[str, int] = {}
    default = 0
    for match in _MACHINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[2] and "default" in known:
            default = line
        elif match[1] in known:
            hosts.setdefault(match[1], line)
    return Logins(file, tuple(hosts.items()), default)


def findings(surroundings: Surroundings) -> list[Finding]:
    """PW303, PW309, PW701, PW702."""
    named = surroundings.environ.get("NETRC")
    logins = read(surroundings)
    if logins is None:
        if not named:
            return []
        why = "no login is taken from ~/.netrc either"
        fix = Fix("name one that is there, or unset it", commands=("unset NETRC",))
        return [Finding("PW701", Severity.MEDIUM, "NETRC names a file that is not there", why, Place("NETRC"), fix=fix)]
    place = Place(str(logins.path), logins.line)
    found = []
    if logins.error:
        why = "pip goes on without the logins, and says nothing"
        found.append(
            Finding("PW702", Severity.MEDIUM, f"{logins.path} cannot be read: {logins.error}", why, place,
                    fix=Fix("write it as: machine HOST login USER password PASSWORD"))
        )  # fmt: skip
    if surroundings.system != "windows" and _open_to_others(logins.path):
        command = f"chmod 600 {shlex.quote(str(logins.path))}"
        found.append(
            Finding("PW303", Severity.HIGH, f"{logins.path} can be read by others", "it holds passwords", place,
                    fix=Fix("let nobody else read it", safe=True, commands=(command,)))
        )  # fmt: skip
    if logins.default:
        found.append(
            Finding("PW309", Severity.HIGH, f"{logins.path} has a login for every host",
                    "pip sends it to whichever index asks for one", Place(str(logins.path), logins.default),
                    fix=Fix("name the host: machine HOST instead of default"))
        )  # fmt: skip
    return found


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return False


def _open_to_others(file: Path) -> bool:
    try:
        return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)
    except OSError:
        return False
