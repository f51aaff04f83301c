"""Which wheels' METADATA a page promises, and what is learned about keeping such promises (PEP 658, PEP 714).

`cached` applies it to every page; `metadata` learns. Every wheel's METADATA can be had, from the upstream or out of
the wheel, so every wheel promises it; one that turned out to be broken no longer does. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from pipway.simple.page import File, Page

#: Learned facts per project; a project with more broken wheels than this keeps promising some of them.
LIMIT = 1000


class Promised(File, frozen=True, kw_only=True, omit_defaults=True):
    """A wheel whose METADATA we promise though its upstream does not: there is no use in asking the upstream for it."""


@dataclass(frozen=True, slots=True)
class Promises:
    """What was learned about a project's wheels, by file URL."""

    impossible: frozenset[str] = frozenset()  #: no METADATA can be had
    digests: Mapping[str, str] = field(default_factory=dict)  #: the true SHA-256 where the upstream's is wrong

    def without(self, url: str) -> Promises:
        """Learn that a wheel has no usable METADATA."""
        if len(self.impossible) >= LIMIT:
            return self
        return Promises(self.impossible | {url}, self.digests)

    def corrected(self, url: str, digest: str) -> Promises:
        """Learn the true digest of a wheel's METADATA."""
        if len(self.digests) >= LIMIT:
            return self
        return Promises(self.impossible, {**self.digests, url: digest})

    def encode(self) -> str:
        """As text for the catalog."""
        return msgspec.json.encode({"impossible": sorted(self.impossible), "digests": self.digests}).decode()

    @classmethod
    def decode(cls, text: str | None) -> Promises:
        """From the catalog; nothing learned when it cannot be read."""
        try:
            known = msgspec.json.decode(text or "{}", type=_Stored)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return cls()
        return cls(frozenset(known.impossible), known.digests)


class _Stored(msgspec.Struct):
    impossible: list[str] = []
    digests: dict[str, str] = {}


def advertise(page: Page, promises: Promises) -> Page:
    """Give the page with METADATA promised for every wheel that can keep it; never for anything but wheels."""
    return msgspec.structs.replace(page, files=tuple(_advertised(file, promises) for file in page.files))


def _advertised(file: File, promises: Promises) -> File:
    if not file.filename.endswith(".whl"):
        return file
    if file.url in promises.impossible:
        return _plain(file, core_metadata=False)
    if file.url in promises.digests:
        return _plain(file, core_metadata={"sha256": promises.digests[file.url]})
    if file.core_metadata or file.core_metadata == {}:
        return file
    return Promised(**{**msgspec.structs.asdict(file), "core_metadata": True})


def _plain(file: File, *, core_metadata: bool | Mapping[str, str]) -> File:
    return File(**{**msgspec.structs.asdict(file), "core_metadata": core_metadata})
