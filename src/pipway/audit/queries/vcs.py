"""What rules ask about requirements that are URLs: whether they are repositories, at which revision, and locked where.

Pure. It asks no repository.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pipway.audit.facts import Locked, Project, Required

_SCHEMES = ("git+", "hg+", "svn+", "bzr+", "git://")


def _normal(name: str) -> str:
    """PEP 503's form; `packaging` has it too, and takes longer to load than a small audit takes."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_vcs(url: str) -> bool:
    """Whether pip would clone it."""
    return url.lower().startswith(_SCHEMES)


def revision(url: str) -> str:
    """What stands behind the @ of its path: a commit, a branch, a tag, "" for none."""
    bare = url.partition("#")[0].partition("?")[0]
    try:
        path = urlsplit(bare).path
    except ValueError:
        return ""
    head, at, said = path.rpartition("@")
    return said if at and head and ":" not in said else ""  # git@host:path is no revision


def locked_names(project: Project) -> frozenset[tuple[str, str]]:
    """Folder and name of everything that a lock of its own in that folder has."""
    return frozenset(
        (each.span.source.path.rpartition("/")[0], _normal(each.name))
        for each in project.of(Locked)
        if each.format != "requirements"
    )


def is_locked(each: Required, folders: frozenset[str], names: frozenset[tuple[str, str]]) -> bool:
    """Whether a lock beside it has it; of one without a name, whether there is a lock."""
    folder = each.span.source.path.rpartition("/")[0]
    if each.via != "project" or folder not in folders:
        return False
    return not each.name or (folder, _normal(each.name)) in names


def locked_folders(project: Project) -> frozenset[str]:
    """Folders that have a lock of their own; a hashed requirements file is none."""
    return frozenset(
        each.span.source.path.rpartition("/")[0] for each in project.of(Locked) if each.format != "requirements"
    )
