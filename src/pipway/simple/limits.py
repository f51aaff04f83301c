"""How much of an upstream's page is believed. Beyond any of these it is BadUpstream, never a crash or a stall."""

from __future__ import annotations

from typing import Any

from pipway.errors import BadUpstream
from pipway.simple.page import NormalizedName

BODY_LIMIT = 64 << 20  #: bytes of one page
FILES_LIMIT = 200_000  #: files of one project
FILE_LIMIT = 64 << 10  #: bytes of one file's entry, and so of every string in it
META_LIMIT = 256 << 10  #: bytes of everything in a JSON page beside its files and versions
DEPTH_LIMIT = 32  #: nesting of a value that this version does not know


def bad_page(name: NormalizedName, why: str, *, code: str = "bad-page") -> BadUpstream:
    """The error of a page that cannot be read; `why` is cut, as it may quote the upstream."""
    return BadUpstream(
        code,
        f"the upstream's page of {name} cannot be read",
        why=why[:200],
        fix="open the page in a browser; if it looks right there, report it to those who run the index",
    )


def major_version(text: str, name: NormalizedName) -> tuple[int, int]:
    """Read "1.4" (PEP 629). BadUpstream for another major version: its meaning is unknown."""
    major, _, minor = text.strip().partition(".")
    if not (major.isascii() and major.isdecimal() and minor.isascii() and minor.isdecimal() and len(text) <= 16):
        raise bad_page(name, f"{text[:16]!r} is no API version")
    if int(major) != 1:
        # PEP 629: "clients MUST [...] error" on a major version they do not know
        raise bad_page(name, f"it speaks version {int(major)} of the API, pipway speaks 1", code="unknown-version")
    return int(major), int(minor)


def check_depth(value: Any) -> None:
    """ValueError when decoded JSON is nested deeper than DEPTH_LIMIT, so that encoding it again is safe."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError(f"a value is nested deeper than {DEPTH_LIMIT} levels")
