"""Patterns as in .gitignore, from files that anybody may have written: bounded, so that none takes long to match.

The walk and the configuration of an audit use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from pathspec import GitIgnoreSpec

MOST = 5000  #: patterns of one file
_LONGEST = 400  # characters of a pattern
_STARS = 3  # in one part of a path: more can take as long as somebody wants them to
_BROKEN = (ValueError, re.error)  # what pathspec raises: of `[z-a]` the second
_STAR = re.compile(r"\*+")


def spec(lines: Iterable[str]) -> GitIgnoreSpec:
    """What they match. One that could take long matches nothing; so does one that is broken."""
    quick = list(islice((line for line in lines if _quick(line)), MOST))
    try:
        return GitIgnoreSpec.from_lines(quick)
    except _BROKEN:
        return GitIgnoreSpec.from_lines(line for line in quick if _whole(line))


@lru_cache(maxsize=256)
def matches(pattern: str, path: str) -> bool:
    """Whether one pattern matches a file."""
    return _compiled(pattern).match_file(path)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> GitIgnoreSpec:
    return spec([pattern])


def _quick(line: str) -> bool:
    return len(line) <= _LONGEST and all(len(_STAR.findall(part)) <= _STARS for part in line.split("/"))


def _whole(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except _BROKEN:
        return False
    return True
