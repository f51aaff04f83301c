"""What pip ends up with: files, variables and options put together as pip and requests do it.

The pip client calls it; files are read through `pip_files`. tests/clients/test_pip_effective.py asks real pips.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipway.clients import pip_facts
from pipway.clients.base import LISTS, Effective, Entry, Installed, Setting, Surroundings
from pipway.clients.ini import Item
from pipway.clients.layers import BUNDLED, SYSTEM, default_index, parts
from pipway.clients.pip_files import Loaded, files, load, stops
from pipway.clients.pip_options import COMMANDS, FLAGS, SETTINGS, Line, normalised, parse, truth
from pipway.findings import Place

_IGNORED = ("version", "help")  # of the variables
_ENV = ":env:"
SYSTEM_ROOTS, OWN_ROOTS = f"{SYSTEM} and {BUNDLED}", BUNDLED


@dataclass(slots=True)
class _Said:
    """What was said of one setting, in the order in which it counts."""

    used: list[Entry] = field(default_factory=list)
    all: list[Entry] = field(default_factory=list)

    def now(self, *entries: Entry) -> None:
        self.used = [*entries]
        self.all += [entry for entry in entries if entry not in self.all]


def effective(surroundings: Surroundings, installed: Installed | None) -> dict[Setting, Effective]:
    """See `Client.effective`."""
    line = parse(surroundings.command)
    version = installed.version if installed else ""
    loaded = [
        found
        for found in load(files(surroundings, installed, isolated=line.isolated), version)
        if not found.error and not stops(found.ini, surroundings)
    ]
    said = {setting: _Said() for setting in Setting}
    _configured(said, loaded, surroundings, line)
    _given(said, line)
    _proxies(said, surroundings.environ, line, version)
    _authorities(said, surroundings.environ, line, installed)
    defaults = _defaults(line, said, installed)
    return {setting: _result(setting, said[setting], defaults) for setting in Setting}


def entries_of(found: Loaded, sections: Iterable[str]) -> Iterable[tuple[str, str, Entry]]:
    """What one file says: section, option, entry; what is no setting of ours left out."""
    for section in sections:
        for item in found.ini.within(section):
            option = normalised(item.name)
            if option in SETTINGS:
                yield section, option, entry(found, section, option, item)


def entry(found: Loaded, section: str, option: str, item: Item) -> Entry:
    """One value of a file."""
    return Entry(
        SETTINGS[option],
        " ".join(part.text for part in item.parts),
        found.file.layer,
        Place(str(found.file.path), item.line, item.column),
        f"{section}.{item.key}",
    )


def variables(environ: Mapping[str, str]) -> Iterable[tuple[str, Entry]]:
    """What PIP_* variables say: option, entry."""
    for name, value in environ.items():
        option = normalised(name[4:])
        if name.startswith("PIP_") and name[4:].lower() not in _IGNORED and option in SETTINGS:
            yield option, Entry(SETTINGS[option], value, "environment", Place(name), name)


def _configured(said: dict[Setting, _Said], loaded: Sequence[Loaded], surroundings: Surroundings, line: Line) -> None:
    """Sections in pip's order; within one, files in theirs. An empty value hides the one below it in its section, and
    counts for nothing itself. A key keeps the place of the file that had it first, which matters between two spellings.
    """
    sections: dict[str, dict[str, Entry]] = {"global": {}, line.command: {}, _ENV: {}}
    hidden: list[Entry] = []

    def put(section: str, option: str, new: Entry) -> None:
        old = sections[section].get(option)
        if old is not None:
            hidden.append(old)
        sections[section][option] = new

    for found in loaded:
        for section, option, new in entries_of(found, ("global", line.command)):
            put(section, option, new)
    if not line.isolated:
        for option, new in variables(surroundings.environ):
            put(_ENV, option, new)
    for old in hidden:
        said[old.setting].all.append(old)
    known = COMMANDS[line.command]
    for values in sections.values():
        for option, new in values.items():
            if option not in known or not new.value:
                said[new.setting].all += [new] if new.value else []
            else:
                said[new.setting].now(*_each(new))


def _each(new: Entry) -> list[Entry]:
    """One for each word of a list."""
    if new.setting in LISTS:
        return [replace(new, value=word) for word in new.value.split()]
    if new.setting in FLAGS:
        known = truth(new.value)
        return [replace(new, value=new.value if known is None else "true" if known else "false")]
    return [new]


def _given(said: dict[Setting, _Said], line: Line) -> None:
    for option, value in line.options:
        setting = SETTINGS[option]
        new = Entry(setting, value, "command line", Place(f"--{option}"), f"--{option}")
        if setting in LISTS:
            said[setting].now(*said[setting].used, new)
        else:
            said[setting].now(new)


def _proxies(said: dict[Setting, _Said], environ: Mapping[str, str], line: Line, version: str) -> None:
    """requests: the option, or the variables of the index's scheme and then all_proxy."""
    index = said[Setting.INDEX].used
    scheme = parts(index[0].value).scheme if index else "https"
    named = [_variable(environ, name, Setting.PROXY) for name in (f"{scheme or 'https'}_proxy", "all_proxy")]
    from_variables = [new for found in named for new in found if new.value]
    winner = next((found[0] for found in named if found and found[0].value), None)
    proxy = said[Setting.PROXY]
    option = proxy.used[0] if proxy.used else None
    off = pip_facts.empty_proxy_means_none(version) and (line.no_proxy_env or (option and not option.value))
    option_counts = option is not None and option.value and (winner is None or pip_facts.proxy_option_wins(version))
    if winner is not None and not off and not option_counts:
        proxy.now(winner)
    elif not option_counts:
        proxy.used = []
    proxy.all += [new for new in from_variables if new not in proxy.all]
    exceptions = _variable(environ, "no_proxy", Setting.NO_PROXY)
    said[Setting.NO_PROXY].all += [new for new in exceptions if new.value]
    if exceptions and exceptions[0].value and not off and not option_counts:
        said[Setting.NO_PROXY].used = exceptions[:1]


def _variable(environ: Mapping[str, str], name: str, setting: Setting) -> list[Entry]:
    """A variable in both cases, the one that counts first: urllib takes the lower case, an empty one for none."""
    found = [spelling for spelling in (name, name.upper()) if spelling in environ]
    return [Entry(setting, environ[spelling], "environment", Place(spelling), spelling) for spelling in found]


def option_proxied(said_proxy: Sequence[Entry]) -> bool:
    """Whether the proxy comes from pip's own option: `--proxy`, PIP_PROXY, or `proxy` in a file."""
    return any(not new.key.lower().endswith(("http_proxy", "https_proxy", "all_proxy")) for new in said_proxy)


def _authorities(
    said: dict[Setting, _Said], environ: Mapping[str, str], line: Line, installed: Installed | None
) -> None:
    """requests merges REQUESTS_CA_BUNDLE over `cert`; SSL_CERT_FILE is read by OpenSSL, when nothing names a bundle."""
    version, python = (installed.version, installed.python) if installed else ("", "")
    given = option_proxied(said[Setting.PROXY].used)
    if pip_facts.empty_proxy_means_none(version):
        given = given or line.no_proxy_env or any(name == "proxy" for name, _ in line.options)
    authorities = said[Setting.CA]
    bundles = [
        Entry(Setting.CA, environ[name], "environment", Place(name), name)
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        if environ.get(name)
    ]
    more = [
        Entry(Setting.CA, environ[name], "environment", Place(name), name)
        for name in ("SSL_CERT_FILE",)
        if environ.get(name)
    ]
    if bundles and pip_facts.reads_ca_variables(version, proxy_given=given):
        authorities.now(bundles[0])
    elif more and not authorities.used and pip_facts.reads_ssl_cert_file(version, python):
        authorities.now(more[0])
    authorities.all += [new for new in (*bundles, *more) if new not in authorities.all]


def _defaults(line: Line, said: Mapping[Setting, _Said], installed: Installed | None) -> dict[Setting, str]:
    version, python = (installed.version, installed.python) if installed else ("", "")
    proxied = bool(said[Setting.PROXY].used)
    roots = pip_facts.uses_system_roots(version, python, proxied=proxied)
    defaults = {
        Setting.INDEX: default_index().rstrip("/"),
        Setting.CA: SYSTEM_ROOTS if roots else OWN_ROOTS,
        Setting.TIMEOUT: pip_facts.TIMEOUT,
        Setting.RETRIES: pip_facts.RETRIES,
    }
    if pip_facts.has_keyring_provider(version):
        defaults[Setting.KEYRING] = "auto"
    return defaults


def _result(setting: Setting, said: _Said, defaults: Mapping[Setting, str]) -> Effective:
    values = tuple(entry.value for entry in said.used)
    if not values and setting in defaults:
        values = (defaults[setting],)
    used = tuple(dict.fromkeys(said.used))
    places = {(entry.place, entry.key) for entry in used}
    shadows = tuple(dict.fromkeys(entry for entry in said.all if (entry.place, entry.key) not in places))
    return Effective(setting, values, used, shadows)
