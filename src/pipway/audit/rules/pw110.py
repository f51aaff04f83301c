"""The file of certificates that is named is of no use.

What
----
`cert`, REQUESTS_CA_BUNDLE, SSL_CERT_FILE or CURL_CA_BUNDLE names a file of the project that has no certificate in it,
only expired ones, none of an authority, a private key, or that everybody may write.

Why
---
Every request fails, and somebody writes a `trusted-host`. A private key in it is handed on with it. Who may write the
file decides whom the tool trusts.

Bad
---
    # pip.conf
    [global]
    cert = expired-ca.pem

Good
----
    # pip.conf
    [global]
    cert = corp-ca.pem
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import date

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Note, Option, Project, Span, Variable
from pipway.findings import Severity

RULE = Rule("PW110", "unusable-certificates", "File of certificates that is of no use", Severity.MEDIUM)

_VARIABLES = frozenset({"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"})
_OTHERS_WRITE = 0o002


def check(project: Project) -> Iterator[Found]:
    """Each place that names such a file of the project; files elsewhere nobody has looked into."""
    files = {note.span.source.path: note for note in project.of(Note) if note.what == "certificate-file"}
    if not files:
        return
    named = [(option.value, option.value_span or option.span) for option in project.of(Option) if option.name == "cert"]
    named += [
        (variable.value, variable.value_span or variable.span)
        for variable in project.of(Variable)
        if variable.name in _VARIABLES
    ]
    for value, span in named:
        note = _file(value, span, files)
        wrong = _wrong(note, project.today) if note is not None else ""
        if note is not None and wrong:
            yield Found(
                span,
                f"{note.text} {wrong}",
                consequence="requests fail, or the tool trusts whom it should not",
                advice="write the certificate of your network's authority into it, and nothing else",
                related=((note.span, "this file"),),
            )


def _file(value: str, span: Span, files: dict[str, Note]) -> Note | None:
    """The file that is meant: beside the one that names it, or from the root."""
    beside = posixpath.join(posixpath.dirname(span.source.path), value)
    found = (files.get(posixpath.normpath(path)) for path in (beside, value) if value)
    return next((note for note in found if note is not None), None)


def _wrong(note: Note, today: date) -> str:
    said, mode = note.traits, note.span.source.mode
    if said["key"] == "true":
        return "holds a private key"
    if said["certificates"] == "0":
        return "holds no certificate"
    if date.fromisoformat(said["until"]) < today:
        return "holds expired certificates only"
    if said["authority"] == "false":
        return "holds no certificate of an authority"
    return "may be written by everybody" if mode is not None and mode & _OTHERS_WRITE else ""
