"""PowerShell scripts: commands, pipes and `$env:` variables; enough of its words to know what installers are told.

CI collectors read their PowerShell steps with it. Expressions are passed over; nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from pipway.audit.collect import commands, programs
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.collect.text import Text
from pipway.audit.facts import Command, Fact, Source, Variable, Word
from pipway.audit.walk import Tree

KIND = "powershell"
MOST = 20_000  #: commands
_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r]+|`\r?\n|<\#.*?(?:\#>|\Z)|(?<![^\s;|&(){}])\#[^\n]*|@'\r?\n.*?(?:\n'@|\Z)|@"\r?\n.*?(?:\n"@|\Z))
    |(?P<end>\n|;|&&|\|\||[{}()])|(?P<pipe>\|)|(?P<call>&(?=\s|["'$]))|(?P<comma>,)
    |(?P<word>(?:'(?:[^']|'')*'|"(?:[^"`]|`.|"")*"|\$\{\{.{0,300}?\}\}|\$\{[^}\n]{0,200}\}|`.|[^\s;|&(){},'"`])+)|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"`]|`.|\"\")*)\"|`(.)", re.DOTALL)
_SET = re.compile(r"\$env:([A-Za-z_]\w*)$", re.IGNORECASE)
_SETTER = re.compile(r"SetEnvironmentVariable$")
_DOWNLOADERS = frozenset({"iwr", "irm", "invoke-webrequest", "invoke-restmethod", "curl", "wget"})
_RUNNERS = frozenset({"iex", "invoke-expression"})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The facts of a script."""
    yield from commands.facts(read(Text.piece(source), Scene(source.where)))


def read(text: Text, scene: Scene = Scene()) -> Script:  # noqa: B008 - frozen
    """Its commands. Templates are words that nobody knows, as every `$` is."""
    found: list[Command] = []
    variables: list[Variable] = []
    words: list[Word] = []
    piped: Command | None = None
    over = False
    for token in _TOKEN.finditer(text.text):
        kind = token.lastgroup
        if kind == "word":
            words.append(_word(text, token.start(), token.end()))
        elif kind in ("end", "pipe") and words:
            command = _finished(words, variables, scene, piped, found)
            words, piped = [], None
            if command is not None:
                found.append(command)
                piped = command if kind == "pipe" else None
        if len(found) >= MOST:
            over = token.end() < len(text.text.rstrip())
            break
    if words and not over and (command := _finished(words, variables, scene, piped, found)):
        found.append(command)
    for place, command in enumerate(found[:-1]):  # iex (iwr …)
        if (
            command.tool.lower() in _RUNNERS
            and not command.piped_from
            and found[place + 1].tool.lower() in _DOWNLOADERS
        ):
            found[place] = replace(command, piped_from=found[place + 1])
    return Script(tuple(found), tuple(variables), is_cut=over)


def _word(text: Text, start: int, end: int) -> Word:
    """Unquoted, as PowerShell does."""
    piece = text.text[start:end]
    known = "$" not in re.sub(r"'(?:[^']|'')*'|`.", "", piece, flags=re.DOTALL)
    said = _PIECE.sub(_unquoted, piece) if any(sign in piece for sign in "'\"`") else piece
    return Word(said, text.span(start, end), known)


def _unquoted(found: re.Match[str]) -> str:
    single, double, escaped = found.groups()
    if single is not None:
        return single.replace("''", "'")
    if double is not None:
        return re.sub(r"`(.)", r"\1", double.replace('""', '"'), flags=re.DOTALL)
    return str(escaped)


def _finished(
    words: list[Word], variables: list[Variable], scene: Scene, piped: Command | None, found: list[Command]
) -> Command | None:
    """A command, or None when it sets a variable or is an expression."""
    first = words[0].text
    place = words[0].span
    name, sign, glued = first.partition("=")
    if variable := _SET.match(name):
        value = words[2] if len(words) > 2 and words[1].text == "=" else None
        if sign and glued:
            value = Word(glued, replace(place, start=place.start + len(name) + 1))
        if value is not None:
            span = replace(place, end=value.span.end)
            exact = commands.inner(value.span, value.text)
            variables.append(Variable(variable.group(1), value.text, span, exact, "env"))
        return None
    if found and len(words) > 1 and len(found[-1].words) == 1 and _SETTER.search(found[-1].words[0].text):
        span = replace(found.pop().span, end=words[1].span.end)
        variables.append(Variable(first, words[1].text, span, commands.inner(words[1].span, words[1].text), "env"))
        return None
    if first.lower() in ("setx", "setx.exe") and len(words) > 2 and not words[1].text.startswith("/"):
        value = words[2]
        span = replace(place, end=value.span.end)
        variables.append(Variable(words[1].text, value.text, span, commands.inner(value.span, value.text), "env"))
        return None
    if len(words) > 2 and words[1].text == "=":  # $x = pip …
        words = words[2:]
    program = programs.identify(words)
    tool = program.tool
    if tool.lower() in _RUNNERS and piped is None and found and found[-1].tool.lower() in _DOWNLOADERS:
        piped = found[-1]
    span = replace(words[0].span, end=words[-1].span.end)
    return Command(
        *(tuple(words), span, tool, program.verb, program.wrappers),
        piped_from=piped,
        where=scene.where,
        mounts=scene.mounts,
        stage=scene.stage,
        final=scene.final,
        step=scene.step,
    )
