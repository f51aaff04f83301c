"""The options that pip knows, by command, and which setting each of them is; also what a command line says.

Pure; the pip client uses it. tests/clients/test_pip_options.py compares the table with the real pips of the lab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pipway.clients.base import Setting

#: every command has these
_GENERAL = (
    "cache-dir cert client-cert debug default-timeout disable-pip-version-check exists-action help isolated "
    "keyring-provider local-log log log-file no-cache-dir no-color no-input no-proxy-env no-python-version-warning "
    "proxy python quiet require-venv require-virtualenv resume-retries retries timeout trusted-host use-deprecated "
    "use-feature verbose"
)
GENERAL = frozenset(_GENERAL.split())

#: commands → what they have besides
_SOME = (
    ("cache check completion config debug download freeze hash help index inspect install list search show "
     "uninstall wheel", "version"),
    ("cache list", "format"),
    ("completion", "bash fish powershell zsh"),
    ("config", "editor global site"),
    ("config freeze inspect install list", "user"),
    ("debug download index install", "abi implementation platform python-version"),
    ("download", "dest destination-dir destination-directory"),
    ("download freeze index install list lock wheel", "find-links"),
    ("download freeze install lock uninstall wheel", "requirement"),
    ("download index install list lock wheel", "all-releases extra-index-url index-url no-binary no-index only-binary "
     "only-final pre prefer-binary pypi-url refresh-package uploaded-prior-to"),
    ("download index install lock wheel", "ignore-requires-python"),
    ("download install lock wheel", "build-constraint check-build-dependencies constraint group no-build-isolation "
     "no-clean no-dependencies no-deps no-require-hashes only-dependencies only-deps progress-bar require-hashes "
     "requirements-from-script source source-dir source-directory src use-pep517"),
    ("download install wheel", "build build-dir build-directory global-option no-use-pep517"),
    ("freeze", "all"),
    ("freeze inspect list", "local path"),
    ("freeze list", "exclude exclude-editable"),
    ("hash", "algorithm"),
    ("index", "json"),
    ("install", "compile dry-run force-reinstall ignore-installed install-option no-compile no-user no-warn-conflicts "
     "no-warn-script-location prefix report root target upgrade upgrade-strategy"),
    ("install list lock wheel", "editable"),
    ("install lock wheel", "config-settings"),
    ("install uninstall", "break-system-packages root-user-action"),
    ("list", "include-editable not-required outdated uptodate"),
    ("lock", "output"),
    ("search", "index"),
    ("show", "files"),
    ("uninstall", "yes"),
    ("wheel", "build-option no-verify wheel-dir"),
)  # fmt: skip

COMMANDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        command: GENERAL
        | {option for commands, options in _SOME if command in commands.split() for option in options.split()}
        for command in sorted({name for commands, _ in _SOME for name in commands.split()})
    }
)
ALL = frozenset().union(*COMMANDS.values())

#: option → setting; the first of a setting is the one to write
SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "index-url": Setting.INDEX,
        "pypi-url": Setting.INDEX,
        "extra-index-url": Setting.EXTRA_INDEXES,
        "find-links": Setting.FIND_LINKS,
        "no-index": Setting.NO_INDEX,
        "proxy": Setting.PROXY,
        "cert": Setting.CA,
        "client-cert": Setting.CLIENT_CERTIFICATE,
        "trusted-host": Setting.TRUSTED_HOSTS,
        "timeout": Setting.TIMEOUT,
        "default-timeout": Setting.TIMEOUT,
        "retries": Setting.RETRIES,
        "require-hashes": Setting.HASHES,
        "keyring-provider": Setting.KEYRING,
        "uploaded-prior-to": Setting.COOLDOWN,
        "require-virtualenv": Setting.REQUIRE_VIRTUALENV,
        "require-venv": Setting.REQUIRE_VIRTUALENV,
    }
)
FLAGS = frozenset({Setting.NO_INDEX, Setting.HASHES, Setting.REQUIRE_VIRTUALENV})
_SHORT = MappingProxyType({"-i": "index-url", "-f": "find-links"})
_YES, _NO = ("y", "yes", "t", "true", "on", "1"), ("n", "no", "f", "false", "off", "0")


def normalised(name: str) -> str:
    """One name for the spellings of a key: pip takes `_` for `-`, and `--x` for `x`."""
    return name.lower().replace("_", "-").removeprefix("--")


def truth(text: str) -> bool | None:
    """A flag's value as pip reads it; None stops pip."""
    word = text.lower()
    return True if word in _YES else False if word in _NO else None


@dataclass(frozen=True, slots=True)
class Line:
    """What a command line of pip says."""

    command: str = "install"
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)  #: option without --, value
    isolated: bool = False  #: no variables and no user's file
    no_proxy_env: bool = False


def parse(words: Sequence[str]) -> Line:
    """`pip install --proxy X …`, `python -m pip …`, `/some/pip …`. What cannot be read is passed over."""
    rest = list(_arguments(words))
    command = next((word for word in rest if word in COMMANDS), "install")
    known = COMMANDS[command]
    found: list[tuple[str, str]] = []
    flags: set[str] = set()
    position = 0
    while position < len(rest):
        word = rest[position]
        position += 1
        if word == "--":
            break
        name, glued, value = _option(word, known)
        if name is None:
            continue
        if name not in SETTINGS or SETTINGS[name] in FLAGS:
            flags.add(name)
            if name in SETTINGS:
                found.append((name, "true"))
            continue
        if not glued:
            if position >= len(rest):
                break
            value = rest[position]
            position += 1
        found.append((name, value))
    return Line(command, tuple(found), "isolated" in flags, "no-proxy-env" in flags)


def _arguments(words: Sequence[str]) -> Sequence[str]:
    if "-m" in words[1:4]:
        at = words.index("-m", 1)
        if words[at + 1 : at + 2] == ["pip"] or tuple(words[at + 1 : at + 2]) == ("pip",):
            return words[at + 2 :]
    return words[1:]


def _option(word: str, known: frozenset[str]) -> tuple[str | None, bool, str]:
    """The option's name, whether its value is glued to it, and that value. optparse takes any unique beginning."""
    if word.startswith("--") and len(word) > 2:
        text, sign, value = word[2:].partition("=")
        if text in known:
            return text, bool(sign), value
        matches = [name for name in known if name.startswith(text)]
        settings = {SETTINGS.get(name, name) for name in matches}
        return (min(matches, key=len) if len(settings) == 1 else None), bool(sign), value
    name = _SHORT.get(word[:2])
    return (name, len(word) > 2, word[2:]) if name else (None, False, "")
