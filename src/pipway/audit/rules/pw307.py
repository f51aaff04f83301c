"""A login in a URL has characters that end it.

What
----
The user or the password of an index or a proxy holds `#`, `/`, `?` or a backslash as it is, in the place of `%23`,
`%2F`, `%3F` or `%5C`. An `@` in a password is understood by some tools only.

Why
---
The host ends at such a character: the user name is asked for as a host, and a piece of the password is taken for its
port. It fails, and the piece turns up in error texts and logs.

Bad
---
    # pip.conf
    [global]
    proxy = http://CORP\\ann:hunter#2@proxy.corp:8080

Good
----
    # pip.conf
    [global]
    proxy = http://CORP%5Cann:hunter%232@proxy.corp:8080
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Option, Project, Span, Variable
from pipway.audit.queries.logins import FILLED
from pipway.findings import Severity

RULE = Rule("PW307", "unencoded-login", "Login with characters that end it", Severity.HIGH)

_LONGEST = 500  # characters of a login that is encoded: each is an edit
#: scheme://user:password@, where the password is no port; what follows the last @ is the host
_LOGIN = re.compile(
    r"\s*[A-Za-z][A-Za-z0-9+.-]*://([^/?#@\s:]+):(?!\d{1,5}(?:[/?#]|$))([^\s\"'<>]+)@(?=[\w.\[-]+(?::\d+)?(?:/|$))"
)
_ENDS = re.compile(r"[/?#\\\\]")
_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_PLAIN_FILES = frozenset({"pip.conf", "requirements", "dotenv", "uv.toml", "pyproject.toml", "pdm.toml", "Pipfile"})


def check(project: Project) -> Iterator[Found]:
    """Indexes and proxies, wherever they are set."""
    for index in project.of(Index):
        yield from _found(index.url, index.url_span, index.span)
    for option in project.of(Option):
        if option.name == "proxy":
            yield from _found(option.value, option.value_span, option.span)
    for variable in project.of(Variable):
        if variable.name.lower() in _VARIABLES:
            yield from _found(variable.value, variable.value_span, variable.span)


def _found(url: str, url_span: Span | None, span: Span) -> Iterator[Found]:
    masked = FILLED.sub(lambda match: "x" * len(match.group()), url)
    match = _LOGIN.match(masked)
    if match is None:
        return
    login = masked[match.start(1) : match.end(2)]
    ends = _ENDS.search(login) is not None
    if not ends and "@" not in login:
        return
    yield Found(
        url_span or span,
        f"the login in this URL holds {'a character that ends it' if ends else 'an @'}",
        Severity.HIGH if ends else Severity.MEDIUM,
        consequence="a piece of it is taken for the host, and turns up in error texts" if ends else "tools disagree",
        advice="write # as %23, / as %2F, ? as %3F, @ as %40, and a backslash as %5C",
        repair=_repair(url, url_span, (match.span(1), match.span(2)), clear=masked == url),
    )


def _repair(url: str, span: Span | None, parts: tuple[tuple[int, int], ...], *, clear: bool) -> Repair | None:
    """Encoded; not where something is filled in, and unsafe where some of it may be encoded already."""
    if not clear or span is None or span.text != url or span.source.kind not in _PLAIN_FILES:
        return None
    login = url[parts[0][0] : parts[-1][1]]
    if len(login) > _LONGEST:
        return None
    safe = "!$&'()*+,;=%" if "%" in login else "!$&'()*+,;="
    edits = [  # one for each character: an edit is shown, and must not give the password away
        Edit(Span(span.source, span.start + place, span.start + place + 1), better)
        for start, end in parts
        for place in range(start, end)
        if (better := quote(url[place], safe=safe, errors="surrogateescape")) != url[place]
    ]
    return Repair("encode it", tuple(edits), safe="%" not in login and "@" not in login)
