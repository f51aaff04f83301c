"""A netrc has a login for every host.

What
----
A `.netrc` or `_netrc` has a `default` entry with a password.

Why
---
Every host without an entry of its own gets that login as soon as it is asked: a public index, a mirror, whatever a
redirect names.

Bad
---
    # .netrc
    default login svc password hunter2

Good
----
    # .netrc
    machine nexus.corp login svc password hunter2
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Note, Project
from pipway.audit.queries.hosts import is_public
from pipway.findings import Severity

RULE = Rule("PW309", "netrc-default-login", "Login for every host in a netrc", Severity.HIGH)


def check(project: Project) -> Iterator[Found]:
    """Each `default` entry with a password, and logins for PyPI's index, which asks nobody for one."""
    for note in project.of(Note):
        if note.what == "netrc-login" and note.traits.get("password") == "true" and is_public(note.text):
            yield Found(
                note.span,
                f"this login is for {note.text}, which needs none",
                consequence="pip sends it with every request to the public index",
                advice="leave the entry out; name the host of your own index",
            )
        if note.what == "netrc-default" and note.traits.get("password") == "true":
            yield Found(
                note.span,
                "this login is for every host that has none of its own",
                consequence="pip, and whatever uses requests, may send it to any index that is asked",
                advice="name the host: machine HOST in the place of default",
            )
