"""direct_url.json: where something installed came from that no index gave (PEP 610). `--machine` looks at them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pipway.audit.facts import Fact, Note, Required, Source, Span
from pipway.audit.queries.logins import holds_secret
from pipway.audit.walk import Tree

KIND = "direct-url"

_URL = re.compile(r'"url"\s*:\s*"((?:[^"\\\n]|\\.)*)"')


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The address, where a login stands in it: installed is installed, so nothing else of it is anybody's to mend."""
    try:
        said = json.loads(source.text)
    except (ValueError, RecursionError):
        said = None
    url = said.get("url") if isinstance(said, dict) else None
    if not isinstance(url, str):
        yield Note("unreadable", Span(source, 0, 0), "it is no record of an address")
        return
    if not holds_secret(url):
        return
    found = _URL.search(source.text)
    exact = found is not None and found[1] == url
    span = Span(source, *found.span(1)) if found is not None and exact else Span(source, 0, len(source.text))
    archive = said.get("archive_info")
    kept = archive.get("hashes") if isinstance(archive, dict) else None
    hashes = tuple((str(kind), str(digest), span) for kind, digest in kept.items()) if isinstance(kept, dict) else ()
    name = PurePosixPath(source.path).parent.name.partition("-")[0].lower().replace("_", "-")
    yield Required(name, f"{name} @ {url}", span, url=url, hashes=hashes, via="installed")
