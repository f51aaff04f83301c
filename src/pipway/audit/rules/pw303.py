"""A file with a password can be read by others.

What
----
A netrc, a `.pypirc`, or a configuration file with a login in it has permissions for its group or for everybody. Files
under version control are PW301's and PW310's: their permissions protect nothing.

Why
---
Every other account of the machine, and every service that runs on it, can read the login.

Bad
---
    $ ls -l .netrc
    -rw-r--r-- 1 ann ann 52 .netrc

Good
----
    $ chmod 600 .netrc
    -rw------- 1 ann ann 52 .netrc
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Note, Option, Project, Span, Where
from pipway.audit.queries.logins import holds_login, holds_secret, is_filled_in
from pipway.findings import Severity

RULE = Rule("PW303", "readable-secret", "Secret file readable by others", Severity.HIGH)

_OWN = frozenset({Where.REPOSITORY, Where.MACHINE})  # what builds an image or runs in a CI is no file of one's own
_SECRETS = frozenset({"password", "token"})
_WRITES = frozenset({"script", "makefile", "justfile", "notebook", "systemd"})  # what they write lies elsewhere


def check(project: Project) -> Iterator[Found]:
    """The first secret of each such file."""
    seen: set[str] = set()
    for span in _secrets(project):
        source = span.source
        if (
            source.where not in _OWN
            or source.kind in _WRITES
            or source.path in seen
            or source.tracked
            or source.mode is None
            or not source.mode & 0o077
        ):
            continue
        seen.add(source.path)
        yield Found(
            span,
            f"{source.path} holds a login, and others may read it (mode {source.mode:04o})",
            advice=f"chmod 600 {source.path}",
            repair=Repair("let only its owner read it", safe=True, closes=source),
        )


def _secrets(project: Project) -> Iterator[Span]:
    for note in project.of(Note):
        if note.what in ("netrc-login", "netrc-default") and note.traits.get("password") == "true":
            yield note.span
    for option in project.of(Option):
        if (option.via == "file" and option.name in _SECRETS and not is_filled_in(option.value)) or (
            option.via == "file" and option.name == "proxy" and holds_secret(option.value)
        ):
            yield option.span
    for index in project.of(Index):
        if index.via in ("file", "requirements") and holds_login(index):
            yield index.span
