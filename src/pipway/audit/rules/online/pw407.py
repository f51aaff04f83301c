"""Hashes for a requirement, and none for what it needs.

What
----
With `--online`: a file of hashed requirements leaves out a project that one of them needs on every system, as the
index's METADATA says.

Why
---
With one hash pip asks for hashes of everything it installs. What is not in the file has none: the install fails, on
machines where the project is not installed already. People then take the hashes out.

Bad
---
    # requirements.txt
    flask==3.0.3 --hash=sha256:58cd

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd"}, "core-metadata": true,
      "url": "../../files/https/files.example/flask-3.0.3-py3-none-any.whl"}]}

    # pipway/files/https/files.example/flask-3.0.3-py3-none-any.whl.metadata
    Requires-Dist: werkzeug>=3.0.0

Good
----
    # requirements.txt
    flask==3.0.3 --hash=sha256:58cd
    werkzeug==3.0.4 --hash=sha256:a1b2

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd"}, "core-metadata": true,
      "url": "../../files/https/files.example/flask-3.0.3-py3-none-any.whl"}]}

    # pipway/files/https/files.example/flask-3.0.3-py3-none-any.whl.metadata
    Requires-Dist: werkzeug>=3.0.0
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Option, Project, Required
from pipway.audit.online.questions import known_name, pinned
from pipway.findings import Severity

RULE = Rule(
    "PW407",
    "hashed-without-dependencies",
    "Hashed file misses dependencies",
    Severity.MEDIUM,
    references=("pip: docs/html/topics/secure-installs.md",),
    online=True,
)
#: What pip-compile leaves out unless asked: it is there already where pip is.
_THERE = frozenset({"pip", "setuptools", "wheel", "distribute"})
_WITHOUT = frozenset({"no-deps", "no-dependencies"})


def check(project: Project) -> Iterator[Found]:
    """At the requirement that needs what is missing. A file that is only installed without dependencies needs none."""
    if project.answers is None:
        return
    files: dict[str, list[Required]] = {}
    for each in project.of(Required):
        if each.via == "requirements":
            files.setdefault(each.span.source.path, []).append(each)
    for path, every in files.items():
        if not any(each.hashes for each in every) or _alone(project, path):
            continue
        have = {known_name(each.name) for name in _read(project, path) for each in files.get(name, ())}
        beside = {known_name(each.name) for name in files if _beside(name, path) for each in files[name]}
        for each in every:
            answer = project.answers.projects.get(known_name(each.name))
            needed = answer.needs.get(pinned(each), ()) if answer is not None and each.hashes else ()
            missing = [name for name in needed if name not in have | _THERE]
            if missing:
                yield Found(
                    each.span,
                    f"{known_name(each.name)} needs {', '.join(missing)}, which this file leaves out",
                    persona=Persona.PEDANTIC if beside.issuperset(missing) else Persona.REGULAR,
                    consequence="pip refuses to install what has no hash, and with it everything else",
                    advice="let `pip-compile --generate-hashes` or `uv pip compile --generate-hashes` write the file",
                )


def _read(project: Project, path: str) -> set[str]:
    """The file, what it includes, and what it is constrained by."""
    included: dict[str, set[str]] = {}
    for option in project.of(Option):
        if option.name in ("requirement", "constraint") and option.via == "requirements":
            here = option.span.source.path
            included.setdefault(here, set()).add(_from(here, option.value))
    return _reached(path, included)


def _reached(path: str, included: Mapping[str, set[str]]) -> set[str]:
    found, waiting = {path}, [path]
    while waiting:
        new = included.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _from(path: str, value: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), value.replace("\\", "/")))


def _beside(name: str, path: str) -> bool:
    """Of the same folder: people install several files at once."""
    return name != path and posixpath.dirname(name) == posixpath.dirname(path)


def _alone(project: Project, path: str) -> bool:
    """Whether a command installs this file without what its requirements need."""
    without = {id(option.command) for option in project.of(Option) if option.name in _WITHOUT and option.command}
    return any(
        option.name == "requirement" and id(option.command) in without
        for option in project.of(Option)
        if option.command is not None and posixpath.basename(option.value) == posixpath.basename(path)
    )
