"""What rules ask about requirements that are URLs: whether they are repositories, at which revision, and locked where.

Pure. It asks no repository.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pipway.audit.facts import Locked, Project

_SCHEMES = ("git+", "hg+", "svn+", "bzr+", "git://")


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


def locked_folders(project: Project) -> frozenset[str]:
    """Folders that have a lock of their own; a hashed requirements file is none."""
    return frozenset(
        each.span.source.path.rpartition("/")[0] for each in project.of(Locked) if each.format != "requirements"
    )
