"""A file by its URL, whatever is in it.

What
----
A requirement is the URL of an archive or a wheel, and no hash says which file it is.

Why
---
The host can put another file there at any time, and so can whoever takes over the host, its name or the account. No
index is asked, so nothing else notices.

Bad
---
    # requirements.txt
    pkg @ https://files.example/pkg-1.0.tar.gz

Good
----
    # requirements.txt
    pkg @ https://files.example/pkg-1.0.tar.gz#sha256=58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Project, Required
from pipway.audit.queries.hosts import host, is_loopback
from pipway.audit.queries.vcs import is_locked, locked_folders, locked_names
from pipway.findings import Severity

RULE = Rule("PW410", "url-without-hash", "Archive URL without a hash", Severity.HIGH)
_MOST = 3  # places of one URL


def check(project: Project) -> Iterator[Found]:
    """Every requirement on http, https or ftp without a hash; where a lock beside it has one, only pedants hear.

    A project that says a URL in its dependencies and again in a tool's sources is told once, with both places.
    """
    folders, names = locked_folders(project), locked_names(project)
    said: dict[tuple[str, str, str], list[Required]] = {}
    for each in project.of(Required):
        if not each.url.lower().startswith(("http://", "https://", "ftp://")) or each.hashes:
            continue
        if is_loopback(host(each.url)):
            continue
        if each.via == "project" and each.name:
            said.setdefault((each.span.source.path, each.name, each.url), []).append(each)
        else:
            said[each.span.source.path, "", str(id(each))] = [each]
    for each, *others in said.values():
        locked = is_locked(each, folders, names)
        yield Found(
            each.span,
            f"{each.name or 'a file'} comes from {host(each.url) or 'a URL'}, and no hash says what it is",
            persona=Persona.PEDANTIC if locked else Persona.REGULAR,
            consequence=f"pip installs whatever {host(each.url) or 'that host'} answers",
            advice="download it once, look at it, and add `#sha256=` and its hash to the URL",
            related=tuple((other.span, "says the same URL") for other in others[:_MOST]),
        )
