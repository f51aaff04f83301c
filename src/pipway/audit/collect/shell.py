"""Reads shell text into commands: a script, a RUN line, a step of a CI job, a recipe, a notebook's `!` line.

Collectors call `read`. It never runs anything, forgives what is not shell, and takes time linear in the text. A parser
for a whole shell grammar would lose everything behind one template or one `fi` that is missing; a rule needs simple
commands, in whatever they are nested.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pipway.audit.collect import programs
from pipway.audit.collect.text import Text
from pipway.audit.collect.words import DEEPEST, LONGEST, Token, Value, Variables, WordReader
from pipway.audit.facts import Command, Span, Variable, Where, Word

MOST = 20_000  #: commands of one text
_BLANK = re.compile(r"(?:[ \t\f\v]|\\\r?\n|\r(?=\n)|\N{BYTE ORDER MARK})+")
_COMMENT = re.compile(r"#[^\n]*")
_TABS = re.compile(r"(?m)^\t+")
_ALIAS = re.compile(r"[\w.-]+=")
_ENDS = re.compile(r"\\n|\n")
_REDIRECT = re.compile(r"(?:\d{0,3}|\{\w+\})(?:<<<|<<-|<<|<>|<&|<|>>|>\||>&|>)|&>>|&>")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_KEYWORDS = frozenset(
    ["if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "esac", "coproc"]
)
_EXPORTING = frozenset({"export", "declare", "local", "typeset", "readonly", "setenv"})
_RUNS_TEXT = programs.SHELLS | {"eval", "su", "runuser", "ssh", "alias"}
_READS_STDIN = programs.SHELLS | {"python", "source", ".", "eval", "perl", "ruby", "node"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a text runs; every command of it says so."""

    where: Where = Where.REPOSITORY
    mounts: tuple[str, ...] = ()
    stage: str = ""
    final: bool = True
    step: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What a text says."""

    commands: tuple[Command, ...] = ()
    variables: tuple[Variable, ...] = ()  #: those that are set for later commands
    values: Variables = field(default_factory=dict, repr=False)  #: what is known at its end
    written: tuple[tuple[str, Text], ...] = field(default=(), repr=False)  #: files that it writes texts into
    is_cut: bool = False  #: there are more commands than are looked at


@dataclass(slots=True)
class _Simple:
    """A simple command while it is read."""

    tokens: list[Token] = field(default_factory=list)
    assigned: list[Variable] = field(default_factory=list)
    start: int = -1
    end: int = -1
    redirects: list[tuple[str, Word]] = field(default_factory=list)
    heredocs: list[_Heredoc] = field(default_factory=list)
    first_nested: int = 0  #: index of the first command within it

    def tests(self) -> bool:
        """Whether it is within `[[ … ]]`, where signs compare and group."""
        return bool(self.tokens) and self.tokens[0].text == "[[" and self.tokens[-1].text != "]]"


@dataclass(slots=True)
class _Heredoc:
    delimiter: str
    tabs: bool
    runs: bool = False  #: a shell reads it
    target: str = ""  #: of `cat` or `tee`: the file it goes into


def read(
    text: Text,
    scene: Scene = Scene(),
    variables: Variables | None = None,
    templates: re.Pattern[str] | None = None,
    depth: int = 0,
) -> Script:
    """Read it. `variables` are known before; others fill in what `templates` matches (group 1: a name)."""
    opaque = {}
    for place in templates.finditer(text.text) if templates else ():
        opaque[place.start()] = (place.end(), (place.group(1) if place.re.groups else "") or "")
    reader = _Reader(text, dict(variables or {}), opaque, depth=depth)
    reader.scene = scene
    reader.substituted = reader.commands
    reader.commands("")
    found = {(command.span.start, -command.span.end): command for command in reader.found}
    commands = tuple(found[place] for place in sorted(found))
    return Script(commands, tuple(reader.set_here), reader.variables, tuple(reader.written), reader.is_cut)


class _Reader(WordReader):
    """Commands between words."""

    scene: Scene = Scene()

    def __init__(
        self, text: Text, variables: dict[str, Value | None], opaque: Mapping[int, tuple[int, str]], depth: int
    ) -> None:
        super().__init__(text, variables, opaque, depth=depth)
        self.found: list[Command] = []
        self.set_here: list[Variable] = []
        self.written: list[tuple[str, Text]] = []
        self.is_cut = False
        self._told: tuple[_Simple, programs.Program] | None = None  #: an `echo` whose output goes on
        self._heredocs: list[_Heredoc] = []
        self._lines: dict[str, list[int]] | None = None

    # -- the grammar ---------------------------------------------------------------------------------------------

    def commands(self, closing: str) -> None:
        """Everything up to the closing sign, or to the end."""
        text, size = self.text.text, len(self.text.text)
        piped: Command | None = None
        cases, pattern = 0, False
        while self.at < size and len(self.found) < MOST:
            self._blank()
            if self.at >= size:
                break
            if pattern:
                pattern = False
                cases -= self._case_pattern()
                continue
            char = text[self.at]
            if char == closing:
                self.at += 1
                return
            if char in "\n;&|()" and self.at not in self.opaque:
                operator = self._operator()
                pattern = bool(cases) and operator in (";;", ";&", ";;&")
                if operator in ("|", "|&"):
                    piped = self.found[-1] if self.found else None
                elif operator not in ("\n", "(", "(("):
                    piped = None
                continue
            before, simple = self.at, self._simple(closing)
            if simple.tokens and simple.tokens[0].text == "case" and len(simple.tokens) <= 3:
                cases, pattern = cases + 1, True
            elif command := self._command(simple, piped):
                self.found.append(command)
                piped = None
            elif simple.tokens and simple.tokens[0].text == "esac":
                cases = max(0, cases - 1)
            if self.at == before:
                self.at += 1
        if len(self.found) >= MOST and not self.is_cut:
            self.is_cut = bool(text[self.at :].strip())

    def _blank(self) -> None:
        while True:
            if (found := _BLANK.match(self.text.text, self.at)) or (found := _COMMENT.match(self.text.text, self.at)):
                self.at = found.end()
            else:
                return

    def _operator(self) -> str:
        """Go behind an operator; behind a line's end come the bodies of its here-documents."""
        text, at = self.text.text, self.at
        if text.startswith("((", at):
            self.at = self.behind_arithmetic(at)
            return "(("
        for operator in (";;&", ";;", ";&", "&&", "||", "|&"):
            if text.startswith(operator, at):
                self.at += len(operator)
                return operator
        self.at += 1
        if text[at] == "\n":
            self._bodies()
        return text[at]

    def _case_pattern(self) -> int:
        """Go behind a `pattern)`; 1 when it is `esac`."""
        text = self.text.text
        while self.at < len(text) and text[self.at] in " \t\r\n":
            self.at += 1
        if re.compile(r"esac\b").match(text, self.at):
            self.at += 4
            return 1
        end = text.find(")", self.at, self.at + 1000)
        line = text.find("\n", self.at)
        if end >= 0 and (line < 0 or end < line):
            self.at = end + 1
            return 0
        return 1  # nothing of a case

    def _simple(self, closing: str) -> _Simple:
        simple = _Simple(first_nested=len(self.found))
        text, size = self.text.text, len(self.text.text)
        while self.at < size:
            self._inner_blank()
            if self.at >= size or (text[self.at] == closing and self.at not in self.opaque):
                break
            if self.at not in self.opaque:
                if text[self.at] in "()|&<>" and simple.tests():
                    self.at += 1
                    continue
                if text.startswith(("<(", ">("), self.at):
                    self._process(simple)
                    continue
                if redirect := _REDIRECT.match(text, self.at):
                    self._redirect(simple, redirect.group())
                    continue
                if text[self.at] in "\n;&|)" or (text[self.at] == "(" and not self._function(simple)):
                    break
                if not simple.tokens and self._assignment(simple):
                    continue
            for token in self._words():
                if simple.start < 0:
                    simple.start = token.start
                if not simple.tokens and token.text in _KEYWORDS and not token.quoted and token.elsewhere is None:
                    simple.start = -1
                    if token.text == "esac":
                        simple.tokens.append(token)
                        return simple
                    continue
                simple.tokens.append(token)
                simple.end = self.at
                if token.text == "in" and len(simple.tokens) == 3 and simple.tokens[0].text == "case":
                    return simple
        return simple

    def _inner_blank(self) -> None:
        if found := _BLANK.match(self.text.text, self.at):
            self.at = found.end()
        if found := _COMMENT.match(self.text.text, self.at):
            self.at = found.end()

    def _words(self) -> list[Token]:
        before, tokens = self.at, self.word()
        if self.at == before:
            self.at += 1
            return []
        return [token for token in tokens if token.pieces or token.quoted or token.elsewhere]

    def _function(self, simple: _Simple) -> bool:
        """`name()`: what follows is its body."""
        found = re.compile(r"\([ \t]*\)").match(self.text.text, self.at)
        if found is None or len(simple.tokens) not in (1, 2):
            return False
        self.at = found.end()
        simple.tokens.clear()
        simple.start = -1
        return True

    def _process(self, simple: _Simple) -> None:
        """`<(command)`: a word that nobody knows, and a command."""
        start = self.at
        self.at += 2
        if self.depth < DEEPEST:
            self.depth += 1
            self.commands(")")
            self.depth -= 1
        simple.tokens.append(Token(start, self.at, [self.text.cut(start, self.at)], known=False))
        simple.end = self.at

    def _redirect(self, simple: _Simple, operator: str) -> None:
        self.at += len(operator)
        self._inner_blank()
        tokens = self._words() if self.at < len(self.text.text) and self.text.text[self.at] not in "\n;&|()<>" else []
        if not tokens:
            return
        sign = operator.lstrip("0123456789")
        if sign in ("<<", "<<-"):
            heredoc = _Heredoc(tokens[0].text, sign == "<<-")
            self._heredocs = [*self._heredocs[:20], heredoc]
            simple.heredocs.append(heredoc)
        else:
            simple.redirects.append((operator, tokens[0].word(self.text)))

    # -- here-documents --------------------------------------------------------------------------------------------

    def _bodies(self) -> None:
        """Take the bodies that begin in this line. One without an end is none."""
        for heredoc in self._heredocs:
            end, behind = self._body_end(heredoc)
            if end < 0:
                continue
            start, self.at = self.at, behind
            body = self.text.cut(start, end)
            if heredoc.runs:
                self._nested(body)
            if heredoc.target:
                holes = [tabs.span() for tabs in _TABS.finditer(body.text)] if heredoc.tabs else ()
                self._write(heredoc.target, body.without(holes))
        self._heredocs.clear()

    def _body_end(self, heredoc: _Heredoc) -> tuple[int, int]:
        text = self.text.text
        if self._lines is None:
            self._lines = {}
            place = 0
            for line in text.split("\n"):
                self._lines.setdefault(line.strip("\t\r"), []).append(place)
                place += len(line) + 1
        starts = self._lines.get(heredoc.delimiter, [])
        first = bisect_left(starts, self.at)
        for start in starts[first : first + 50]:
            if heredoc.tabs or text.startswith(heredoc.delimiter, start):
                end = text.find("\n", start)
                return start, len(text) if end < 0 else end
        return -1, -1

    # -- variables -------------------------------------------------------------------------------------------------

    def _assignment(self, simple: _Simple) -> bool:
        """`NAME=value` in front of a command, or alone."""
        found = _ASSIGNED.match(self.text.text, self.at)
        if found is None:
            return False
        start, self.at = self.at, found.end()
        if self.text.text.startswith("(", self.at):
            parts = self._array()
            value: Value | None = Value(tuple(part.value(self.text) for part in parts), array=True)
            texts = [part.text for part in parts]
        else:
            tokens = self.word() if self.at < len(self.text.text) else []
            parts, texts = tokens, [token.text for token in tokens]
            value = Value(tuple(token.value(self.text) for token in tokens))
        if any(not part.known for part in parts) or sum(len(text) for text in texts) > LONGEST:
            value = None
        if simple.start < 0:
            simple.start = start
        simple.end = self.at
        span, value_span = self.text.span(start, self.at), self._as_it_stands(found.end(), " ".join(texts))
        simple.assigned.append(Variable(found.group(1), " ".join(texts), span, value_span, how="shell"))
        self._keep(found.group(1), None if found.group(2) else value)
        return True

    def _array(self) -> list[Token]:
        self.at += 1
        found: list[Token] = []
        while self.at < len(self.text.text) and self.text.text[self.at] != ")":
            before = self.at
            self._blank()
            if self.text.text[self.at : self.at + 1] == "\n":
                self.at += 1
            elif self.at < len(self.text.text) and self.text.text[self.at] != ")":
                found += self._words()
            if self.at == before:
                self.at += 1
        self.at = min(self.at + 1, len(self.text.text))
        return found

    def _as_it_stands(self, start: int, value: str) -> Span | None:
        """The value within its quotes."""
        span = self.text.span(start, self.at) if start < self.at else None
        if span is None or not value:
            return None
        inner = span.text
        if inner != value and len(inner) > 2 and inner[0] == inner[-1] and inner[0] in "'\"":
            span = replace(span, start=span.start + 1, end=span.end - 1)
        return span if span.text == value else None

    def _keep(self, name: str, value: Value | None) -> None:
        self.variables[name] = value if name not in self.variables else None

    def _exported(self, tokens: list[Token], command: Command) -> Iterator[Variable]:
        """`export NAME=value`: the words say what is set."""
        for token, word in zip(tokens[1:], command.words[1:], strict=True):
            if not (found := _ASSIGNED.match(token.text)):
                continue
            name, value = found.group(1), token.text[found.end() :]
            text = token.value(self.text)
            part = text.cut(found.end(), len(text.text))
            known = token.known and len(value) <= LONGEST
            self._keep(name, Value((part,)) if known and not found.group(2) else None)
            place = word.span.text.find(value) if value else -1
            start = word.span.start + place
            exact = replace(word.span, start=start, end=start + len(value)) if place >= found.end() else None
            yield Variable(name, value, word.span, exact, how="export")

    # -- commands --------------------------------------------------------------------------------------------------

    def _command(self, simple: _Simple, piped: Command | None) -> Command | None:
        if simple.tokens and simple.tokens[0].text in ("for", "select", "function", "esac", "[[", "case"):
            if simple.tokens[0].text in ("for", "select") and len(simple.tokens) > 1:
                self.variables[simple.tokens[1].text] = None
            return None
        if not simple.tokens:
            self.set_here += simple.assigned
            return None
        for variable in simple.assigned:  # it is set for this command only
            self.variables.pop(variable.name, None)
        words = tuple(token.word(self.text) for token in simple.tokens)
        program = programs.identify(words)
        nested = self.found[simple.first_nested :]
        if piped is None and nested and program.tool in _READS_STDIN:
            piped = nested[-1]
        command = Command(
            words,
            self.text.span(max(simple.start, 0), simple.end),
            program.tool,
            program.verb,
            program.wrappers,
            tuple(replace(variable, how="prefix") for variable in simple.assigned),
            piped,
            self.scene.where,
            self.scene.mounts,
            self.scene.stage,
            self.scene.final,
            self.scene.step,
            redirects=tuple(simple.redirects),
        )
        if words[0].text in _EXPORTING:
            self.set_here += self._exported(simple.tokens, command)
        self._inner(simple, program)
        self._aim(simple, program, piped)
        return command

    def _aim(self, simple: _Simple, program: programs.Program, piped: Command | None) -> None:
        """Where a text goes: `cat > FILE <<EOF`, `tee FILE <<EOF`, `… <<EOF | tee FILE`, `echo … >> FILE`."""
        outputs = [target.text for sign, target in simple.redirects if sign.lstrip("1") in (">", ">>", ">|")]
        arguments = simple.tokens[program.arguments :]
        if program.tool == "tee":
            outputs = [token.text for token in arguments if not token.text.startswith("-")]
        if not outputs:
            self._told = (simple, program) if program.tool in ("echo", "printf") else None
            return
        if program.tool in ("cat", "tee"):
            for heredoc in self._heredocs if piped is not None else simple.heredocs:
                heredoc.target = outputs[0]
        if program.tool == "tee" and piped is not None and self._told is not None:
            simple, program = self._told
        if program.tool in ("echo", "printf"):
            for text in self._lines_of(simple.tokens[program.arguments :], program.tool):
                self._write(outputs[0], text)
        self._told = None

    def _lines_of(self, tokens: list[Token], tool: str) -> Iterator[Text]:
        """The texts that are printed, one for each line. A format's `%s` stands for the words behind it."""
        words = [token for token in tokens if not re.fullmatch(r"-[neE]+|--", token.text)]
        if tool == "printf" and len(words) > 1 and "%s" in words[0].text:
            yield from self._printed(words[1:])
        elif tool == "printf":
            yield from self._printed(words[:1])
        elif words:
            gap = Text.standing_for(self.text.source, " ", 0, 0)
            parts = [part for token in words for part in (gap, token.value(self.text))][1:]
            yield from self._split(Text.joined(self.text.source, parts))

    def _printed(self, tokens: list[Token]) -> Iterator[Text]:
        for token in tokens:
            yield from self._split(token.value(self.text))

    @staticmethod
    def _split(text: Text) -> Iterator[Text]:
        place = 0
        for found in _ENDS.finditer(text.text):
            yield text.cut(place, found.start())
            place = found.end()
        yield text.cut(place, len(text.text))

    def _write(self, target: str, text: Text) -> None:
        if len(self.written) < MOST and text.text:
            self.written.append((target, text))

    def _inner(self, simple: _Simple, program: programs.Program) -> None:
        """The commands in the text that a shell is given: `sh -c "…"`, `eval "…"`, a here-document."""
        if self.depth >= DEEPEST or program.tool not in _RUNS_TEXT:
            return
        tokens = simple.tokens[program.arguments :]
        texts: list[Text] = []
        for heredoc in simple.heredocs:
            heredoc.runs = True
        for place, token in enumerate(tokens):
            if program.tool == "alias" and (name := _ALIAS.match(token.text)):
                value = token.value(self.text)
                texts.append(value.cut(name.end(), len(value.text)))
            elif program.tool == "eval" or (program.tool == "ssh" and place and " " in token.text):
                texts.append(token.value(self.text))
            elif re.fullmatch(r"-[a-z]*c|--command", token.text) and program.tool != "ssh":
                texts += [token.value(self.text) for token in tokens[place + 1 : place + 2]]
                break
        for text in texts:
            self._nested(text)

    def _nested(self, text: Text) -> None:
        script = read(text, self.scene, self.variables, depth=self.depth + 1)
        left = max(0, MOST - len(self.found))
        self.is_cut = self.is_cut or script.is_cut or len(script.commands) > left
        self.found += script.commands[:left]
        self.written += script.written[: max(0, MOST - len(self.written))]
