"""An index is on a host of the past.

What
----
The URL names PyPI's or TestPyPI's host of before 2018, or a mirror that was given up.

Why
---
The old hosts redirect, for as long as somebody keeps them; the mirror's packages are years old or not there. Each
request takes a detour, and a proxy that allows PyPI's index alone refuses it.

Bad
---
    # pip.conf
    [global]
    index-url = https://pypi.douban.example/simple/

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.hosts import host
from pipway.audit.queries.indexes import retired
from pipway.clients.layers import default_index
from pipway.findings import Severity

RULE = Rule("PW216", "retired-index-host", "Retired or legacy index host", Severity.LOW)

_GIVEN_UP = re.compile(r"(?:^|\.)douban(?:io)?\.[a-z]+$")


def check(project: Project) -> Iterator[Found]:
    """Indexes that something is installed from, or published to."""
    for index in project.of(Index):
        name = host(index.url)
        if not retired(index.url) and not _GIVEN_UP.search(name):
            continue
        yield Found(
            index.url_span or index.span,
            f"{name} is an index host of the past",
            consequence=f"{index.tool} is sent elsewhere, or finds old packages or none",
            advice="name the index that is meant",
            repair=_repair(index),
        )


def _repair(index: Index) -> Repair | None:
    """PyPI's index in the place of its old address, where that says nothing else."""
    span, usual = index.url_span, urlsplit(default_index())
    label = (usual.hostname or "").partition(".")[0]
    written = rf"https?://{re.escape(label)}\.python\.org{re.escape(usual.path.rstrip('/'))}/?"
    if span is None or index.role == "upload" or not re.fullmatch(written, span.text):
        return None
    meant = default_index().rstrip("/") + ("/" if span.text.endswith("/") else "")
    return Repair("name PyPI's index", (Edit(span, meant),), safe=True)
