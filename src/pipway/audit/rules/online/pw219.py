"""A name of ours that anybody could take.

What
----
With `--online`: a project's name is ours, as the configuration (`owned`), a private index or its own classifiers say,
and pipway takes that name from a public index, or would if somebody registered it there.

Why
---
Names are first come, first served on a public index. Whoever registers one that only your own index has runs code
wherever the public index is asked for it: dependency confusion.

Bad
---
    # pyproject.toml
    [project]
    name = "shop"
    dependencies = ["corp-billing"]

    [tool.pipway.audit]
    owned = ["corp-billing"]

    # pipway/indexes.json
    {"indexes": [{"name": "public", "url": "https://<PyPI>/simple/"},
                 {"name": "corp", "url": "https://nexus.corp/simple/"}]}

    # pipway/indexes/corp-billing.json
    {"index": "corp"}

Good
----
    # pyproject.toml
    [project]
    name = "shop"
    dependencies = ["corp-billing"]

    [tool.pipway.audit]
    owned = ["corp-billing"]

    # pipway/indexes.json
    {"indexes": [{"name": "corp", "url": "https://nexus.corp/simple/"},
                 {"name": "public", "url": "https://<PyPI>/simple/"}]}

    # pipway/indexes/corp-billing.json
    {"index": "corp"}
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Organisation, Project
from pipway.audit.online.answers import Answers, Owner, Verdict
from pipway.audit.online.questions import ours
from pipway.audit.queries.hosts import is_public
from pipway.findings import Severity

RULE = Rule(
    "PW219",
    "owned-name-unprotected",
    "Owned name is not protected",
    Severity.HIGH,
    references=("CVE-2018-20225", "PEP 708"),
    online=True,
)


def check(project: Project) -> Iterator[Found]:
    """Nothing where no public index stands behind the server, or the name's own index is asked before it."""
    if project.answers is None:
        return
    public = _public(project.answers, project.organisation)
    for each in ours(project) if public else ():
        owner = project.answers.owners.get(each.name)
        what = _unprotected(project.answers, owner, public) if owner is not None else ""
        if what:
            yield Found(
                each.span,
                f"{each.name} is a name of yours ({each.why}), and {what}",
                persona=Persona.REGULAR if each.installed else Persona.PEDANTIC,
                consequence="whoever has that name on the public index runs code on your machines",
                advice="name your own index before the public one in pipway's settings, or register a placeholder",
            )


def _public(answers: Answers, organisation: Organisation) -> list[str]:
    return [each.name for each in answers.indexes if is_public(each.host) or each.host in organisation.mirrors]


def _unprotected(answers: Answers, owner: Owner, public: list[str]) -> str:
    """Why, "" where it is protected or nobody knows."""
    if owner.verdict is Verdict.ABSENT:
        return f"no index behind {answers.server} has it: it is free to be taken"
    if owner.verdict is not Verdict.SERVED or not owner.index:
        return ""
    if owner.index in public:
        return f"{answers.server} takes it from the public index {owner.index}"
    order = [each.name for each in answers.indexes]
    before = [name for name in public if name in order and order.index(name) < order.index(owner.index)]
    return f"{answers.server} asks the public index {before[0]} for it first" if before else ""
