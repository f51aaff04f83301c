"""A lock names another publisher than before.

What
----
A package of pylock.toml had `attestation-identities` at the base branch, and has others now, or none. Asked with
`--base REF`; `--base auto` takes what the CI says that this is merged into.

Why
---
The identity says who built and published the package: a repository, and a workflow in it. Whoever takes over an account
or a project publishes from elsewhere, or without attestations; so a change of hands is to be looked at by a person.

Bad
---
    # base/pylock.toml
    [[packages]]
    name = "flask"
    version = "3.0.2"

    [[packages.attestation-identities]]
    kind = "GitHub"
    repository = "pallets/flask"

    # pylock.toml
    [[packages]]
    name = "flask"
    version = "3.0.3"

    [[packages.attestation-identities]]
    kind = "GitHub"
    repository = "somebody/flask"

Good
----
    # base/pylock.toml
    [[packages]]
    name = "flask"
    version = "3.0.2"

    [[packages.attestation-identities]]
    kind = "GitHub"
    repository = "pallets/flask"

    # pylock.toml
    [[packages]]
    name = "flask"
    version = "3.0.3"

    [[packages.attestation-identities]]
    kind = "GitHub"
    repository = "pallets/flask"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Locked, Note, Project, Span
from pipway.findings import Severity

RULE = Rule(
    "PW807",
    "changed-publisher",
    "Publisher that changed or vanished",
    Severity.MEDIUM,
    references=("PEP 751", "PEP 740", "pip issue 13531"),
    base=True,
)

Identity = tuple[tuple[str, str], ...]
Identities = dict[tuple[str, str], dict[Identity, Span]]  # file and package → who, and where that is said


def check(project: Project) -> Iterator[Found]:
    """Each package that is still locked. Nothing where nobody gave a base to compare with."""
    if project.base_locks is None:
        return
    before = _identities(fact for fact in project.base_locks if isinstance(fact, Note))
    now = _identities(project.of(Note))
    locked = {(each.span.source.path, each.name): each.span for each in reversed(project.of(Locked))}
    for key, old in before.items():
        new = now.get(key, {})
        where = next((span for who, span in new.items() if who not in old), None if new else locked.get(key))
        if where is None:
            continue
        was = " and ".join(sorted(_shown(who) for who in old))
        if new:
            who = next(who for who in new if who not in old)
            what = f"{key[1]} comes from another publisher: {_shown(who)}, and not {was}"
        else:
            what = f"{key[1]} has no attested publisher any more; it was {was}"
        yield Found(
            where,
            what,
            consequence="what is installed may be built by somebody else than what was reviewed",
            advice="ask the project whether it moved; take the change in only then",
            related=((next(iter(old.values())), "before"),),
        )


def _identities(notes: Iterable[Note]) -> Identities:
    found: Identities = {}
    for note in notes:
        if note.what == "attestation-identities":
            who = tuple(sorted((key, value) for key, value in note.traits.items() if key != "version"))
            found.setdefault((note.span.source.name, note.text), {})[who] = note.span
    return found


def _shown(who: Identity) -> str:
    said = dict(who)
    first = [said.pop(key) for key in ("kind", "repository") if key in said]
    rest = ", ".join(f"{key} {value}" for key, value in said.items())
    return " ".join(first) + (f" ({rest})" if rest else "")
