"""Which program a command runs, and what it is told to do: wrappers, paths, versions and `python -m` taken off.

`shell` asks while it builds commands; `commands` asks again for the arguments. It looks at words only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pipway.audit.collect.tool_options import TABLES, Table
from pipway.audit.facts import Word

DEEPEST = 8  #: wrappers within wrappers
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox"})
_NAMED = re.compile(r"(?i)(pip|python|pypy|easy_install|virtualenv)(?:-?\d[\d.]*t?|w)?(?:\.exe)?")
_VARIABLE = re.compile(r"\$[({]?\{?\s*(?:\w+\.)*(\w+)[^/]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_RUNNERS = frozenset({"uv", "poetry", "pipenv", "pdm", "hatch", "conda", "mamba", "micromamba", "rye", "pixi"})
_LAUNCHED = frozenset({"python", "py", "pypy"})
#: wrapper → options that take a value, words of its own before the command
_WRAPPERS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "sudo": ("-u -g -h -p -C -r -t -U -D -R -T --user --group --host --prompt --chdir --role --type", 0),
        "doas": ("-u -C", 0),
        "env": ("-u -C --unset --chdir", 0),
        "xargs": ("-n -I -P -L -d -a -s -E --max-args --max-procs --delimiter --arg-file --replace", 0),
        "time": ("-f -o --format --output", 0),
        "timeout": ("-s -k --signal --kill-after", 1),
        "nice": ("-n --adjustment", 0),
        "ionice": ("-c -n -p --class --classdata", 0),
        "exec": ("-a", 0),
        "stdbuf": ("-i -o -e --input --output --error", 0),
        "gosu": ("", 1),
        "su-exec": ("", 1),
        "chroot": ("", 1),
        "taskset": ("-c", 1),
        **dict.fromkeys(
            ("nohup", "setsid", "command", "builtin", "unbuffer", "travis_retry", "tini", "retry"), ("", 0)
        ),
        **dict.fromkeys(
            ("catchsegv", "xvfb-run", "fakeroot", "eatmydata", "winpty", "call", "start", "noglob"), ("", 0)
        ),
        "dumb-init": ("", 0),
    }
)
#: tools whose second word belongs to the verb
_TWO = MappingProxyType(
    {
        "pip": {"config", "cache", "index"},
        "uv": {"pip", "tool", "python", "cache", "self"},
        "poetry": {"config", "source", "self", "cache", "env"},
        "pdm": {"config", "self", "plugin", "cache"},
        "conda": {"env", "config"},
        "hatch": {"env", "config", "dep", "python"},
        "pixi": {"global", "project", "config"},
        "git": {"config"},
    }
)
_NO_SECOND = {("poetry", "config"), ("pdm", "config"), ("conda", "config"), ("git", "config")}
_NO_VERB = frozenset({"uvx", "curl", "wget", "easy_install", "pip-tools"})
_SAME = MappingProxyType({"mamba": "conda", "micromamba": "conda", "pip-sync": "pip-tools", "pip-compile": "pip-tools"})


_LOOKED_UP = re.compile(r"(?:\$\(|`)\s*(?:which|command\s+-v|type\s+-P)\s+([\w.-]+)\s*[)`]")


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a command, and where its arguments begin."""

    tool: str = ""
    verb: str = ""
    wrappers: tuple[str, ...] = ()
    arguments: int = 0  #: index of the first word behind the program
    through: str = ""  #: `uv run`, … that runs it


def identify(words: Sequence[Word], at: int = 0, depth: int = 0) -> Program:
    """Look through wrappers. No words, no program."""
    wrappers: list[str] = []
    while at < len(words) and len(wrappers) < DEEPEST:
        name = _program(words[at])
        if name in _WRAPPERS:
            behind = _behind_wrapper(words, at)
            if behind >= len(words):
                break
            wrappers.append(name)
            at = behind
            continue
        if name in _RUNNERS and depth < DEEPEST and (behind := _behind_run(words, at, _SAME.get(name, name))):
            inner = identify(words, behind, depth + 1)
            if inner.tool in TABLES or inner.tool in SHELLS:
                through = f"{name} run"
                return replace(inner, wrappers=(*wrappers, through, *inner.wrappers), through=through)
        break
    if at >= len(words):
        return Program(wrappers=tuple(wrappers), arguments=len(words))
    tool, first = _module(words, at, _program(words[at]))
    tool = _SAME.get(tool, tool)
    return Program(tool, _verb(tool, words, first), tuple(wrappers), first)


def _program(word: Word) -> str:
    """`/usr/bin/pip3.11` → pip, `${PIP}` → pip, `$(which pip)` → pip."""
    text = word.text
    if not word.known and (looked_up := _LOOKED_UP.fullmatch(text)):
        text, word = looked_up.group(1), replace(word, known=True)
    if not word.known and (variable := _VARIABLE.fullmatch(text)):
        name = variable.group(1).lower().rpartition("_")[2]
        text = name if name in ("pip", "pip3", "python", "python3", "uv", "poetry", "twine") else text
    name = re.split(r"[/\\]", text)[-1] or text
    if not word.known and re.search(r"[)}`'\"]", name):
        name = ""
    if found := _NAMED.fullmatch(name):
        return found.group(1).lower()
    if name in ("{envpython}", "{env_python}", "{posargs:python}", "{sys.executable}") or (
        not word.known and "python" in name.lower()
    ):
        return "python"
    return name.removesuffix(".exe") if name.lower().endswith(".exe") else name


def _module(words: Sequence[Word], at: int, name: str) -> tuple[str, int]:
    """`python -I -m pip` is pip."""
    if name not in _LAUNCHED and words[at].known:
        return name, at + 1
    for place in range(at + 1, min(len(words) - 1, at + 8)):
        text = words[place].text
        if text == "-m" or (re.fullmatch(r"-[A-Za-z]*m", text) and not text.startswith("-W")):
            module = words[place + 1].text
            return (
                {"pip.__main__": "pip"}.get(module, module.replace("_", "-") if module == "pip_tools" else module)
            ), (place + 2)
        if not text.startswith("-"):
            break
    return name, at + 1


def _behind_wrapper(words: Sequence[Word], at: int) -> int:
    name = _program(words[at])
    with_value, own = _WRAPPERS[name]
    valued = with_value.split()
    at += 1
    while at < len(words):
        text = words[at].text
        if text == "--":
            at += 1
            break
        if text.startswith("-") and len(text) > 1:
            at += 2 if text in valued else 1
        elif _ASSIGNMENT.match(text) and name in ("env", "sudo", "doas"):
            at += 1
        elif own:
            own -= 1
            at += 1
        else:
            break
    return at


def _behind_run(words: Sequence[Word], at: int, tool: str) -> int:
    """Behind `uv run --with x`; 0 when it is not that."""
    table = TABLES.get(tool, Table())
    rest = list(table.positions(words, at + 1, first=2))
    if not rest or words[rest[0]].text not in ("run", "exec"):
        return 0
    return rest[1] if len(rest) > 1 else 0


def _verb(tool: str, words: Sequence[Word], first: int) -> str:
    if tool not in TABLES or tool in _NO_VERB:
        return ""
    found = [words[place].text for place in TABLES[tool].positions(words, first, first=2)]
    if not found:
        return ""
    two = len(found) > 1 and found[0] in _TWO.get(tool, ()) and (tool, found[0]) not in _NO_SECOND
    return f"{found[0]} {found[1]}" if two else found[0]
