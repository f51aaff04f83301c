"""A requirement is fetched over http, or by the git protocol.

What
----
A requirement's URL begins with http://, git+http:// or git://, and its host is not this machine.

Why
---
Nothing proves who answers: who sits on the way can give other code, and it runs at installation. pip's refusal of
indexes on http does not cover a URL that is named itself. A hash, or the whole id of a commit, shows a changed answer;
then only a pedantic audit names it.

Bad
---
    # requirements.txt
    lib @ git+http://git.corp/team/lib

Good
----
    # requirements.txt
    lib @ git+https://git.corp/team/lib
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Project, Required, Span
from pipway.audit.queries.hosts import host, is_loopback, port
from pipway.findings import Severity

RULE = Rule("PW106", "plain-http-requirement", "Requirement over http or git://", Severity.HIGH)

_OPEN = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?http://|(?:git\+)?git://", re.IGNORECASE)
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:[0-9a-f]{24})?(?:#|$)")


def check(project: Project) -> Iterator[Found]:
    """Every requirement with such a URL."""
    for each in project.of(Required):
        scheme, name = _OPEN.match(each.url), host(each.url)
        if scheme is None or not name or is_loopback(name):
            continue
        fixed = bool(each.hashes or _COMMIT.search(each.url))
        yield Found(
            each.span,
            f"{each.name or 'a requirement'} is fetched from {name} over {scheme.group()}",
            Severity.LOW if fixed else Severity.HIGH,
            persona=Persona.PEDANTIC if fixed else Persona.REGULAR,
            consequence=f"what anybody on the way to {name} answers is built and installed",
            advice="fetch it over https, with a hash or the id of a commit",
            repair=_repair(each, scheme.group()),
        )


def _repair(each: Required, scheme: str) -> Repair | None:
    """The scheme with TLS, where the URL stands as it is without a port."""
    start = each.span.source.text.find(each.url, each.span.start, each.span.end)
    if start < 0 or port(each.url) not in (None, 80):
        return None
    kind, plus, _ = scheme.partition("+")
    better = f"{kind}+https://" if plus else "https://" if scheme.lower() == "http://" else "git+https://"
    edit = Edit(Span(each.span.source, start, start + len(scheme)), better)
    return Repair("fetch it over https", (edit,))
