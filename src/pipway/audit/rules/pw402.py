"""Only some requirements of a file have hashes.

What
----
A requirements file gives hashes for some of its lines, and none for others.

Why
---
One `--hash` makes pip ask for all of them, also for what a requirement needs: the install fails. People then take the
hashes out, which is worse than either.

Bad
---
    # requirements.txt
    requests==2.31.0 --hash=sha256:58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
    flask==3.0.0

Good
----
    # requirements.txt
    # made by: pip-compile --generate-hashes
    requests==2.31.0 --hash=sha256:58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
    flask==3.0.0 --hash=sha256:21128f47e4e3b9d597a3e8521a329bf56909b690fcc3fa3e477725aa81367638
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project, Required
from pipway.findings import Severity

RULE = Rule(
    "PW402",
    "partly-hashed",
    "Partly hashed requirements",
    Severity.HIGH,
    references=("pip: docs/html/topics/secure-installs.md",),
)


def check(project: Project) -> Iterator[Found]:
    """One finding per file, at its first requirement without a hash; constraints need none."""
    files: dict[str, list[Required]] = {}
    for each in project.of(Required):
        if each.via == "requirements" and "constraint" not in PurePosixPath(each.span.source.path).name:
            files.setdefault(each.span.source.path, []).append(each)
    for every in files.values():
        bare = [each for each in every if not each.hashes]
        if not bare or not any(_asks(each) for each in every):
            continue
        yield Found(
            bare[0].span,
            f"{len(bare)} of {len(every)} requirements have no hash, the others have one",
            consequence="pip asks for hashes of all of them and installs nothing",
            advice="let `pip-compile --generate-hashes` or `uv pip compile --generate-hashes` write the file",
            related=tuple((each.span, "has no hash either") for each in bare[1:4]),
        )


def _asks(each: Required) -> bool:
    """A hash within a URL does not make pip ask for others."""
    return any(
        f"#{kind}={digest}" not in each.url and f"&{kind}={digest}" not in each.url for kind, digest, _ in each.hashes
    )
