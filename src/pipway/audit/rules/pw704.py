"""The key is right and its section is not.

What
----
`require-virtualenv` stands in a section of one command; `require-hashes` stands in a configuration file or a variable;
or a section has a key that its command does not know. Pedantic: a file with `require-virtualenv` is copied into an
image.

Why
---
`[install]` does not cover `pip download`. Hashes that are required everywhere break every `pip install NAME`, and they
reach the environments in which pip builds: any sdist that needs something to build fails.

Bad
---
    # pip.conf
    [global]
    require-hashes = true

Good
----
    # install.sh
    pip install --require-hashes -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Copied, Note, Option, Project, Span
from pipway.audit.fix.edits import removal
from pipway.clients.pip_options import truth
from pipway.findings import Severity

RULE = Rule(
    "PW704",
    "setting-in-wrong-section",
    "Right key, wrong section",
    Severity.MEDIUM,
    references=("pip: docs/html/topics/configuration.md", "pip: docs/html/topics/secure-installs.md"),
)

_EVERYWHERE = frozenset({"require-virtualenv", "require-venv"})


def _in_image(option: Option, copy: Copied) -> Found:
    return Found(
        option.span,
        "an environment is required in an image, too",
        confidence=Confidence.LOW,
        persona=Persona.PEDANTIC,
        consequence="`pip install` stops in the image unless a virtual environment is active there",
        advice="copy a file without it, or mount one while the image is built",
        related=((copy.span, "comes into the image here"),),
    )


def check(project: Project) -> Iterator[Found]:
    """pip's files and variables."""
    copied = {PurePosixPath(name).name: each for each in project.of(Copied) if not each.origin for name in each.sources}
    for note in project.of(Note):
        if note.what == "wrong-section" and note.span.source.kind == "pip.conf":
            yield Found(
                note.span,
                f"[{note.traits.get('section', '')}] does not know {note.text}",
                consequence="pip passes over it",
                advice="write it in [global], or in the section of a command that has this option",
            )
    for option in project.of(Option):
        if option.tool != "pip" or option.command is not None or not truth(option.value):
            continue
        copy = copied.get(PurePosixPath(option.span.source.path).name)
        if copy is not None and option.name in _EVERYWHERE and option.via == "file":
            yield _in_image(option, copy)
        if option.name == "require-hashes" and option.via in ("file", "variable"):
            yield Found(
                option.span,
                "hashes are required of everything that pip installs",
                consequence="`pip install NAME` fails, and so does every sdist that needs something to build",
                advice="write --require-hashes on the command line of a deployment",
                repair=Repair("require hashes where a command says so", removal(option.span)),
            )
        elif option.name in _EVERYWHERE and option.via == "file" and option.section not in ("", "global", ":env:"):
            yield Found(
                option.span,
                f"[{option.section}] requires an environment for this command only",
                consequence="pip download and pip wheel run outside of one, and what they build runs code",
                advice="write it in [global]",
                repair=_moved(option, project),
            )


def _moved(option: Option, project: Project) -> Repair | None:
    """In front of another key of [global]."""
    source = option.span.source
    there = [each for each in project.of(Option) if each.span.source.path == source.path and each.section == "global"]
    if not there or any(each.name in _EVERYWHERE for each in there):
        return None
    start = min(each.span.start for each in there)
    if source.text[source.text.rfind("\n", 0, start) + 1 : start]:
        return None
    end = "\r\n" if "\r\n" in source.text else "\n"
    edit = Edit(Span(source, start, start), f"require-virtualenv = true{end}")
    return Repair("require it for every command", (edit, *removal(option.span)))
