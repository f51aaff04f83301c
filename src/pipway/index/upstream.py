"""What the inner wrappers speak: one question to an upstream, one answer, no memory.

`remote` and `merged` implement `Upstream`; `flight`, `cached`, `metadata` and `projects` ask through it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipway.index.base import HttpResponse
from pipway.simple.page import NormalizedName, Page


@dataclass(frozen=True, slots=True)
class Known:
    """What we already hold of a page, so that the upstream can say "unchanged" (RFC 9110 §13)."""

    url: str  #: final URL the body came from; relative file URLs depend on it
    content_type: str
    digest: str  #: SHA-256 of the body, for upstreams without validators
    etag: str | None
    last_modified: str | None

    def conditions(self) -> dict[str, str]:
        """Request headers that make the request conditional; empty when the upstream gave no validator."""
        headers = {}
        if self.etag:
            headers["if-none-match"] = self.etag
        if self.last_modified:
            headers["if-modified-since"] = self.last_modified
        return headers

    def same_page(self, other: Known) -> bool:
        """Whether both are the same bytes, to be read in the same way."""
        return (self.digest, self.url, self.content_type) == (other.digest, other.url, other.content_type)


@dataclass(frozen=True, slots=True)
class Raw:
    """A page as it came."""

    known: Known
    body: bytes


@dataclass(frozen=True, slots=True)
class PageReply:
    """An upstream's word on a project: new (`page` and `raw`), the same bytes (`raw` only), or 304 (neither)."""

    page: Page | None
    raw: Raw | None
    max_age: float | None  #: seconds the upstream lets it be reused (RFC 9111 §5.2.2), None: it did not say


class Upstream(Protocol):
    """An index somewhere else."""

    @property
    def name(self) -> str:
        """Short name from the settings."""

    @property
    def parts(self) -> Sequence[Upstream]:
        """The single upstreams it consists of, itself when it is one."""

    def serves(self, url: str) -> bool:
        """Whether this file URL is known to belong to it."""

    async def page(self, name: NormalizedName, known: Known | None = None) -> PageReply:
        """Ask for a project. NotFound only when the upstream said so; Unavailable, BadUpstream."""

    async def get(self, url: str, headers: Mapping[str, str] = {}, *, method: str = "GET") -> HttpResponse:
        """Ask for a file, undecoded: the head of a 200 or 206. NotFound, Unavailable, BadUpstream; retried."""

    async def listing(self, conditions: Mapping[str, str] = {}) -> HttpResponse:
        """Ask for the list of projects: the head of a 200 or 304. NotFound, Unavailable, BadUpstream; retried."""


def digest(body: bytes) -> str:
    """SHA-256 of a page's bytes in hexadecimal. Takes milliseconds for large pages: call it off the event loop."""
    return hashlib.sha256(body).hexdigest()
