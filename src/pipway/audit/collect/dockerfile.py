"""Dockerfiles and Containerfiles: RUN as shell, ENV and ARG across stages, COPY and ADD, secret mounts.

A stage is final when it becomes the image, or when that one is built on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipway.audit.collect import commands, json_nodes, powershell, programs, shell, written
from pipway.audit.collect.docker_lines import MOST, Instruction, instructions
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.collect.text import Text, cut
from pipway.audit.collect.words import Value
from pipway.audit.facts import Command, Copied, Fact, Note, Scope, Source, Span, Variable, Where, Word
from pipway.audit.walk import Tree

KIND = "dockerfile"
WHERE = Where.IMAGE
_LONGEST = 1 << 12  # characters of a value that others are part of: each may double it
_FROM = re.compile(r"(\S+)(?:\s+(?i:as)\s+(\S+))?")
_PAIR = re.compile(r"(?<![\w.-])([\w.-]++)=((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'\\]|[\"'\\])*)")
_REFERENCE = re.compile(r"\$(?:(\w++)|\{(\w++)(?::?-([^{}$]*))?\})")
_SINGLE = re.compile(r"([\w.-]++)(?:[ \t]++(\S(?:.*\S)?))?\s*$", re.DOTALL)


@dataclass
class _Stage:
    """What is known within one stage."""

    name: str = ""
    final: bool = True
    known: dict[str, Value | None] = field(default_factory=dict)
    shell: str = "sh"


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The facts of all stages."""
    found = list(instructions(source))
    if len(found) > MOST:
        yield cut(source, f"more than {MOST} instructions", found.pop().start)
    finals = _finals(found)
    starts = [*(each.start for each in found if each.name == "FROM"), len(source.text)]
    stage, number = _Stage(final=len(finals) <= 1), -1
    outside: dict[str, Value | None] = {}  # ARGs before the first FROM
    stages: dict[str, _Stage] = {}
    for instruction in found:
        if instruction.name == "FROM":
            number += 1
            image = _FROM.match(instruction.rest.text)
            base = stages.get(image.group(1).lower()) if image else None
            name = (image.group(2) or "") if image else ""
            stage = _Stage(
                name or str(number), finals[number], dict(base.known) if base else {}, base.shell if base else "sh"
            )
            stages[name.lower() or str(number)] = stage
            here = Span(source, starts[number], starts[number + 1])
            yield Scope("stage", here, stage.name, base.name if base else "")
            if image:
                traits = {"stage": stage.name, "final": str(stage.final).lower(), "base": base.name if base else ""}
                yield Note("base-image", instruction.rest.span(image.start(1), image.end(1)), image.group(1), traits)
        else:
            yield from _facts(instruction, stage, outside if number < 0 else None, outside)


def _finals(found: list[Instruction]) -> list[bool]:
    """For each stage whether it is the image, or what the image is built on."""
    images = [_FROM.match(instruction.rest.text) for instruction in found if instruction.name == "FROM"]
    finals = [False] * len(images)
    at: int | None = len(images) - 1 if images else None
    while at is not None:
        finals[at] = True
        image = images[at]
        base = image.group(1).lower() if image else ""
        named = (
            place for place in range(at - 1, -1, -1) if (it := images[place]) and (it.group(2) or "").lower() == base
        )
        at = next(named, None)
    return finals


def _facts(
    instruction: Instruction, stage: _Stage, before: dict[str, Value | None] | None, outside: Mapping[str, Value | None]
) -> Iterator[Fact]:
    name = instruction.name
    if name in ("ENV", "ARG"):
        known = stage.known if before is None else before
        for variable, text in _set(instruction, stage, dict(known)):
            yield from commands.of_set(variable)
            if name == "ARG" and text is None:
                known.setdefault(variable.name, outside.get(variable.name))
            elif not (name == "ARG" and known.get(variable.name) is not None):
                known[variable.name] = Value((text,)) if text and "$" not in text.text else None
    elif name in ("RUN", "CMD", "ENTRYPOINT"):
        yield from _run(instruction, stage)
    elif name in ("COPY", "ADD"):
        yield from _copied(instruction, stage)
    elif name == "SHELL":
        words = json_nodes.parse(instruction.rest.text)
        stage.shell = words.items[0].value.lower() if words and words.items else "sh"


def _set(
    instruction: Instruction, stage: _Stage, known: Mapping[str, Value | None]
) -> Iterator[tuple[Variable, Text | None]]:
    """Variables, and their values with places; None for an ARG without one. What it names was set before."""
    rest, how = instruction.rest, instruction.name
    whole = Span(rest.source, instruction.start, instruction.end)
    pairs = list(_PAIR.finditer(rest.text))
    if not pairs or not rest.text.lstrip().startswith(pairs[0].group()):
        if single := _SINGLE.match(rest.text.lstrip()):
            skipped = len(rest.text) - len(rest.text.lstrip())
            value = rest.cut(skipped + single.start(2), skipped + single.end(2)) if single.group(2) else None
            if value is None and how == "ENV":
                return
            value = _expanded(value, known) if value else None
            exact = value.span() if value and value.span().text == value.text else None
            said = value.text if value else ""
            yield Variable(single.group(1), said, whole, exact, how, stage.name, stage.final), value
        return
    for pair in pairs:
        span = whole if len(pairs) == 1 else rest.span(pair.start(), pair.end())
        value = rest.cut(pair.start(2), pair.end(2))
        value = _expanded(_unquoted(value), known) if _expands(value.text) else _unquoted(value)
        place = value.span()
        exact = place if value.text and place.text == value.text else None
        yield Variable(pair.group(1), value.text, span, exact, how, stage.name, stage.final), value


def _expands(written: str) -> bool:
    """Whether its `$` are references; those in single quotes and behind a backslash stay as they are."""
    return "'" not in written and "\\$" not in written


def _expanded(text: Text, known: Mapping[str, Value | None]) -> Text:
    """With the values of variables; they stand where they are named. What only a build knows stays a reference."""
    parts, place = [], 0
    for found in _REFERENCE.finditer(text.text):
        value = known.get(found.group(1) or found.group(2))
        said = "".join(part.text for part in value.parts) if value else found.group(3)
        if said:
            span = text.span(found.start(), found.end())
            parts += [text.cut(place, found.start()), Text.standing_for(text.source, said, span.start, span.end)]
            place = found.end()
    if not parts or sum(len(part.text) for part in parts) > _LONGEST:
        return text
    return Text.joined(text.source, [*parts, text.cut(place, len(text.text))])


def _unquoted(text: Text) -> Text:
    """Without quotes and escapes, as Docker reads a word."""
    holes, quote, at, signs = [], "", 0, text.text
    while at < len(signs):
        char = signs[at]
        if char == "\\" and quote != "'" and (not quote or signs[at + 1 : at + 2] in ('"', "\\", "$")):
            holes.append((at, at + 1))
            at += 1
        elif char in "\"'" and (not quote or quote == char):
            quote = "" if quote else char
            holes.append((at, at + 1))
        at += 1
    return text.without(holes)


def _run(instruction: Instruction, stage: _Stage) -> Iterator[Fact]:
    mounts = tuple(value for flag, value in instruction.flags if flag == "mount")
    scene = Scene(Where.IMAGE, mounts, stage.name, stage.final)
    text = instruction.rest
    if text.text.lstrip().startswith("[") and (words := _words(text)):
        yield from _exec(words, text, scene)
        return
    if instruction.heredocs:
        body = instruction.heredocs[0].body
        if text.text.strip().startswith("<<") and len(text.text.split()) == 1:
            first = body.text.lstrip().partition("\n")[0]
            if first.startswith("#!") and not any(name in first for name in programs.SHELLS):
                return
            text = body
        else:
            end = instruction.heredocs[-1].end
            text = Text.joined(text.source, [text, Text.piece(text.source, instruction.end, end)])
    if "powershell" in stage.shell or "pwsh" in stage.shell:
        yield from commands.facts(powershell.read(text, scene))
    else:
        yield from commands.facts(shell.read(text, scene, stage.known))


def _words(text: Text) -> tuple[Text, ...]:
    """The JSON form's words."""
    span = text.span()
    if span.text == text.text:
        node = json_nodes.parse(text.source.text, span.start, span.end)
        found = [item.text(text.source) for item in node.items if item.kind == "string"] if node else []
        return tuple(word for word in found if word.text)
    node = json_nodes.parse(text.text)  # over several lines
    found = [text.cut(item.start + 1, item.end - 1) for item in node.items if item.kind == "string"] if node else []
    return tuple(word for word in found if word.text)


def _exec(texts: tuple[Text, ...], whole: Text, scene: Scene) -> Iterator[Fact]:
    words = tuple(Word(text.text, text.span()) for text in texts)
    program = programs.identify(words)
    command = Command(
        words,
        whole.span(0, len(whole.text.rstrip())),
        program.tool,
        program.verb,
        program.wrappers,
        where=scene.where,
        mounts=scene.mounts,
        stage=scene.stage,
        final=scene.final,
        listed=True,
    )
    yield from commands.facts(Script((command,)))
    if program.tool in programs.SHELLS and len(texts) > 2 and words[-2].text.endswith("c"):
        yield from commands.facts(shell.read(texts[-1], scene))


def _copied(instruction: Instruction, stage: _Stage) -> Iterator[Fact]:
    text = instruction.rest
    if text.text.lstrip().startswith("["):
        words = [word.text for word in _words(text)]
    else:
        words = [_unquoted(text.cut(found.start(), found.end())).text for found in re.finditer(r"\S+", text.text)]
    if len(words) < 2:
        return
    if len(instruction.heredocs) == 1 and not words[-1].endswith("/"):
        yield from written.facts(Script(written=((words[-1], instruction.heredocs[0].body),)))
    origin = dict(instruction.flags).get("from", "")
    span = Span(text.source, instruction.start, instruction.end)
    yield Copied(tuple(words[:-1]), words[-1], span, stage.name, stage.final, origin)
