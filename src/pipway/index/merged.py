"""Several upstreams as one: the first that has the name decides, and a failing one fails the answer loudly.

`app` builds it when more than one upstream is configured. This is the seam, not the final word: which upstream *owns*
a name will be decided before any is asked. Until then a name that a later upstream has is asked for at earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipway.errors import NotFound
from pipway.index.base import HttpResponse
from pipway.index.upstream import Known, PageReply, Upstream
from pipway.simple.page import NormalizedName

_REMEMBERED = 65_536


class Merged:
    """Upstreams in the order of the settings; implements `Upstream`."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        """At least one upstream."""
        if not upstreams:
            raise ValueError("a merged index needs an upstream")
        self._upstreams = tuple(upstreams)
        self._answered: dict[NormalizedName, Upstream] = {}  # whose validators a known page carries

    @property
    def name(self) -> str:
        """The names joined, in order."""
        return "+".join(upstream.name for upstream in self._upstreams)

    @property
    def parts(self) -> Sequence[Upstream]:
        """The upstreams, in order."""
        return self._upstreams

    def serves(self, url: str) -> bool:
        """Whether any of them does."""
        return any(upstream.serves(url) for upstream in self._upstreams)

    async def page(self, name: NormalizedName, known: Known | None = None) -> PageReply:
        """Ask in order; only a real 404 passes the question on (index-protocol §10.5: a failed member fails loudly)."""
        last: NotFound | None = None
        owner = self._answered.get(name)
        for upstream in self._upstreams:
            try:
                # Validators mean something only to who issued them.
                reply = await upstream.page(name, known if upstream is owner else None)
            except NotFound as error:
                last = error
                continue
            self._remember(name, upstream)
            return reply
        self._answered.pop(name, None)
        raise last or NotFound("not-found", f"no index has {name}")

    async def get(self, url: str, headers: Mapping[str, str] = {}, *, method: str = "GET") -> HttpResponse:
        """Ask the first upstream known to use this URL's origin, else the first."""
        for upstream in self._upstreams:
            if upstream.serves(url):
                return await upstream.get(url, headers, method=method)
        return await self._upstreams[0].get(url, headers, method=method)

    async def listing(self, conditions: Mapping[str, str] = {}) -> HttpResponse:
        """Ask the first; whoever wants all lists asks the `parts`."""
        return await self._upstreams[0].listing(conditions)

    def _remember(self, name: NormalizedName, upstream: Upstream) -> None:
        self._answered[name] = upstream
        while len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]
