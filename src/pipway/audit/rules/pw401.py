"""A deployment installs files that nobody compared.

What
----
An image or a CI job installs from a requirements file, and neither the command nor the file asks for hashes. Or a
command line has `--hash`, an option that pip knows only in files.

Why
---
A version says which name the index gives a file, not what is in it. With hashes, pip stops when an index, a mirror or
a cache has something else than what was tested.

Bad
---
    # Dockerfile
    RUN pip install -r requirements.txt

Good
----
    # Dockerfile
    RUN pip install --require-hashes -r requirements.txt
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Persona, Repair, Rule
from pipway.audit.effective.paths import meant
from pipway.audit.facts import Option, Project, Required
from pipway.audit.queries.installs import (
    DEPLOYED,
    added,
    installs,
    is_open,
    is_remote,
    says,
    surrounded,
    surroundings,
    told,
)
from pipway.findings import Severity

RULE = Rule(
    "PW401",
    "deploy-without-hashes",
    "Deployment without hashes",
    Severity.MEDIUM,
    references=("pip: docs/html/topics/secure-installs.md",),
)


def check(project: Project) -> Iterator[Found]:
    """One finding per file that such a command installs from. What is not in the tree only pedants hear of."""
    options = told(project)
    hashed, paths = _hashed(project), surroundings(project, "require-hashes")
    for command in installs(project):
        for option in options.get(id(command), ()):
            if option.name == "hash":
                yield _no_such_option(option)
        if command.where not in DEPLOYED or is_open(command) or says(command, options, "require-hashes"):
            continue
        if surrounded(command, paths):
            continue
        for option in options.get(id(command), ()):
            if option.name != "requirement" or is_remote(option.value) or "pylock" in option.value:
                continue
            known = _state(hashed, option)
            if known is None or known is False:
                yield _found(option, known=known is not None)


def _no_such_option(option: Option) -> Found:
    return Found(
        option.span,
        "hashes of a command line: there is no such option",
        consequence="pip stops with “no such option: --hash”",
        advice="write the requirement and its --hash into a file, and install with --require-hashes -r",
    )


def _found(option: Option, *, known: bool) -> Found:
    command = option.command
    edits = added(command, "--require-hashes") if command is not None and not known else ()
    return Found(
        option.span,
        f"{posixpath.basename(option.value)} is installed without hashes",
        confidence=Confidence.HIGH if known else Confidence.LOW,
        persona=Persona.REGULAR if known else Persona.PEDANTIC,
        consequence="pip installs whatever the index has under these names today",
        advice="write the hashes with `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`, "
        "and install with --require-hashes, or install from a lock file",
        repair=Repair("refuse what has no hash", edits) if edits else None,
    )


def _hashed(project: Project) -> dict[str, bool]:
    """Path of a requirements file → whether one of its requirements has a hash, which makes pip ask for all."""
    found: dict[str, bool] = {}
    for each in project.of(Required):
        if each.via == "requirements":
            path = each.span.source.path
            asks = any(f"{kind}={digest}" not in each.url for kind, digest, _ in each.hashes)  # not those of a fragment
            found[path] = found.get(path, False) or asks
    return found


def _state(hashed: dict[str, bool], option: Option) -> bool | None:
    """Whether the file has hashes; None when it is not in the tree, or several could be meant."""
    path = meant(option.value, option.span.source, hashed)
    if path is not None:
        return hashed[path]
    name = posixpath.basename(option.value.replace("\\", "/"))
    same = [state for path, state in hashed.items() if posixpath.basename(path) == name]
    return same[0] if len(same) == 1 else None
