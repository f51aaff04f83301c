"""From defaults, a TOML file, the environment and the command line to one `Settings`; later sources win.

`app` and `cli` call `load`. Every fault of every source is collected before it gives up, so that a person
mends them in one go. It reads one file and nothing else.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from pipway.errors import UsageError
from pipway.findings import Finding, Fix, Place, Severity
from pipway.redact import redact
from pipway.settings.table import REMOVED, Option, Settings, build, options

FILE_LIMIT = 1 << 20  # bytes; a settings file is a page of text
VARIABLE_PREFIX = "PIPWAY_"
CONFIG_VARIABLE = "PIPWAY_CONFIG"

#: How a file names one table of a list → the setting.
_TABLES = {"upstream": "upstreams", "route": "routes"}

# Not ours although they begin so: the test suite's own variables, and what Kubernetes sets in every container when a
# service is called "pipway" (PIPWAY_SERVICE_HOST, PIPWAY_PORT_3141_TCP, …).
# Secrets are no settings: they are shown nowhere, and `outbound` reads them itself.
_FOREIGN = re.compile(
    r"PIPWAY_(?:TEST_.*|BENCH_.*|SERVICE_(?:HOST|PORT).*|PORT(?:_\d+_.*)?|PARENT_(?:PASSWORD|PASSWORD_FILE|NT_HASH)|TOKEN)"
)


class SettingsError(UsageError):
    """At least one setting is wrong; `findings` has one entry for each."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        def line(finding: Finding) -> str:
            return f"{finding.place}: {finding.what}" if finding.place else finding.what

        many = "1 setting is wrong" if len(findings) == 1 else f"{len(findings)} settings are wrong"
        super().__init__(
            "bad-settings",
            many,
            why="\n".join(line(finding) for finding in findings),
            fix="\n".join(dict.fromkeys(finding.fix.text for finding in findings if finding.fix)),
        )
        self.findings = findings


class _Given(NamedTuple):
    """One value as a source gave it; relative paths in it start at `folder`."""

    name: str
    raw: Any
    origin: str
    folder: Path


def config_file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the argument, else PIPWAY_CONFIG, else the user's own if it exists."""
    if given is not None:
        return given
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE]).expanduser()
    usual = platformdirs.user_config_path("pipway", appauthor=False) / "pipway.toml"
    return usual if usual.is_file() else None


def load(
    *,
    config: Path | None = None,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any] | None = None,
    removed: Mapping[str, str] = REMOVED,
) -> Settings:
    """Read every source. `arguments` maps setting names to what was given on the command line.

    Raises SettingsError with every fault found, UsageError when the file cannot be read.
    """
    table = {option.name: option for option in options()}
    faults: list[Finding] = []
    given: list[_Given] = []
    path = config_file(config, environ)
    if path is not None:
        given += _from_file(path, table, faults, removed)
    given += _from_environment(environ, table, faults)
    here = Path.cwd()
    for name, raw in (arguments or {}).items():
        given.append(_Given(name, raw, table[name].argument or name, here))
    values: dict[str, Any] = {}
    origins = dict.fromkeys(table, "default")
    for item in given:
        try:
            values[item.name] = table[item.name].kind.read(item.raw, item.folder)
            origins[item.name] = item.origin
        except ValueError as error:
            faults.append(_bad_value(table[item.name], item, str(error)))
    if faults:
        raise SettingsError(tuple(faults))
    return build(values, origins)


def _bad_value(option: Option, item: _Given, reason: str) -> Finding:
    shown = "read" if option.kind.private else redact(repr(item.raw))[:80]
    what = f"{option.name} cannot be {shown}: {reason}"
    return Finding("bad-value", Severity.HIGH, what, place=_place(item.origin))


def _place(origin: str) -> Place:
    name, _, line = origin.rpartition(":")
    return Place(name, int(line)) if name and line.isdigit() else Place(origin)


def _unknown(what: str, name: str, known: Iterable[str], place: Place) -> Finding:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else "`pipway settings show` lists every name."
    return Finding("unknown-setting", Severity.HIGH, f"there is no {what} {name}", place=place, fix=Fix(hint))


def _from_environment(environ: Mapping[str, str], table: Mapping[str, Option], faults: list[Finding]) -> list[_Given]:
    known = {option.variable: option.name for option in table.values()}
    here = Path.cwd()
    given = []
    for variable in sorted(environ):
        if not variable.startswith(VARIABLE_PREFIX) or variable == CONFIG_VARIABLE or _FOREIGN.fullmatch(variable):
            continue
        if variable not in known:
            faults.append(_unknown("variable", variable, [*known, CONFIG_VARIABLE], Place("environment")))
        elif environ[variable]:  # set to nothing is how a shell says "unset"
            given.append(_Given(known[variable], environ[variable], variable, here))
    return given


def _from_file(
    path: Path, table: Mapping[str, Option], faults: list[Finding], removed: Mapping[str, str]
) -> list[_Given]:
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("bad-toml", f"{path} is not TOML", why=str(error), fix="Correct that line.") from None
    except RecursionError:
        raise UsageError("bad-toml", f"{path} is nested too deeply") from None
    lines = _key_lines(text)
    given: list[_Given] = []
    for name, raw in _flat(document, table):
        line = lines.get(name)
        origin = f"{path}:{line}" if line else str(path)
        if name in _TABLES and isinstance(raw, list):
            name = _TABLES[name]
        if name in removed:
            what, place = f"{name} is gone: {removed[name]}", Place(str(path), line)
            faults.append(Finding("removed-setting", Severity.HIGH, what, place=place, fix=Fix(removed[name])))
        elif name not in table:
            faults.append(_unknown("setting", name, table, Place(str(path), line)))
        elif any(item.name == name for item in given):
            what = f"give {name} as tables or as a list, not both"
            faults.append(Finding("bad-value", Severity.HIGH, what, place=Place(str(path), line)))
        else:
            given.append(_Given(name, raw, origin, path.absolute().parent))
    return given


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
        if len(data) > FILE_LIMIT:
            raise UsageError("config-too-big", f"{path} is larger than {FILE_LIMIT} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise UsageError(
            "config-unreadable",
            f"cannot read the settings file {path}",
            why=error.strerror or type(error).__name__,
            fix="Check the path given by --config or PIPWAY_CONFIG.",
        ) from None
    except UnicodeDecodeError:
        raise UsageError("bad-toml", f"{path} is not UTF-8 text") from None


def _flat(document: Mapping[str, Any], table: Mapping[str, Option], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; a table is descended into only where settings live below it."""
    for key, value in document.items():
        name = prefix + key
        if isinstance(value, dict) and any(known.startswith(f"{name}.") for known in table):
            yield from _flat(value, table, f"{name}.")
        else:
            yield name, value


def _key_lines(text: str) -> dict[str, int]:
    """Where each dotted key stands, as tomllib does not say. Only ever used to point a person there."""
    found: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[{1,2}\s*([\w.\- \"']+?)\s*\]{1,2}", line):
            name = re.sub(r"[\s\"']", "", header[1])
            found.setdefault(name, number)
            prefix = f"{name}."
        elif key := re.match(r"\s*([\w.\-\"']+)\s*=", line):
            found.setdefault(prefix + re.sub(r"[\"']", "", key[1]), number)
    return found
