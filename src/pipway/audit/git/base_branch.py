"""The locks of before: what stands in them at the base branch, so that PW807 can compare.

`cli/audit_git.py` calls it for `--base`. It reads objects through `objects`, and of each lock of now the version of
the commit in which both branches began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipway.audit.collect import locks
from pipway.audit.facts import Fact, Project, Source, Span
from pipway.audit.git.objects import Git
from pipway.audit.run import collected
from pipway.audit.walk import LARGEST_LOCK, Tree
from pipway.errors import UsageError

_SHORT = 12  # digits of a commit's id
AUTO = "auto"  #: as a name: what the CI says that this is merged into

#: variable of a CI → whether it is a commit, and not a branch of the remote
_TARGETS: Mapping[str, bool] = {
    "GITHUB_BASE_REF": False,
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": True,
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": False,
    "SYSTEM_PULLREQUEST_TARGETBRANCH": False,
    "BITBUCKET_PR_DESTINATION_BRANCH": False,
    "CHANGE_TARGET": False,
}


def target(environ: Mapping[str, str]) -> str:
    """What this CI run is to be merged into, "" when it is no merge request."""
    for name, is_commit in _TARGETS.items():
        value = environ.get(name, "").removeprefix("refs/heads/")
        if value:
            return value if is_commit else f"origin/{value}"
    return ""


def base(git: Git, name: str) -> str:
    """The commit that `name` and HEAD began in; the one that is named, where a shallow clone does not know."""
    commit = git.commit(name)
    if not commit:
        raise UsageError(
            "no-such-commit",
            f"this repository knows no {name}",
            fix=f"fetch it first: git fetch origin {name.removeprefix('origin/')}; in CI, clone with the whole history",
        )
    try:
        found = git.lines("merge-base", "HEAD", commit)
    except UsageError:
        found = []
    return found[0].decode() if found else commit


def facts(git: Git, commit: str, root: Path, project: Project) -> tuple[Fact, ...]:
    """What the locks of `project` said at `commit`, under the paths that they have now."""
    prefix = PurePosixPath(root.resolve().relative_to(git.top).as_posix())
    wanted = {each.path for each in project.sources if each.kind == locks.KIND}
    listed = git.output("ls-tree", "-r", "-z", "--full-tree", commit, "--", *_folders(prefix)).split(b"\0")
    names: dict[str, str] = {}
    for line in listed:
        head, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
        try:
            inside = PurePosixPath(path).relative_to(prefix).as_posix()
        except ValueError:
            continue
        if inside in wanted and head.startswith("100"):
            names[inside] = head.split()[2]
    contents = dict(git.blobs(sorted(set(names.values())), LARGEST_LOCK))
    found: list[Fact] = []
    for path, name in names.items():
        if name in contents:
            source = Source(path, contents[name].decode("utf-8", "surrogateescape"), locks.KIND, tracked=True)
            found += told(collected(locks, source, Tree(git.top, known=frozenset())), commit)
    return tuple(found)


def told(every: Iterable[Fact], commit: str) -> Iterator[Fact]:
    """Facts of a version that was once committed: their places say so."""
    for fact in every:
        source = fact.span.source
        then = replace(source, path=f"{commit[:_SHORT]}:{source.path}", commit=commit)
        yield replace(fact, span=Span(then, fact.span.start, fact.span.end))


def _folders(prefix: PurePosixPath) -> list[str]:
    return [] if prefix == PurePosixPath(".") else [f":(literal){prefix}"]
