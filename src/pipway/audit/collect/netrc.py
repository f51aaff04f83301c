"""netrc: which hosts have a login, and whether every host has one. Names and passwords never leave here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect.text import cut
from pipway.audit.facts import Fact, Note, Source, Span
from pipway.audit.walk import Tree

KIND = "netrc"

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_MOST = 10_000  # entries


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """`netrc-login` for each machine, `netrc-default` for the entry that every host gets."""
    return facts(source)


def facts(source: Source) -> Iterator[Fact]:
    """Of a file, or of what a script writes into one."""
    tokens = _tokens(source.text)
    at, found = 0, 0
    while at < len(tokens):
        word = source.text[slice(*tokens[at])]
        at += 1
        if word not in ("machine", "default"):
            continue
        found += 1
        if found > _MOST:
            yield cut(source, f"more than {_MOST} entries", tokens[at - 1][0])
            return
        start, end = tokens[at - 1]
        host = ""
        if word == "machine" and at < len(tokens):
            host, end = source.text[slice(*tokens[at])].strip('"'), tokens[at][1]
            at += 1
        has = set()
        while at < len(tokens) and source.text[slice(*tokens[at])] in ("login", "user", "account", "password"):
            has.add(source.text[slice(*tokens[at])])
            at += 2
        traits = {"password": str("password" in has).lower(), "login": str(bool(has & {"login", "user"})).lower()}
        yield Note("netrc-login" if word == "machine" else "netrc-default", Span(source, start, end), host, traits)


def _tokens(text: str) -> list[tuple[int, int]]:
    """Words; a comment ends with its line, and a macro with an empty one. A # in a password is none."""
    tokens: list[tuple[int, int]] = []
    in_macro = False
    for line in re.finditer(r"[^\n]*\n|[^\n]+", text):
        said = line.group().strip()
        if in_macro or said.startswith("macdef"):
            in_macro = bool(said)
            continue
        value_follows = False
        for match in _TOKEN.finditer(text, line.start(), line.end()):
            if match.group().startswith("#") and not value_follows:
                break
            tokens.append(match.span())
            value_follows = match.group() in ("login", "password", "account", "user", "machine") and not value_follows
    return tokens
