"""A hash that can be forged.

What
----
The only hash of a file is md5, sha1 or sha224, in a `--hash`, in the fragment of a URL or in a lock.

Why
---
Two files with one md5 or sha1 can be made on purpose: the check says yes to both. pip takes them in a fragment, and
stops at them in a `--hash`.

Bad
---
    # requirements.txt
    pkg @ https://files.example/pkg-1.0.tar.gz#md5=d41d8cd98f00b204e9800998ecf8427e

Good
----
    # requirements.txt
    pkg @ https://files.example/pkg-1.0.tar.gz#sha256=58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Locked, Project, Required
from pipway.findings import Severity

RULE = Rule(
    "PW404",
    "weak-hash",
    "Weak hash",
    Severity.MEDIUM,
    references=("pip: docs/html/topics/secure-installs.md",),
)
WEAK = frozenset({"md5", "sha1", "sha224"})
_ADVICE = "download the file, compare it with what you have, and write its sha256"


def check(project: Project) -> Iterator[Found]:
    """Requirements and locks whose hashes are all weak; a strong one beside is enough, except for pip's `--hash`."""
    for each in project.of(Required):
        kinds = {kind.lower() for kind, _, _ in each.hashes}
        if not kinds or not kinds <= WEAK:
            continue
        kind, digest, span = each.hashes[0]
        fragment = f"{kind}={digest}" in each.url
        yield Found(
            span,
            f"{each.name or 'a file'} is compared by {kind} only",
            consequence="a forged file can have the same one" if fragment else f"pip refuses {kind}, and stops",
            advice=_ADVICE,
        )
    for locked in project.of(Locked):
        kinds = {text.partition(":")[0].lower() for text in locked.hashes}
        if kinds and kinds <= WEAK and locked.format != "requirements":
            yield Found(
                locked.span,
                f"{locked.name} is compared by {', '.join(sorted(kinds))} only",
                consequence="a forged file can have the same one",
                advice="let the tool write the lock again, from an index that gives sha256",
            )
