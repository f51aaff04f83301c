"""Takes the command that failed apart: which tool, called how, for which project. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_PIP = re.compile(r"pip(?:3(?:\.\d+)?)?(?:\.exe)?")
_PYTHON = re.compile(r"(?:python|pypy)(?:\d(?:\.\d+)?)?(?:\.exe)?")
_TOOLS = frozenset({"uv", "poetry", "pdm", "pipenv", "hatch", "conda", "mamba", "micromamba", "pixi", "twine"})
_SAME = {"mamba": "conda", "micromamba": "conda"}
#: Options of the installers that take a value as the next word.
_WITH_VALUE = frozenset(
    """
    -i --index-url --extra-index-url -f --find-links -r --requirement -c --constraint --proxy --cert
    --client-cert --trusted-host --timeout --default-timeout --retries --target -t --prefix --root
    --cache-dir --python -p --uploaded-prior-to --index --default-index --log --exists-action --platform
    --python-version --abi --implementation --only-binary --no-binary --use-feature --use-deprecated
    --progress-bar -C --config-settings --upgrade-strategy --keyring-provider --resume-retries
    --exclude-newer --directory --project -d --dest --src --report --index-strategy
    --allow-insecure-host --build-constraint --color --config-file
    """.split()  # noqa: SIM905  (a list of ninety quotes reads worse)
)

_OF_AN_INDEX = frozenset({"-i", "--index-url", "--extra-index-url", "--index", "--default-index"})
_OF_A_PROXY = frozenset({"--proxy"})


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, understood."""

    tool: str  #: pip, uv, poetry, …; "" for none of them
    call: tuple[str, ...]  #: the words that start the tool: `python -m pip`, `uv`
    arguments: tuple[str, ...]  #: all after these
    project: str  #: the first named requirement, normalised; "" for none


def understood(words: Sequence[str]) -> Command:
    """Never fails: what is no installer has no tool."""
    words = tuple(words)
    length, tool = _called(words)
    arguments = words[length:]
    return Command(tool, words[:length], arguments, _project(arguments) if tool else "")


def _called(words: tuple[str, ...]) -> tuple[int, str]:
    if not words:
        return 0, ""
    name = PurePath(words[0].replace("\\", "/")).name.lower()
    if _PIP.fullmatch(name):
        return 1, "pip"
    if _PYTHON.fullmatch(name):
        for place in range(1, len(words) - 1):
            if words[place] == "-m":
                module = words[place + 1]
                return (place + 2, module) if module == "pip" or module in _TOOLS else (0, "")
            if not words[place].startswith("-"):
                break
        return 0, ""
    name = name.removesuffix(".exe")
    return (1, _SAME.get(name, name)) if name in _TOOLS else (0, "")


def _project(arguments: Sequence[str]) -> str:
    """The first requirement after the verb; paths and URLs are none."""
    words = iter(arguments)
    verbs = 0
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif word.startswith("-") or word in {"pip", "tool"}:
            continue
        elif verbs == 0:
            verbs = 1  # install, add, download, lock, …
        elif name := _name(word):
            return name
    return ""


def _name(word: str) -> str:
    if any(char in word for char in "/\\") or word.endswith((".txt", ".toml", ".whl", ".gz")) or word == ".":
        return ""
    try:
        return canonicalize_name(Requirement(word.replace("@", "==", 1) if "@" in word else word).name)
    except InvalidRequirement:
        return ""


def led(command: str, *, by_proxy: bool) -> str:
    """The command without the options that would lead it past `pipway run`: an index's, or a proxy's.

    Of a line for a shell; one that cannot be taken apart stays as it is.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    past = _OF_A_PROXY if by_proxy else _OF_AN_INDEX
    kept: list[str] = []
    value = False  # of an option that goes
    for word in words:
        if value or word in past:
            value = not value
        elif word.partition("=")[0] not in past:
            kept.append(word)
    return command if len(kept) == len(words) else shlex.join(kept)
