"""pip's cache stays in the image.

What
----
A `RUN pip install` of the last stage has neither `--no-cache-dir` nor a cache mount.

Why
---
Everything that was downloaded is in the layer a second time, for nobody: the next build does not see it. A cache mount
keeps it out of the image and still spares the downloads.

Bad
---
    # Dockerfile
    RUN pip install --require-hashes -r requirements.txt

Good
----
    # Dockerfile
    RUN pip install --no-cache-dir --require-hashes -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Command, Option, Project, Where
from pipway.audit.queries.containers import KINDS
from pipway.audit.queries.installs import added, installs, is_open, says, setting, told
from pipway.findings import Severity

RULE = Rule("PW603", "cache-in-image", "Cache left in an image", Severity.INFO, references=("hadolint DL3042",))


def check(project: Project) -> Iterator[Found]:
    """pip's installs of final stages; a cache that is removed in the same file is none. What a container runs later is
    in no layer: commands of compose, of manifests and of a devcontainer."""
    options, said = told(project), setting(project, "PIP_NO_CACHE_DIR")
    emptied = {command.span.source.path for command in project.of(Command) if _empties(command)}
    kept_out = {
        option.span.source.path
        for option in project.of(Option)
        if option.tool == "pip" and option.name == "no-cache-dir" and option.command is None
    }
    for command in installs(project):
        path = command.span.source.path
        if command.tool != "pip" or command.where is not Where.IMAGE or not command.final or is_open(command):
            continue
        if command.span.source.kind in KINDS - {"dockerfile"}:
            continue
        if says(command, options, "no-cache-dir") or path in said:
            continue
        if path in emptied | kept_out or any("type=cache" in mount for mount in command.mounts):
            continue
        edits = added(command, "--no-cache-dir")
        yield Found(
            command.span,
            "pip's cache stays in the image",
            consequence="what was downloaded is in the layer twice",
            advice="add --no-cache-dir, or --mount=type=cache,target=FOLDER of its cache to RUN",
            repair=Repair("keep the cache out of the image", edits, safe=True) if edits else None,
        )


def _empties(command: Command) -> bool:
    if (command.tool, command.verb) == ("pip", "cache purge"):
        return True
    return command.tool == "rm" and any(".cache" in word.text for word in command.words)
