"""What was just downloaded is run.

What
----
The answer of curl, wget or Invoke-WebRequest goes straight into Python or a shell; or it is fetched without a check of
the certificate, and run by a later command.

Why
---
Whoever answers runs code on the machine, and nothing keeps what it was: no version, no digest, no file to look at. With
`-k`, `--insecure`, `--no-check-certificate` or http://, everybody on the way can answer.

Bad
---
    # install.sh
    curl -k https://get.example/get-pip.py | python

Good
----
    # install.sh
    python -m ensurepip --upgrade
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Command, Option, Project
from pipway.audit.queries.hosts import host, is_loopback
from pipway.findings import Severity

RULE = Rule("PW108", "download-and-execute", "Download that is run at once", Severity.MEDIUM)

_FETCH = frozenset({"curl", "wget", "iwr", "irm", "invoke-webrequest", "invoke-restmethod"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
_EVALUATES = frozenset({"iex", "invoke-expression"})
_VERIFIES = frozenset({"sha256sum", "sha512sum", "shasum", "gpg", "gpgv", "cosign", "minisign", "openssl"})
_LONGEST = 5  # programs between the download and what runs it
_WITHIN = re.compile(r"(?:\$\(|<\(|`)\s*(curl|wget)\b([^)`]*)")
_UNCHECKED = re.compile(
    r"(?:^|\s)(?:-[A-Za-z]*k[A-Za-z]*|--insecure|--no-check-certificate)(?:\s|$)|\shttp://(?!localhost|127\.)"
)


def check(project: Project) -> Iterator[Found]:
    """Pipes, substitutions, and files that were fetched unchecked."""
    options: dict[int, list[Option]] = {}
    for option in project.of(Option):
        if option.command is not None and option.tool in _FETCH:
            options.setdefault(id(option.command), []).append(option)
    fetched: dict[str, dict[str, Command]] = {}
    for command in project.of(Command):
        path = command.span.source.path
        saved = fetched.setdefault(path, {})
        if command.tool in _VERIFIES:
            saved.clear()
        source = _piped(command)
        if source is not None and _reads_it(command):
            yield _found(command, unchecked=_unchecked(options.get(id(source), ())))
        elif _runs(command) and (within := _substituted(command)) is not None:
            yield _found(command, unchecked=_UNCHECKED.search(within) is not None)
        elif _runs(command) and _script(command) in saved:
            yield _found(command, unchecked=True)
        elif command.tool in _FETCH and _unchecked(options.get(id(command), ())):
            saved.update((name, command) for name in _files(options[id(command)]))


def _found(command: Command, *, unchecked: bool) -> Found:
    return Found(
        command.span,
        f"{command.tool} runs what was just downloaded",
        Severity.CRITICAL if unchecked else Severity.MEDIUM,
        consequence="anybody on the way runs code here" if unchecked else "whoever answers runs code here",
        advice="use `python -m ensurepip`, or fetch a file of one version and check its digest before it runs",
    )


def _runs(command: Command) -> bool:
    return command.tool in _SHELLS or command.tool in ("python", "pypy", "eval", "source", ".")


def _piped(command: Command) -> Command | None:
    """The download at the beginning of a pipe."""
    before = command.piped_from
    for _ in range(_LONGEST):
        if before is None or before.tool.lower() in _FETCH:
            return before
        before = before.piped_from
    return None


def _reads_it(command: Command) -> bool:
    """Whether its program is what comes in, not a file or an option."""
    if command.tool.lower() in _EVALUATES:
        return True
    if command.tool not in _SHELLS and command.tool not in ("python", "pypy"):
        return False
    options, script = _arguments(command)
    if command.tool in _SHELLS:
        return not any(text.endswith("c") for text in options) and (
            script in ("", "-", "/dev/stdin") or any("s" in text for text in options if not text.startswith("--"))
        )
    return script in ("", "-", "/dev/stdin") and not any(text[:2] in ("-c", "-m") for text in options)


def _arguments(command: Command) -> tuple[list[str], str]:
    """Options of the interpreter, and the first word behind them."""
    texts = [word.text for word in command.words]
    names = [text.replace("\\", "/").rpartition("/")[2] for text in texts]
    at = next((place for place, name in enumerate(names) if name.startswith(command.tool)), len(texts) - 1)
    options: list[str] = []
    for text in texts[at + 1 :]:
        if not text.startswith("-") or text == "-":
            return options, text
        options.append(text)
    return options, ""


def _substituted(command: Command) -> str | None:
    """What curl or wget is told, in `sh -c "$(curl …)"` and `bash <(curl …)`."""
    for word in command.words:
        match = _WITHIN.search(word.text)
        if match is not None and not word.known:
            return match[2]
    return None


def _script(command: Command) -> str:
    return _arguments(command)[1].rpartition("/")[2]


def _unchecked(options: list[Option] | tuple[()]) -> bool:
    for option in options:
        if option.name == "insecure":
            return True
        name = host(option.value) if option.name == "url" else ""
        if name and option.value.lower().startswith("http://") and not is_loopback(name):
            return True
    return False


def _files(options: list[Option]) -> Iterator[str]:
    """What a download is saved as."""
    named = [option.value for option in options if option.name in ("output", "output-document")]
    for value in named or [option.value.partition("?")[0] for option in options if option.name == "url"]:
        name = value.rpartition("/")[2]
        if name and name != "-":
            yield name
