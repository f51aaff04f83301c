"""PW701 to PW710 for pip: configuration that does nothing, cannot be read, or stops it.

The pip client calls it. No finding shows a value that may hold a login.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipway.clients import proxy_variables
from pipway.clients.base import Entry, Installed, Setting, Surroundings
from pipway.clients.diff import hide
from pipway.clients.index_urls import suspicious
from pipway.clients.ini import Item, Kind, Problem
from pipway.clients.ordinary_files import is_file
from pipway.clients.pip_effective import effective, entries_of, variables
from pipway.clients.pip_files import Loaded, files, load, name, never_read, stops, switched_off, user_folder
from pipway.clients.pip_mending import HARMLESS, continues, lost_indent, mended, suggestion
from pipway.clients.pip_options import ALL, COMMANDS, FLAGS, SETTINGS, normalised, parse, truth
from pipway.findings import Finding, Fix, Place, Severity

_NUMBERS = {Setting.TIMEOUT: float, Setting.RETRIES: int}
_SECTIONS = ("DEFAULT", "global", *COMMANDS)


def findings(surroundings: Surroundings, installed: Installed | None) -> list[Finding]:
    """All of them, in the order of their ids."""
    version = installed.version if installed else ""
    loaded = list(load(files(surroundings, installed), version))
    readable = [found for found in loaded if not found.error and not stops(found.ini, surroundings)]
    found = [*_never_read(surroundings, installed, loaded)]
    for one in loaded:
        found += _stopping(one, surroundings)
    for one in readable:
        found += [*_values(one), *_keys(one, surroundings), *_sections(one)]
    found += _variables(surroundings)
    found += _indexes(surroundings, readable)
    found += _disagreement(surroundings, installed)
    found += _proxies(surroundings, installed, readable)
    found += [*_root(surroundings, installed), *_off(surroundings)]
    return sorted(found, key=lambda finding: finding.id)


def _never_read(surroundings: Surroundings, installed: Installed | None, loaded: Sequence[Loaded]) -> Iterator[Finding]:
    where = user_folder(surroundings, installed.version if installed else "") / name(surroundings)
    for path in never_read(surroundings, installed):
        if where.exists():
            fix = Fix(f"move what it says to {where}, which is read, and remove it")
        else:
            move = (shlex.join(["mkdir", "-p", str(where.parent)]), shlex.join(["mv", str(path), str(where)]))
            fix = Fix(f"move it to {where}", commands=move if surroundings.system != "windows" else ())
        yield Finding(
            "PW701", Severity.MEDIUM, f"pip never reads {path}", "it looks elsewhere", Place(str(path)), fix=fix
        )
    for found in loaded:
        place = Place(str(found.file.path))
        if found.error:
            why = f"{found.error}; pip passes over it without a word"
            yield Finding("PW701", Severity.MEDIUM, f"{found.file.path} cannot be opened", why, place,
                          fix=Fix("let the user who runs pip read it"))  # fmt: skip
    named = surroundings.environ.get("PIP_CONFIG_FILE")
    if named and not switched_off(surroundings) and not is_file(surroundings.cwd / named):
        yield Finding("PW701", Severity.MEDIUM, "PIP_CONFIG_FILE names a file that is not there",
                      "pip goes on without it", Place("PIP_CONFIG_FILE"),
                      fix=Fix("name one that is there, or unset it", commands=("unset PIP_CONFIG_FILE",)))  # fmt: skip


def _stopping(found: Loaded, surroundings: Surroundings) -> Iterator[Finding]:
    problems = stops(found.ini, surroundings)
    if not problems:
        return
    path, first = found.file.path, problems[0]
    whole = mended(found.ini)
    commands: tuple[str, ...] = ("pipway doctor --fix",) if whole is not None else ()
    lines = lost_indent(found.ini)
    if lines and surroundings.system == "linux" and not stops(found.ini.indented(lines), surroundings):
        program = ";".join(f"{line}s/^/    /" for line in lines)
        commands = (f"sed -i {shlex.quote(program)} {shlex.quote(str(path))}",)
    why, fix = _explained(first, found)
    related = tuple(Place(str(path), problem.line, problem.column) for problem in problems[1:])
    yield Finding(
        "PW702", Severity.HIGH, f"{path} stops pip in line {first.line}: {why}",
        'pip ends with "Configuration file could not be loaded" before it does anything',
        Place(str(path), first.line, first.column), related, Fix(fix, safe=whole is not None, commands=commands),
    )  # fmt: skip


def _explained(problem: Problem, found: Loaded) -> tuple[str, str]:
    if found.ini.bom:
        encoding = "UTF-16" if found.ini.encoding.startswith("utf-16") else "UTF-8 with a byte order mark"
        return f"it is {encoding}", "write it as UTF-8 without a mark"
    if problem.kind is Kind.NO_KEY:
        return "it is neither key = value nor indented", f"indent it, if it belongs to {problem.key or 'what is above'}"
    if problem.kind is Kind.DUPLICATE_KEY:
        if lost_indent(found.ini):
            return "it lost its indent and is read as a key", "indent the lines of the value"
        return f"{problem.key} is there twice, first in line {problem.first}", "keep one of them"
    if problem.kind is Kind.DUPLICATE_SECTION:
        return f"[{problem.section}] is there twice, first in line {problem.first}", "put both together"
    if problem.kind is Kind.NO_SECTION:
        return "it stands before any [section]", "write [global] above it"
    if problem.kind is Kind.ENCODING:
        return "it holds bytes that are no UTF-8", "save it as UTF-8"
    return problem.kind.value, "is it the right file?"


def _values(found: Loaded) -> Iterator[Finding]:
    """Values that stop pip when it reads them."""
    for _, _, entry in entries_of(found, [s for s in _SECTIONS if s != "DEFAULT"]):
        if entry.value and not _fits(entry.setting, entry.value):
            yield _unfit(entry.key, entry.setting, entry.place)


def _fits(setting: Setting, value: str) -> bool:
    if setting in FLAGS:
        return truth(value) is not None
    if setting in _NUMBERS:
        try:
            _NUMBERS[setting](value)
        except ValueError:
            return False
    return True


def _unfit(key: str, setting: Setting, place: Place) -> Finding:
    wanted = "yes or no" if setting in FLAGS else "a number"
    return Finding(
        "PW702", Severity.HIGH, f"{key} stops pip: its value is not {wanted}", "", place, fix=Fix(f"write {wanted}")
    )


def _indented(path: Path, line: int, surroundings: Surroundings) -> Fix:
    """Not done by itself: with its indent the line counts, and that may be one more index."""
    words = ("sed", "-i", f"{line}s/^/    /", str(path))
    return Fix("indent it", commands=(shlex.join(words),) if surroundings.system == "linux" else ())


def _keys(found: Loaded, surroundings: Surroundings) -> Iterator[Finding]:
    path = str(found.file.path)
    for item in found.ini.items:
        option, place = normalised(item.name), Place(path, item.line, item.column)
        if continues(item):
            yield Finding("PW703", Severity.MEDIUM, f"line {item.line} of {path} is read as a key, {item.key}",
                          "it lost its indent, so the value above does not have it", place,
                          fix=_indented(found.file.path, item.line, surroundings))  # fmt: skip
        elif option not in ALL:
            meant = suggestion(option)
            harmless = meant in HARMLESS  # what else decides what is installed, which a person has to want
            mending = ("pipway doctor --fix",) if harmless else ()
            fix = Fix(f"write {meant}", safe=harmless, commands=mending) if meant else Fix("remove it")
            severity = Severity.MEDIUM if meant and meant in SETTINGS else Severity.LOW
            yield Finding(
                "PW703",
                severity,
                f"pip has no option {option}",
                "it passes over the key without a word",
                place,
                fix=fix,
            )
        elif item.section in COMMANDS:
            yield from _misplaced(item, option, place)
        if option == "require-hashes" and truth(item.value):
            yield _hashes(place)


def _misplaced(item: Item, option: str, place: Place) -> Iterator[Finding]:
    if option not in COMMANDS[item.section]:
        yield Finding("PW704", Severity.MEDIUM, f"pip {item.section} has no option {option}",
                      f"in section [{item.section}] the key does nothing", place,
                      fix=Fix("move it to [global]"))  # fmt: skip
    elif option in {"require-virtualenv", "require-venv"} and truth(item.value):
        yield Finding("PW704", Severity.MEDIUM, f"require-virtualenv holds for pip {item.section} only",
                      "download, wheel and the others go on without a virtual environment", place,
                      fix=Fix("move it to [global]"))  # fmt: skip


def _hashes(place: Place) -> Finding:
    return Finding("PW704", Severity.MEDIUM, "hashes are required of every install",
                   "each install without hashes fails, and so does every build that has requirements", place,
                   fix=Fix("write --require-hashes where a locked file is installed"))  # fmt: skip


def _sections(found: Loaded) -> Iterator[Finding]:
    for section in found.ini.sections:
        if section not in _SECTIONS:
            meant = section.lower() if section.lower() in _SECTIONS else "global"
            line = next((item.line for item in found.ini.items if item.section == section), 1)
            yield Finding("PW704", Severity.MEDIUM, f"pip never reads section [{section}]",
                          "sections are [global] and the names of commands, as they are written",
                          Place(str(found.file.path), line), fix=Fix(f"write [{meant}]"))  # fmt: skip


def _variables(surroundings: Surroundings) -> Iterator[Finding]:
    environ = surroundings.environ
    for key in environ:
        option = normalised(key[4:])
        if not key.startswith("PIP_") or option in ALL or option == "config-file":
            continue
        meant = suggestion(option)
        if meant is not None:
            new = f"PIP_{meant.upper().replace('-', '_')}"
            yield Finding("PW703", Severity.MEDIUM, f"pip has no option {option}", f"{key} does nothing", Place(key),
                          fix=Fix(f"set {new}", commands=(f'export {new}="${key}"', f"unset {key}")))  # fmt: skip
    for option, entry in variables(environ):
        if entry.value and not _fits(entry.setting, entry.value):
            yield _unfit(entry.key, entry.setting, entry.place)
        elif option == "require-hashes" and truth(entry.value):
            yield _hashes(entry.place)


def _indexes(surroundings: Surroundings, readable: Sequence[Loaded]) -> Iterator[Finding]:
    said = [entry for found in readable for _, _, entry in entries_of(found, ("global", *COMMANDS))]
    said += [entry for _, entry in variables(surroundings.environ)]
    said += _given(surroundings)
    for entry in said:
        if entry.setting in {Setting.INDEX, Setting.EXTRA_INDEXES}:
            words = entry.value.split() if entry.setting is Setting.EXTRA_INDEXES else [entry.value]
            for url in words:
                for finding in suspicious(url, entry.key, entry.place):
                    alone = entry.setting is Setting.INDEX and entry.layer in {"user", "environment"}
                    yield finding if alone or finding.fix is None else _without_commands(finding, finding.fix)


def _without_commands(finding: Finding, fix: Fix) -> Finding:
    return replace(finding, fix=replace(fix, commands=()))


def _given(surroundings: Surroundings) -> list[Entry]:
    """What the failed command said."""
    options = parse(surroundings.command).options
    return [Entry(SETTINGS[o], value, "command line", Place(f"--{o}"), f"--{o}") for o, value in options]


def _disagreement(surroundings: Surroundings, installed: Installed | None) -> Iterator[Finding]:
    for setting, end in effective(surroundings, installed).items():
        others = [entry for entry in end.shadows if entry.value and entry.value not in end.values]
        if not others or setting in {Setting.NO_PROXY}:
            continue
        if end.entries:
            won = end.entries[0]
            what = f"{setting.value}: {won.key} wins over {_listed(entry.key for entry in others)}"
            why = f"in effect is {hide(' '.join(end.values))}, from {won.place}"
            yield Finding("PW706", Severity.INFO, what, why, won.place, tuple(entry.place for entry in others))
        elif setting is Setting.CA:
            yield from _unread_bundle(
                others[0].key, others[0].place, effective(surroundings, installed)[Setting.PROXY].entries
            )


def _unread_bundle(key: str, place: Place, proxy: Sequence[object]) -> Iterator[Finding]:
    if key == "SSL_CERT_FILE":
        why, command = "this version of pip does not read it", 'python -m pip config set global.cert "$SSL_CERT_FILE"'
    elif proxy:
        why = "from 24.1 on pip reads no such variable where its own option proxy is set"
        command = f'python -m pip config set global.cert "${key}"'
    else:
        return
    fix = Fix("set pip's own option cert", commands=(command,))
    yield Finding("PW706", Severity.MEDIUM, f"pip does not read {key}", why, place, fix=fix)


def _proxies(surroundings: Surroundings, installed: Installed | None, readable: Sequence[Loaded]) -> Iterator[Finding]:
    environ = surroundings.environ
    yield from proxy_variables.findings(environ, windows=surroundings.system == "windows")
    yield from proxy_variables.of_url("PIP_PROXY", environ.get("PIP_PROXY", ""))
    for given in _given(surroundings):
        if given.setting is Setting.PROXY:
            yield from proxy_variables.of_url(given.key, given.value, given.place)
    for found in readable:
        for _, _, entry in entries_of(found, ("global", *COMMANDS)):
            if entry.setting is Setting.PROXY:
                yield from proxy_variables.of_url(entry.key, entry.value, entry.place)
    end = effective(surroundings, installed)
    exceptions, proxy = end[Setting.NO_PROXY], end[Setting.PROXY]
    if exceptions.shadows and not exceptions.entries and proxy.entries:
        own = proxy.entries[0]
        yield Finding("PW707", Severity.MEDIUM, f"pip does not read {exceptions.shadows[0].key}",
                      f"{own.key} sends every host through the proxy, without exceptions", own.place,
                      (exceptions.shadows[0].place,),
                      Fix("set HTTPS_PROXY and HTTP_PROXY instead of pip's own option"))  # fmt: skip


def _root(surroundings: Surroundings, installed: Installed | None) -> Iterator[Finding]:
    if surroundings.system == "windows" or surroundings.home.name != "root" or surroundings.venv is not None:
        return
    for file in files(surroundings, installed):
        if file.layer == "user" and file.exists:
            yield Finding("PW708", Severity.INFO, f"{file.path} holds for root alone",
                          "`pip config set global.x` writes section [global] of the user's own file",
                          Place(str(file.path)),
                          fix=Fix("for everybody on this machine: `pip config --global set …`"))  # fmt: skip


def _off(surroundings: Surroundings) -> Iterator[Finding]:
    if not switched_off(surroundings):
        return
    environ = {key: value for key, value in surroundings.environ.items() if key != "PIP_CONFIG_FILE"}
    others = Surroundings(
        environ, surroundings.home, surroundings.cwd, surroundings.system, surroundings.root, surroundings.python
    )
    passed = [file.path for file in files(others, None) if file.exists]
    if passed:
        yield Finding("PW710", Severity.LOW, "PIP_CONFIG_FILE switches every configuration file off",
                      f"{_listed(map(str, passed))} would be read", Place("PIP_CONFIG_FILE"),
                      tuple(Place(str(path)) for path in passed),
                      Fix("unset it where the files are wanted", commands=("unset PIP_CONFIG_FILE",)))  # fmt: skip


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
