"""twine: the repositories of ~/.pypirc, and what it reads from the environment.

`registry` has it. It uploads, so its index is where it would upload to; pipway never changes that.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipway.clients import proxy_variables
from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.here import on_path, running, version
from pipway.clients.ini import Ini, Item
from pipway.clients.layers import BUNDLED, default_index
from pipway.clients.ordinary_files import content, is_file
from pipway.errors import UsageError
from pipway.findings import Finding, Fix, Place, Severity

_MOST = 1 << 20
_OPTIONS = {"--repository-url": Setting.INDEX, "--cert": Setting.CA, "--client-cert": Setting.CLIENT_CERTIFICATE}
_USUAL = ("pypi", "testpypi")


class Twine:
    """See `Client`."""

    name = "twine"

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Those on PATH."""
        found = []
        for path in on_path(surroundings, self.name):
            said = version(running(surroundings, [str(path), "--version"]))
            if said:
                found.append(Installed(self.name, (str(path),), said))
        return tuple(found)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """~/.pypirc, or the one that --config-file names."""
        path = _path(surroundings)
        return (ConfigFile(path, "user", "user", is_file(path)),)

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """See `Client`."""
        said: dict[Setting, list[Entry]] = {setting: [] for setting in Setting}  # strongest first
        environ = surroundings.environ
        for name, value in _options(surroundings):
            if name in _OPTIONS:
                said[_OPTIONS[name]].append(Entry(_OPTIONS[name], value, "command line", Place(name), name))
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests merges them over twine's own
            if environ.get(name):
                said[Setting.CA].insert(0, _variable(environ, name, Setting.CA))
                break
        for name, setting in (
            ("TWINE_REPOSITORY_URL", Setting.INDEX),
            ("TWINE_CERT", Setting.CA),
            ("TWINE_CLIENT_CERT", Setting.CLIENT_CERTIFICATE),
            ("https_proxy", Setting.PROXY),
            ("HTTPS_PROXY", Setting.PROXY),
            ("all_proxy", Setting.PROXY),
            ("ALL_PROXY", Setting.PROXY),
            ("no_proxy", Setting.NO_PROXY),
            ("NO_PROXY", Setting.NO_PROXY),
        ):
            if environ.get(name):
                said[setting].append(_variable(environ, name, setting))
        repository = self._repository(surroundings)
        if repository is not None:
            said[Setting.INDEX].append(repository)
        defaults = {Setting.INDEX: _usual_upload(), Setting.CA: BUNDLED}
        return {setting: _result(setting, entries, defaults.get(setting, "")) for setting, entries in said.items()}

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """PW303, PW310, PW701, PW702, PW704, PW707, PW901."""
        found = list(_never_read(surroundings, _path(surroundings)))
        ini = _read(_path(surroundings))
        if ini is not None:
            found += _of_file(_path(surroundings), ini, surroundings)
        url = surroundings.environ.get("TWINE_REPOSITORY_URL", "")
        if _in_clear(url):
            found.append(_clear("TWINE_REPOSITORY_URL", Place("TWINE_REPOSITORY_URL")))
        if installed is not None:
            found += proxy_variables.findings(surroundings.environ, windows=surroundings.system == "windows")
        return tuple(sorted(found, key=lambda finding: finding.id))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """Always UsageError: it downloads nothing, and has no setting for a proxy."""
        raise UsageError(
            "no-such-setting",
            "twine has no settings for what pipway does",
            why="it only uploads, to the repository that you name",
            fix="for its certificate authorities set TWINE_CERT, for a proxy HTTPS_PROXY",
        )

    def _repository(self, surroundings: Surroundings) -> Entry | None:
        """The one that --repository or TWINE_REPOSITORY names, or pypi, where ~/.pypirc has it."""
        given = [value for name, value in _options(surroundings) if name in {"-r", "--repository"}]
        name = given[-1] if given else surroundings.environ.get("TWINE_REPOSITORY") or _USUAL[0]
        path = _path(surroundings)
        ini = _read(path)
        if ini is None or ini.problems:
            return None
        item = ini.find(name, "repository")
        if item is None:
            return None
        return Entry(Setting.INDEX, item.value, "user", Place(str(path), item.line, item.column), f"{name}.repository")


def _of_file(path: Path, ini: Ini, surroundings: Surroundings) -> Iterator[Finding]:
    for problem in ini.problems[:1]:
        place = Place(str(path), problem.line, problem.column)
        yield Finding("PW702", Severity.HIGH, f"{path} stops twine: {problem.kind.value}", "", place,
                      fix=Fix(f"mend line {problem.line}"))  # fmt: skip
    listed = ini.find("distutils", "index-servers")
    names = {word for part in listed.parts for word in part.text.split()} if listed else {*_USUAL}
    secret = False
    for section in ini.sections:
        if section not in {"distutils", *names}:
            line = next((item.line for item in ini.items if item.section == section), 1)
            yield Finding("PW704", Severity.MEDIUM, f"twine does not read section [{section}]",
                          "index-servers does not list it", Place(str(path), line),
                          fix=Fix(f"add {section} to index-servers in [distutils]"))  # fmt: skip
        for item in ini.within(section):
            if item.name == "repository" and _in_clear(item.value):
                yield _clear(f"{section}.repository", _place(path, item))
            if item.name == "password" and item.value:
                secret = True
                yield Finding("PW310", Severity.HIGH, f"[{section}] holds a password in clear",
                              "whoever reads the file can publish in your name", _place(path, item),
                              fix=Fix("use a trusted publisher, or keep it with: keyring set URL USER"))  # fmt: skip
    if secret and surroundings.system != "windows" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        fix = Fix("let nobody else read it", safe=True, commands=(shlex.join(["chmod", "600", str(path)]),))
        yield Finding(
            "PW303", Severity.HIGH, f"{path} can be read by others", "it holds passwords", Place(str(path)), fix=fix
        )


def _never_read(surroundings: Surroundings, read: Path) -> Iterator[Finding]:
    for path in (surroundings.cwd / ".pypirc", surroundings.home / "pypirc", surroundings.home / ".pypi.rc"):
        if path != read and is_file(path):
            yield Finding("PW701", Severity.MEDIUM, f"twine never reads {path}", f"it reads {read}", Place(str(path)),
                          fix=Fix(f"call twine with --config-file, or move it to {read}"))  # fmt: skip


def _clear(key: str, place: Place) -> Finding:
    return Finding("PW901", Severity.CRITICAL, f"{key} is http://", "the password and the files go in clear", place,
                   fix=Fix("write https://"))  # fmt: skip


def _in_clear(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}
    except ValueError:
        return False


def _path(surroundings: Surroundings) -> Path:
    given = [value for name, value in _options(surroundings) if name == "--config-file"]
    return surroundings.cwd / given[-1] if given else surroundings.home / ".pypirc"


def _options(surroundings: Surroundings) -> list[tuple[str, str]]:
    """Each option of a failed `twine` command with what follows it."""
    words = surroundings.command
    if not words or Path(words[0]).stem != "twine":
        return []
    found = []
    for word, after in zip(words[1:], (*words[2:], ""), strict=True):
        name, sign, value = word.partition("=")
        if word.startswith("-"):
            found.append((name, value if sign else after))
    return found


def _read(path: Path) -> Ini | None:
    try:
        return Ini(content(path, _MOST))
    except OSError:
        return None


def _variable(environ: Mapping[str, str], name: str, setting: Setting) -> Entry:
    return Entry(setting, environ[name], "environment", Place(name), name)


def _place(path: Path, item: Item) -> Place:
    return Place(str(path), item.line, item.column)


def _result(setting: Setting, entries: Sequence[Entry], default: str) -> Effective:
    if entries:
        return Effective(setting, (entries[0].value,), (entries[0],), tuple(entries[1:]))
    return Effective(setting, (default,) if default else ())


def _usual_upload() -> str:
    return f"https://upload.{urlsplit(default_index()).hostname}/legacy/"
