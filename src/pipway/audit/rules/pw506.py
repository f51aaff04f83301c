"""pip runs as root.

What
----
`sudo pip install`, or `--root-user-action=ignore`, which hides pip's warning about it.

Why
---
The setup code of everything that is installed runs as root, and what the system's own programs import is replaced. In
an image, where everything is root's, only the warning is hidden.

Bad
---
    # install.sh
    sudo pip install httpie

Good
----
    # install.sh
    python3 -m venv ~/.venvs/httpie && ~/.venvs/httpie/bin/pip install httpie
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Command, Option, Project, Where
from pipway.audit.queries.installs import copied, is_copied
from pipway.findings import Severity

RULE = Rule("PW506", "pip-as-root", "pip as root", Severity.MEDIUM)
_SUDO = frozenset({"sudo", "doas"})
_ADVICE = "install into a virtual environment of the user who runs it"


def check(project: Project) -> Iterator[Found]:
    """Installs by sudo, and the hidden warning; within an image only pedants hear of the latter."""
    for command in project.of(Command):
        if command.tool == "pip" and command.verb in ("install", "uninstall") and _as_root(command):
            yield Found(
                command.span,
                f"pip {command.verb} runs as root",
                persona=Persona.PEDANTIC if _environment(command) else Persona.REGULAR,
                consequence="setup code of everything that is installed runs as root",
                advice=_ADVICE,
            )
    names = copied(project)
    for option in project.of(Option):
        if option.tool != "pip" or option.name != "root-user-action" or option.value != "ignore":
            continue
        where = option.command.where if option.command is not None else option.span.source.where
        if where is Where.REPOSITORY and is_copied(option.span.source.path, names):
            where = Where.IMAGE
        yield Found(
            option.span,
            "pip's warning about root is hidden",
            persona=Persona.REGULAR if where in (Where.REPOSITORY, Where.MACHINE) else Persona.PEDANTIC,
            consequence="nobody sees that pip changes what belongs to the system",
            advice=_ADVICE,
        )


def _as_root(command: Command) -> bool:
    """Whether sudo is given no other user."""
    if not _SUDO & set(command.wrappers):
        return False
    words = [word.text for word in command.words]
    for option in ("-u", "--user"):
        if option in words[:-1]:
            return words[words.index(option) + 1] == "root"
    return not any(word.startswith("--user=") and word != "--user=root" for word in words)


def _environment(command: Command) -> bool:
    """Whether it is the pip of an environment of its own."""
    programs = [word.text for word in command.words if word.text.rpartition("/")[2].startswith(("pip", "python"))]
    return bool(programs) and "/" in programs[0] and not programs[0].startswith(("/usr/", "/bin/"))
