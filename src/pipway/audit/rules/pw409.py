"""A requirement is whatever a branch or a tag is.

What
----
A requirement out of a repository of version control names a branch, a tag or nothing, not a whole commit.

Why
---
Branches move, and tags can be moved: who can push there decides what the next install runs. A whole commit is the only
name that means the same code for ever, and is checked by git itself.

Bad
---
    # requirements.txt
    lib @ git+https://git.example/org/lib@main

Good
----
    # requirements.txt
    lib @ git+https://git.example/org/lib@8d1d7ac6a0a1d2f8c54cf2d55bd8a4dd0e8d5c3a
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Locked, Project
from pipway.audit.facts import Required as Requirement
from pipway.audit.queries.vcs import is_locked, is_vcs, locked_folders, locked_names, revision
from pipway.findings import Severity

RULE = Rule("PW409", "moving-revision", "Repository requirement not at a commit", Severity.HIGH)

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_IN_LOCK = re.compile(r"[0-9a-f]{40}(?![0-9a-z])")


def check(project: Project) -> Iterator[Found]:
    """Every such requirement; where a lock beside it names the commit, only pedants hear of it."""
    folders, names = locked_folders(project), locked_names(project)
    for each in project.of(Requirement):
        if not is_vcs(each.url):
            continue
        said = revision(each.url)
        if _fixed(each.url, said):
            continue
        yield Found(
            each.span,
            f"{each.name or 'a requirement'} is taken from {said or 'whatever the repository has'}, which can move",
            persona=Persona.PEDANTIC if is_locked(each, folders, names) else Persona.REGULAR,
            consequence="whoever can push to that repository decides what is installed",
            advice="write the whole commit behind the @: `git ls-remote` says which one it is now",
        )
    for locked in project.of(Locked):
        if locked.kind == "git" and locked.format != "pylock.toml" and _names_none(locked):
            yield Found(
                locked.url_span or locked.span,
                f"{locked.name} is locked to something that can move",
                consequence="two installs from one lock can be different",
                advice="let the tool write the lock again",
            )


def _fixed(url: str, said: str) -> bool:
    if not said or "$" in said or "{" in said:
        return bool(said)
    numbered = url.lower().startswith(("svn+", "bzr+")) and said.lstrip("r").isdigit()
    return numbered or _COMMIT.fullmatch(said.lower()) is not None


def _names_none(locked: Locked) -> bool:
    """Poetry and PDM write the commit beside the URL: what holds no revision at all is not judged."""
    said = locked.url.partition("#")[2] or revision(locked.url)
    return bool(said) and _IN_LOCK.search(locked.url) is None
