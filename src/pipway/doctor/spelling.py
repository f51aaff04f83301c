"""Names that are nearly the one somebody wrote; the index probe suggests one when there is no such project. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

_CLOSE = 0.8  # of difflib's ratio: one letter of five


def near(name: str, names: Sequence[str]) -> str:
    """The one that is most like it, "" for none."""
    return next(iter(get_close_matches(name, names, n=1, cutoff=_CLOSE)), "")
