"""pip: where it reads, what it ends up with, what is wrong there, and how to change it.

`registry` has it. The parts are in `pip_files`, `pip_effective`, `pip_findings`, `pip_mending` and `pip_options`; what
changed with pip's versions is in `pip_facts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipway.clients import pip_effective, pip_files, pip_findings, pip_mending
from pipway.clients.base import Change, ConfigFile, Effective, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.found import Found
from pipway.clients.here import on_path, running
from pipway.clients.ini import Ini
from pipway.clients.ordinary_files import content
from pipway.clients.pip_options import SETTINGS, normalised
from pipway.errors import UsageError
from pipway.findings import Finding

_SAYS = re.compile(r"pip (\S+) from (.+?)(?: \(python (\S+)\))?\s*$", re.MULTILINE)
_LOGIN = re.compile(rb"//[^/\s]*@")
_KEYS = {setting: next(key for key, of in SETTINGS.items() if of is setting) for setting in SETTINGS.values()}
#: what leads to other packages, or to none, beside a chosen index
_BESIDE_INDEX = (Setting.EXTRA_INDEXES, Setting.TRUSTED_HOSTS, Setting.NO_INDEX)


class Pip:
    """See `Client`."""

    name = "pip"

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """The command's, those on PATH, the active environment's, and our own Python's."""
        return Found(_asked(surroundings))

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """See `Client`."""
        return tuple(pip_files.files(surroundings, None))

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """See `Client`."""
        return pip_effective.effective(surroundings, installed)

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """See `Client`."""
        return tuple(pip_findings.findings(surroundings, installed))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """See `Client`. What a wish sets stands in [global] alone, so that no section of a command overrides it."""
        if wish.no_proxy is not None:
            raise UsageError(
                "no-such-setting",
                "pip has no setting for hosts without a proxy",
                why="it reads NO_PROXY, and only where its proxy comes from HTTPS_PROXY",
                fix="set NO_PROXY and HTTPS_PROXY in the environment",
            )
        path = pip_files.to_change(surroundings, None, scope)
        before = _content(path)
        ini = Ini(before or b"", normalised)
        for problem in pip_files.stops(ini, surroundings):
            certain = pip_mending.mended(ini) is not None
            raise UsageError(
                "file-broken",
                f"{path} cannot be changed: pip cannot read it",
                why=f"line {problem.line}: {problem.kind}",
                fix=f"mend it first: {'pipway doctor --fix' if certain else 'edit that line, or move the file away'}",
            )
        after = _changed(ini, wish).to_bytes()
        if after == (before or b""):
            return ()
        return (Change(path, before, after, private=_LOGIN.search(after) is not None),)

    def mended(self, path: Path) -> Change | None:
        """The file as it was meant, where that is certain: lost indents, marks, doubles, one wrong letter."""
        before = _content(path)
        after = pip_mending.mended(Ini(before, normalised)) if before is not None else None
        if before is None or after is None:
            return None
        return Change(path, before, after, private=_LOGIN.search(after) is not None)


def _changed(ini: Ini, wish: Wish) -> Ini:
    values: dict[Setting, str] = {}
    if wish.index is not None:
        values[Setting.INDEX] = wish.index
    if wish.proxy is not None:
        values[Setting.PROXY] = wish.proxy
    if wish.ca is not None:
        values[Setting.CA] = str(wish.ca)
    if wish.timeout is not None:
        values[Setting.TIMEOUT] = str(wish.timeout)
    if wish.require_virtualenv is not None:
        values[Setting.REQUIRE_VIRTUALENV] = "true" if wish.require_virtualenv else "false"
    gone = {*wish.drop, *(_BESIDE_INDEX if wish.index is not None else ())} - {*values} - wish.keep
    for item in ini.items:
        setting = SETTINGS.get(item.name)
        kept = item.section == "global" and setting is not None and item.name == _KEYS[setting]
        if setting in gone or (setting in values and not kept):
            ini = ini.remove(item.section, item.name)
    for setting, value in values.items():
        now = ini.find("global", _KEYS[setting])
        if now is None or now.value != value:
            try:
                ini = ini.set("global", _KEYS[setting], value)
            except ValueError as error:
                raise UsageError(
                    "value-unwritable",
                    f"{setting.value} cannot be written so",
                    why=str(error),
                    fix="use one line",
                ) from None
    return ini


def _content(path: Path) -> bytes | None:
    try:
        return content(path, pip_files.LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(
            "file-unreadable", f"cannot read {path}", why=error.strerror or str(error), fix="check who may read it"
        ) from None


def _asked(surroundings: Surroundings) -> Iterator[Installed]:
    """What each says that answers; the same one twice counts once."""
    seen = set()
    for command in _candidates(surroundings):
        match = _SAYS.match(running(surroundings, [*command, "--version"]))
        if match is not None and (match[2], match[3]) not in seen:
            seen.add((match[2], match[3]))
            yield Installed("pip", command, match[1], match[3] or "", pip_files.prefix_of(match[2]))


def _candidates(surroundings: Surroundings) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    words = surroundings.command
    if words[1:3] == ("-m", "pip"):
        found.append((words[0], "-m", "pip"))
    elif words and Path(words[0]).stem.startswith("pip") and len(Path(words[0]).parts) > 1:
        found.append((words[0],))
    found += [(str(path),) for name in ("pip", "pip3") for path in on_path(surroundings, name)]
    if surroundings.venv is not None:
        inside = "Scripts/python.exe" if surroundings.system == "windows" else "bin/python"
        found.append((str(surroundings.venv / inside), "-m", "pip"))
    found.append((surroundings.python, "-m", "pip"))
    return list(dict.fromkeys(found))
