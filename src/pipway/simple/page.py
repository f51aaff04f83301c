"""A project's detail page as data (PEP 503, 592, 658, 691, 700, 714, 740, 792).

`read` makes these from an upstream's bytes, `index` keeps them, `write` renders them. Everything an upstream said
is kept: keys this version does not know travel in `extra` from JSON to JSON untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NewType

import msgspec

NormalizedName = NewType("NormalizedName", str)

#: The newest minor version of API 1.x whose meaning we know (PEP 792).
API_VERSION = (1, 4)


class File(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One downloadable file of a project. `url` is absolute (resolved against the page's final URL), no fragment."""

    filename: str
    url: str
    hashes: Mapping[str, str] = {}
    requires_python: str | None = None
    yanked: bool | str = False  #: True or a reason (may be empty text in HTML: that is True)
    core_metadata: bool | Mapping[str, str] | None = None  #: None: the upstream said nothing
    gpg_sig: bool | None = None
    size: int | None = None
    upload_time: str | None = None  #: as the upstream wrote it
    provenance: str | None = None
    extra: Mapping[str, Any] = {}  #: unknown JSON keys, as decoded

    @property
    def sha256(self) -> str | None:
        """The digest blobs are named by, in lower case, if the page gives one."""
        digest = self.hashes.get("sha256")
        return digest.lower() if digest else None


class Page(msgspec.Struct, frozen=True, kw_only=True, dict=True, weakref=True):
    """A project and its files, in the upstream's order."""

    name: NormalizedName
    files: tuple[File, ...] = ()
    api_version: tuple[int, int] = (1, 0)  #: as the upstream declared it
    versions: tuple[str, ...] | None = None  #: None: the upstream gave none
    file_count: int | None = None  #: files that `versions` goes with; when `files` has another number, it is stale
    meta: Mapping[str, Any] = {}  #: the whole `meta` object but api-version
    status: str | None = None  #: PEP 792; None is "active"
    status_reason: str | None = None
    extra: Mapping[str, Any] = {}  #: unknown top-level keys

    @cached_property
    def by_url(self) -> Mapping[str, File]:
        """Files by absolute URL."""
        return {file.url: file for file in self.files}
