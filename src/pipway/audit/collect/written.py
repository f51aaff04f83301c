"""Configuration that a script writes: a here-document or an `echo` into pip.conf, a netrc, a profile, $GITHUB_ENV.

`commands.facts` calls it with what `shell` saw being written. Only texts that stand in the script are looked at; what
the shell would fill in stays a variable's name, and no file is read or written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from pipway.audit.collect import netrc, pip_conf, pypirc
from pipway.audit.collect.files import modules
from pipway.audit.collect.shell import Script, read
from pipway.audit.collect.text import Text, cut
from pipway.audit.collect.variable_options import of_variable
from pipway.audit.facts import Fact, Note, Option, Source, Span, Variable

_MOST = 50  #: files of one script
_COLLECTORS = {"pip_conf": pip_conf, "netrc": netrc, "pypirc": pypirc}
_PROFILES = re.compile(r"(?:^|/)(?:\.bashrc|\.profile|\.bash_profile|\.zshrc|profile|profile\.d/[^/]+\.sh)$")
_VARIABLES = re.compile(r"(?:^|/)(?:environment|\.env|environment\.d/[^/]+)$|GITHUB_ENV\}?$|BASH_ENV\}?$")
_LATER = re.compile(r"(?:GITHUB_ENV|BASH_ENV)\}?$")
_SET = re.compile(r"(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=[\"']?([^\n\"']*)")
_IN_SHELL = re.compile(r"[$`]")


def facts(script: Script) -> Iterator[Fact]:
    """What these files say, at the places in the script."""
    files: dict[str, list[Text]] = {}
    for target, text in script.written:
        files.setdefault(target, []).append(text)
    if len(files) > _MOST:
        yield cut(script.written[0][1].source, f"more than {_MOST} files are written by one script")
    for target, texts in list(files.items())[:_MOST]:
        yield from _file(target, _lines(texts))


def _lines(texts: list[Text]) -> Text:
    """One after the other, each ended."""
    parts: list[Text] = []
    for text in texts:
        parts.append(text)
        if text.text and not text.text.endswith("\n"):
            parts.append(Text.standing_for(text.source, "\n", text.ends[-1], text.ends[-1]))
    return Text.joined(texts[0].source, parts)


def _file(target: str, text: Text) -> Iterator[Fact]:
    source = text.source
    reading = modules(target, "") if target else ()
    for name, collector in _COLLECTORS.items():
        if name in reading:
            file = Source(target, text.text, collector.KIND, source.where, mode=None)
            yield from _moved(collector.facts(file), text)
            return
    if _PROFILES.search(target):
        for variable in read(text).variables:
            yield from _variable(variable)
    elif _VARIABLES.search(target):
        for found in _SET.finditer(text.text):
            value = text.span(*found.span(2))
            exact = value if found[2] and value.text == found[2] else None
            how = "later steps" if _LATER.search(target) else "dotenv"
            yield from _variable(Variable(found[1], found[2], text.span(*found.span()), exact, how))


def _variable(variable: Variable) -> Iterator[Fact]:
    yield variable
    yield from of_variable(variable)


def _moved(found: Iterable[Fact], text: Text) -> Iterator[Fact]:
    """Facts about the file, where they stand in the script. Whether it lies where pip looks is nobody's matter."""
    for fact in found:
        if isinstance(fact, Note) and fact.what == "never-read":
            continue
        if isinstance(fact, Option) and _IN_SHELL.search(fact.value):
            continue
        changed = {each.name: _place(getattr(fact, each.name), text) for each in fields(fact)}
        yield replace(fact, **changed)


def _place(value: Any, text: Text) -> Any:
    if isinstance(value, Span):
        return text.span(value.start, value.end)
    if isinstance(value, Mapping):
        return {key: _place(each, text) for key, each in value.items()}
    return value
