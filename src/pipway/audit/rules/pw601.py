"""An image tells everybody to use your network.

What
----
The last stage of a Dockerfile sets an internal index or a proxy for good: by `ENV`, or by `pip config set`.

Why
---
Every container and every image built on it inherits that. Outside of your network installs hang or fail, and the names
of your hosts are published with the image. Docker knows proxies as build arguments without any line; an index can be
an `ARG`, or a configuration file that is mounted as a secret.

Bad
---
    # Dockerfile
    FROM python:3.13
    ENV PIP_INDEX_URL=https://nexus.corp/simple

Good
----
    # Dockerfile
    FROM python:3.13
    ARG PIP_INDEX_URL=https://nexus.corp/simple
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Option, Project, Span, Variable, Where
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import host, is_loopback, is_private, is_public
from pipway.audit.queries.logins import holds_secret
from pipway.findings import Severity

RULE = Rule("PW601", "network-in-image", "Internal index or proxy in an image", Severity.MEDIUM)

_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_PROXY"})
_ENV = re.compile(r"(?i)ENV(?=\s)")
_SETTINGS = frozenset({"index-url", "extra-index-url", "proxy"})


def check(project: Project) -> Iterator[Found]:
    """Variables and settings of final stages; a public index only pedants want to hear of."""
    unset = {
        (each.span.source.path, each.scope, each.name.upper())
        for each in project.of(Variable)
        if each.how == "ENV" and not each.value.strip()
    }
    indexes = {(each.span, each.key): each for each in project.of(Index) if each.via == "variable"}
    for variable in project.of(Variable):
        if variable.how != "ENV" or not variable.final or not variable.value.strip():
            continue
        name = variable.name.upper()
        if (variable.span.source.path, variable.scope, name) in unset:
            continue
        index = indexes.get((variable.span, variable.name))
        if name in _PROXIES:
            yield _found(variable.span, f"the proxy of {variable.name}", _repair(variable, proxy=name != "PIP_PROXY"))
        elif index is not None and index.role not in ("find-links", "upload") and not is_public(host(index.url)):
            yield _found(
                variable.span, _called(index.url), _repair(variable, proxy=False), _persona(project, index.url)
            )
    yield from _settings(project)


def _settings(project: Project) -> Iterator[Found]:
    for option in project.of(Option):
        command = option.command
        if command is None or command.where is not Where.IMAGE or not command.final:
            continue
        if (command.tool, command.verb) != ("pip", "config set") or option.name not in _SETTINGS:
            continue
        if option.name == "proxy":
            yield _found(option.span, "a proxy", None)
        elif not is_public(host(option.value)):
            yield _found(option.span, _called(option.value), None, _persona(project, option.value))


def _called(url: str) -> str:
    return f"the index at {host(url)}" if host(url) else "an index"


def _persona(project: Project, url: str) -> Persona:
    name = host(url)
    inside = not name or is_private(name, project.organisation) or is_loopback(name)
    return Persona.REGULAR if inside else Persona.PEDANTIC


def _found(span: Span, what: str, repair: Repair | None, persona: Persona = Persona.REGULAR) -> Found:
    return Found(
        span,
        f"{what} is set in the image for good",
        persona=persona,
        consequence="every container and every image built on it asks there, outside of your network as well",
        advice="give it to the build only: an ARG, or a pip.conf as a secret mount; Docker hands proxies on by itself",
        repair=repair,
    )


def _repair(variable: Variable, *, proxy: bool) -> Repair | None:
    """A proxy's line goes; an index becomes an argument, unless that would show a password in the image's history."""
    if proxy:
        edits = removal(variable.span)
        return Repair("leave the proxy to Docker's own build arguments", edits) if edits else None
    found = _ENV.match(variable.span.text)
    if found is None or holds_secret(variable.value):
        return None
    where = Span(variable.span.source, variable.span.start, variable.span.start + found.end())
    return Repair("set it for the build only", (Edit(where, "ARG"),))
