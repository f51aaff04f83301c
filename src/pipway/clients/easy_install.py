"""What is left of easy_install: its sections in distutils' files, which nothing reads any more.

`registry` has it. setuptools 80 removed easy_install (NEWS v80.0.0); the names it fetched from a private index are now
looked up wherever pip looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.ini import Ini
from pipway.clients.ordinary_files import content, is_file
from pipway.errors import UsageError
from pipway.findings import Finding, Fix, Place, Severity

_SECTION = "easy_install"
_KEYS = {
    "index_url": Setting.INDEX,
    "index-url": Setting.INDEX,
    "find_links": Setting.FIND_LINKS,
    "find-links": Setting.FIND_LINKS,
    "allow_hosts": Setting.TRUSTED_HOSTS,
}
_MOST = 1 << 20


class EasyInstall:
    """See `Client`. It is never found, and sets nothing."""

    name = "easy_install"

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """None: what is asked for is what it left behind."""
        return ()

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """distutils': the user's, then the project's."""
        user = "pydistutils.cfg" if surroundings.system == "windows" else ".pydistutils.cfg"
        places: Sequence[tuple[Path, Scope]] = (
            (surroundings.home / user, "user"),
            (surroundings.cwd / "setup.cfg", "project"),
        )
        return tuple(ConfigFile(path, scope, scope, is_file(path)) for path, scope in places)

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """Nothing is in effect; what is written stands in `shadows`."""
        said: dict[Setting, list[Entry]] = {setting: [] for setting in Setting}
        for file in self.files(surroundings):
            ini = _read(file.path)
            for item in ini.items if ini is not None and not ini.problems else ():
                setting = _KEYS.get(item.name)
                if item.section == _SECTION and setting is not None:
                    place = Place(str(file.path), item.line, item.column)
                    said[setting].append(Entry(setting, item.value, file.layer, place, f"{_SECTION}.{item.key}"))
        return {setting: Effective(setting, (), (), tuple(entries)) for setting, entries in said.items()}

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """PW220."""
        found = []
        for file in self.files(surroundings):
            ini = _read(file.path)
            items = [item for item in ini.items if item.section == _SECTION] if ini is not None else []
            if items:
                found.append(
                    Finding(
                        "PW220", Severity.LOW, f"{file.path} configures easy_install, which is gone",
                        "an index that is named only there is not asked; setuptools 80 removed what read it",
                        Place(str(file.path), items[0].line, items[0].column),
                        fix=Fix("move an index that is still wanted to pip.conf, then remove the section"),
                    )
                )  # fmt: skip
        return tuple(found)

    def mended(self, path: Path) -> Change | None:
        """The file without what only easy_install read; what else stands there stays."""
        ini = _read(path)
        if ini is None or ini.problems:
            return None
        before, after = ini.to_bytes(), ini
        for item in ini.items:
            if item.section == _SECTION:
                after = after.remove(_SECTION, item.name)
        if after.to_bytes() == before:
            return None
        return Change(path, before, after.without_empty(_SECTION).to_bytes())

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """Removes what is there when the wish drops it; UsageError for anything else."""
        if wish != Wish(drop=wish.drop) or not wish.drop:
            raise UsageError(
                "no-such-tool", "easy_install is gone", why="setuptools 80 removed it", fix="configure pip instead"
            )
        found = [file.path for file in self.files(surroundings) if file.scope == scope and file.exists]
        return tuple(change for change in map(self.mended, found) if change is not None)


def _read(path: Path) -> Ini | None:
    try:
        return Ini(content(path, _MOST))
    except OSError:
        return None
