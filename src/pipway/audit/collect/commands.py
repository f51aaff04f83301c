"""What commands say to installers: options, indexes and requirements of pip, uv, Poetry, PDM, conda, twine, curl …

Every collector of commands calls `facts` with what `shell.read` gave. Names of options are pip's, whatever the tool
calls them. Spans are exact; an option out of a variable stands where the variable was set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pipway.audit.collect import programs, shell, written
from pipway.audit.collect.programs import Program
from pipway.audit.collect.requirement_lines import required
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.collect.text import Text, cut
from pipway.audit.collect.tool_options import TABLES, Given
from pipway.audit.collect.variable_options import of_variable
from pipway.audit.facts import Command, Fact, Index, Option, Required, Span, Variable, Word
from pipway.clients.pip_options import normalised

_ROLES: Mapping[str, str] = MappingProxyType(
    {
        "index-url": "primary",
        "extra-index-url": "extra",
        "find-links": "find-links",
        "default-index": "default",
        "pypi-mirror": "mirror",
    }
)
_UV_ROLES = MappingProxyType({"index": "extra", "publish-url": "upload"})
#: what others call pip's options
_NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "pip": {
            "pypi-url": "index-url",
            "default-timeout": "timeout",
            "require-venv": "require-virtualenv",
            "index": "index-url",  # the beginning of it
            "no-dependencies": "no-deps",
            "local-log": "log",
            "log-file": "log",
        },
        "uv": {
            "allow-insecure-host": "trusted-host",
            "requirements": "requirement",
            "with-requirements": "requirement",
            "constraints": "constraint",
            "build-constraints": "build-constraint",
            "config-setting": "config-settings",
        },
        "pipenv": {"index": "index-url", "requirements": "requirement"},
        "curl": {"insecure": "insecure"},
        "wget": {"no-check-certificate": "insecure"},
    }
)
_SAME = MappingProxyType({"uvx": "uv"})
#: tool → verbs whose arguments are requirements
_INSTALLING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "pip": frozenset({"install", "download", "wheel", "lock"}),
        "uv": frozenset({"pip install", "add", "tool install", "tool run", "pip download"}),
        "pipx": frozenset({"install", "run", "inject", "upgrade"}),
        "poetry": frozenset({"add", "self add"}),
        "pdm": frozenset({"add", "self add"}),
        "pipenv": frozenset({"install"}),
        "easy_install": frozenset({""}),
    }
)
_FIRST_ONLY = frozenset({("uv", "tool run"), ("uvx", ""), ("pipx", "run"), ("pipx", "install"), ("uv", "tool install")})
#: tool → verbs that run a program, with all that stands behind it
_RUNNING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "uv": frozenset({"run", "tool run"}),
        "uvx": frozenset({""}),
        **dict.fromkeys(("pipx", "poetry", "pdm", "pipenv", "hatch", "conda", "pixi"), frozenset({"run", "exec"})),
    }
)
_REQUIREMENT_OPTIONS = frozenset({"editable", "with", "from", "with-editable", "spec", "package-name"})
_TRUE = "true"
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
_HANDING = frozenset({"-e", "--env", "--build-arg"})
_MOST_WORDS = 500
_VALUED = frozenset({"--spec", "--from", "--with", "--python", "--pip-args", "--index-url", "-i", "-p"})
_BARE = re.compile(r"(?:[=<>~!@\[]).*$", re.DOTALL)
_PUBLISH = frozenset({"twine", "flit", "hatch", "pdm", "poetry"})


def facts(script: Script) -> Iterator[Fact]:
    """Everything that a script says: its commands, what they say, and the variables it sets."""
    seen: set[tuple[str, int, int]] = set()
    for command in script.commands:
        yield command
        for variable in command.variables:
            yield from of_set(variable, command)
        for variable in _handed(command):
            yield from of_set(variable)
        for fact in of_command(command):
            if isinstance(fact, Option | Index | Required):
                kind, span = f"{type(fact).__name__} {getattr(fact, 'name', '')}", fact.span
                if isinstance(fact, Index) and fact.url_span is not None:
                    span = fact.url_span
                place = (kind, span.start, span.end)
                if place in seen:  # a variable that is used twice
                    continue
                seen.add(place)
            yield fact
    for variable in script.variables:
        yield from of_set(variable)
    yield from written.facts(script)
    if script.is_cut and script.commands:
        last = script.commands[-1].span
        yield cut(last.source, f"more than {len(script.commands)} commands", last.start)


def _handed(command: Command) -> Iterator[Variable]:
    """`docker run -e NAME=value`, `docker build --build-arg NAME=value`: the environment of a container."""
    if command.tool not in _CONTAINERS:
        return
    for option, word in zip(command.words[1:_MOST_WORDS], command.words[2:_MOST_WORDS], strict=False):
        behind = option.text in _HANDING
        text = word.text if behind else word.text.removeprefix("--env=").removeprefix("--build-arg=")
        name, sign, value = text.partition("=")
        if sign and (behind or text != word.text) and name.isidentifier():
            how = "build-arg" if "--build-arg" in (option.text, word.text.partition("=")[0]) else "-e"
            yield Variable(name, value, word.span, _behind_sign(word, value), how)


def _behind_sign(word: Word, value: str) -> Span | None:
    """Of the value in a word NAME=value, where it stands as it is."""
    place = word.span.text.find(value, word.span.text.find("=") + 1) if value else -1
    return (
        replace(word.span, start=word.span.start + place, end=word.span.start + place + len(value))
        if place > 0
        else None
    )


def of_set(variable: Variable, command: Command | None = None) -> Iterator[Fact]:
    """A variable that is set, and the options and indexes that it is."""
    yield variable
    for fact in of_variable(variable):
        yield fact if command is None else replace(fact, command=command)


def of_arguments(text: Text, tool: str, verb: str, scene: Scene) -> Iterator[Fact]:
    """What `text` says where it is given to a tool as its arguments, as in the action setup-python's `pip-install`."""
    words = tuple(word for command in shell.read(text, scene).commands for word in command.words)
    start = replace(text.span(), end=text.span().start)
    given = (Word(tool, start), *(Word(part, start) for part in verb.split()), *words)
    yield from facts(Script((Command(given, text.span(), tool, verb, where=scene.where, step=scene.step),)))


def of_command(command: Command) -> Iterator[Fact]:
    """Options, indexes and requirements of one command."""
    program = programs.identify(command.words)
    table = TABLES.get(program.tool)
    if table is None:
        return
    if program.tool == "uvx" or (program.tool, program.verb) == ("pipx", "run"):
        yield from _of_program(command, program)
    given, arguments = table.read(_own(command.words, program), program.arguments)
    for option in given:
        yield from _option(command, program.tool, option)
    verb = program.verb
    rest = _behind(arguments, verb)
    if program.tool == "curl" or program.tool == "wget":
        yield from _downloads(command, program.tool, rest)
    elif verb in ("config", "config set", "source add"):
        yield from _settings(command, program.tool, verb, rest, given)
    elif program.tool == "uvx" or verb in _INSTALLING.get(program.tool, ()) or "" in _INSTALLING.get(program.tool, ()):
        yield from _requirements(command, program.tool, verb, rest)


def _of_program(command: Command, program: Program) -> Iterator[Fact]:
    """What `pipx run twine==5.1.1 upload …` says to twine."""
    at = program.arguments + (program.tool == "pipx")
    while at < len(command.words) and command.words[at].text.startswith("-"):
        at += 1 + (command.words[at].text in _VALUED)
    if at >= len(command.words):
        return
    first = command.words[at]
    words = (replace(first, text=_BARE.sub("", first.text)), *command.words[at + 1 :])
    inner = programs.identify(words)
    if inner.tool in _PUBLISH:
        yield from of_command(replace(command, words=words, tool=inner.tool, verb=inner.verb))


def _own(words: Sequence[Word], program: Program) -> Sequence[Word]:
    """Without what is told to the program that it runs: `uv run tox -e typing`."""
    if program.verb not in _RUNNING.get(program.tool, ()):
        return words
    own = len(program.verb.split()) + 1
    last = [*TABLES[program.tool].positions(words, program.arguments, own)]
    return words[: last[-1] + 1] if len(last) == own else words


def _behind(arguments: list[Word], verb: str) -> list[Word]:
    """The arguments without the verb's words."""
    return arguments[len(verb.split()) :]


def _option(command: Command, tool: str, given: Given) -> Iterator[Fact]:
    tool_name = _SAME.get(tool, tool)
    name = _NAMES.get(tool_name, {}).get(given.name, given.name)
    span, value_span = _places(given)
    value = _TRUE if given.value is None else given.value
    if name in _REQUIREMENT_OPTIONS:
        if given.value and (known := _requirement(command, given.value_word, given.value, value_span or span)):
            yield _editable(known) if "editable" in name else known
        return
    yield Option(tool_name, name, value, span, value_span, "command", given.written, "", "command line", command)
    if name == "pip-args" and given.value:
        yield from _pip_args(command, given, value_span)
    role = _ROLES.get(name) or (_UV_ROLES.get(name) if tool_name == "uv" else None)
    role = "upload" if (tool_name, name) == ("twine", "repository-url") else role
    if role is None or given.value is None:
        return
    label, url, url_span = "", value, value_span
    if tool_name == "uv" and (named := re.fullmatch(r"([\w.-]+)=(.+)", value)):
        label, url = named.groups()
        url_span = value_span and replace(value_span, start=value_span.start + len(label) + 1)
    yield Index(tool_name, url, role, span, url_span, label, via="command", command=command, key=given.written)


def _editable(known: Required) -> Required:
    """What has no scheme is a folder: `-e server`."""
    if known.url:
        return replace(known, editable=True)
    return replace(known, name="", specifier="", url=known.text, editable=True)


def _places(given: Given) -> tuple[Span, Span | None]:
    """The whole option, and its value where that stands as it is."""
    span = given.word.span
    if given.value is None:
        return span, None
    if given.value_word is None:
        place = span.text.rfind(given.value) if given.value else -1
        if place < 0:
            return span, None
        return span, replace(span, start=span.start + place, end=span.start + place + len(given.value))
    value = given.value_word.span
    between = span.source.text[span.end : value.start] if span.end <= value.start <= span.end + 500 else "x"
    whole = replace(span, end=value.end) if not between.strip(" \t\r\n\\\"',`") else span
    return whole, inner(value, given.value)


def inner(span: Span, text: str) -> Span | None:
    """The word without its quotes, where it stands as it is."""
    if span.text == text:
        return span
    if span.text[1:-1] == text and text:
        return replace(span, start=span.start + 1, end=span.end - 1)
    if span.text == f'\\"{text}\\"':  # within a string of JSON, YAML, Groovy
        return replace(span, start=span.start + 2, end=span.end - 2)
    return None


def _pip_args(command: Command, given: Given, span: Span | None) -> Iterator[Fact]:
    """`pipx install --pip-args "--index-url …"`."""
    if span is None:
        return
    words = tuple(
        Word(found.group(), replace(span, start=span.start + found.start(), end=span.start + found.end()))
        for found in re.finditer(r"\S+", given.value or "")
    )
    options, _ = TABLES["pip"].read(words, 0)
    for option in options:
        yield from _option(command, "pip", option)


def _requirements(command: Command, tool: str, verb: str, words: Iterable[Word]) -> Iterator[Fact]:
    for word in words:
        if tool == "poetry":
            text = re.sub(r"@(?=[\^~<>=\d*]|latest$)", "", word.text) if "@" in word.text else word.text
        else:
            text = word.text
        if tool in ("uvx", "uv") and verb in ("", "tool run", "tool install"):
            text = re.sub(r"^([\w.-]+)@(?=[\w.]+$)", r"\1==", text).removesuffix("==latest")
        if fact := _requirement(command, word, text, inner(word.span, word.text) or word.span):
            yield fact
        if (tool, verb) in _FIRST_ONLY:
            return


def _requirement(command: Command, word: Word | None, text: str, span: Span) -> Required | None:
    """None where the shell alone knows what it is."""
    if (
        word is not None
        and not word.known
        and not re.match(r"[A-Za-z0-9][\w.-]*(?:\[[^]]*\])?\s*[=<>~!@]|[a-z+]+://", text)
    ):
        return None
    if re.match(r"[{<%$(]", text) or not text.strip():
        return None
    return replace(required(span, text, via="command"), command=command)


def _settings(command: Command, tool: str, verb: str, words: list[Word], given: list[Given]) -> Iterator[Fact]:
    """`pip config set global.index-url X`, `poetry config …`, `conda config --set …`, `git config …`."""
    if tool == "conda":
        pairs = [(option.value_word, option) for option in given if option.name in ("set", "add", "append", "prepend")]
        for key, option in pairs:
            at = command.words.index(key) + 1 if key is not None else len(command.words)
            if key is not None and at < len(command.words):
                name = _plain(key.text, command.words[at].text)
                yield replace(_setting(command, tool, name, command.words[at], option.word), key=key.text)
        return
    if verb == "source add":
        yield from _source(command, tool, words)
        return
    if tool == "git":
        words = [word for word in words if word.text not in ("set",)]
    if len(words) < 2:
        return
    key, value = words[0], words[-1]
    section, dot, name = key.text.partition(".") if tool == "pip" else ("", "", key.text)
    if tool == "pip" and not dot:
        section, name = "", key.text
    if tool == "git":
        name = name.lower()
    name = normalised(name) if tool == "pip" else _plain(name, value.text)
    fact = _setting(command, tool, name, value, key)
    yield replace(fact, section=section, key=f"{tool} {verb} {key.text}")
    role = _ROLES.get(name) or ("primary" if (tool, name) == ("pdm", "pypi.url") else None)
    if tool == "poetry" and re.fullmatch(r"repositories\.[^.]+(?:\.url)?", name):
        role = "upload"
    for part in re.finditer(r"\S+", value.text) if role else ():
        span = fact.value_span
        exact = span and replace(span, start=span.start + part.start(), end=span.start + part.end())
        yield Index(tool, part.group(), role or "", fact.span, exact, via="command", command=command)


def _plain(name: str, value: str) -> str:
    """The one name for what several tools call differently."""
    last = name.rpartition(".")[2]
    if name == "ssl_verify" or last == "verify_ssl" or (last == "cert" and value in ("true", "false")):
        return "verify-ssl"
    return last if last in ("cert", "client-cert") else name


def _setting(command: Command, tool: str, name: str, value: Word, key: Word) -> Option:
    span = replace(key.span, end=value.span.end) if key.span.end <= value.span.start else value.span
    exact = inner(value.span, value.text)
    return Option(tool, name, value.text, span, exact, "command", name, "", "command line", command)


def _source(command: Command, tool: str, words: list[Word]) -> Iterator[Fact]:
    """`poetry source add --priority=explicit corp URL`."""
    if len(words) < 2:
        return
    text = command.span.text
    found = re.search(r"--priority[= ](\w+)", text)
    role = found.group(1) if found else "primary"
    span = replace(words[0].span, end=words[1].span.end)
    yield Index(
        tool,
        words[1].text,
        role,
        span,
        inner(words[1].span, words[1].text),
        words[0].text,
        via="command",
        command=command,
    )


def _downloads(command: Command, tool: str, words: Iterable[Word]) -> Iterator[Fact]:
    for word in words:
        exact = inner(word.span, word.text)
        yield Option(tool, "url", word.text, word.span, exact, "command", "url", "", "command line", command)
