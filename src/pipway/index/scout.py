"""Looks once where an upstream's files live, before any client has asked for a page.

`interception` sends it out when it makes an authority that must name its hosts. What it finds reaches whoever the
upstream's `learned` tells; that it finds nothing is no error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from pipway.errors import NotFound, PipwayError
from pipway.index.upstream import Upstream
from pipway.simple.names import normalize
from pipway.simple.page import NormalizedName
from pipway.simple.projects import ProjectListReader

_PAGES = 4  # looked at for one that has files
#: Nearly every index has it, and its page is small beside the list of all projects.
_FIRST = NormalizedName("pip")


async def scout(upstream: Upstream) -> bool:
    """Ask each single upstream for a page with files on it; whether each of them showed one."""
    return all([await _shown(part) for part in upstream.parts])


async def _shown(part: Upstream) -> bool:
    try:
        if await _has_files(part, _FIRST):
            return True
        async for name in _names(part):
            if await _has_files(part, name):
                return True
    except PipwayError:
        pass
    return False


async def _has_files(part: Upstream, name: NormalizedName) -> bool:
    try:
        reply = await part.page(name)
    except NotFound:
        return False
    return reply.page is not None and bool(reply.page.files)


async def _names(part: Upstream) -> AsyncIterator[NormalizedName]:
    """The first few projects of its list, of which no more is read."""
    response = await part.listing()
    found: list[str] = []
    try:
        reader = ProjectListReader(response.header("content-type") or "")
        async for chunk in response.chunks():
            found += reader.feed(chunk)
            if len(found) >= _PAGES:
                break
        else:
            found += reader.close()
    finally:
        await response.aclose()
    for name in found[:_PAGES]:
        yield normalize(name)
