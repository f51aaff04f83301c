"""Findings that were there before: a file of fingerprints, without line numbers, so that edits elsewhere move nothing.

`pipway audit --write-baseline` writes it, `--baseline` leaves out what it lists. It holds no secret: what is hashed is
what a person would be shown.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipway.audit.base import Found
from pipway.clients.diff import hide
from pipway.clients.ordinary_files import content
from pipway.errors import UsageError

VERSION = 1
_LARGEST = 16 << 20  # bytes
_LONGEST = 400  # characters of a finding's content


def fingerprint(rule: str, found: Found, nth: int = 0) -> str:
    """Rule, file and normalised content; `nth` tells equal ones of a file apart. Of a whole file it is what is said."""
    span = found.span
    text = span.text or (span.source.text[span.start :].split("\n", 1)[0] if span.start else found.what)
    said = " ".join(hide(text[: 4 * _LONGEST]).split())[:_LONGEST]
    return hashlib.sha256("\0".join((rule, span.source.path, said, str(nth))).encode("utf-8", "replace")).hexdigest()[
        :32
    ]


def fingerprints(found: Iterable[tuple[str, Found]]) -> list[str]:
    """One for each (rule's id, finding), in their order."""
    seen: Counter[str] = Counter()
    every = []
    for rule, each in found:
        plain = fingerprint(rule, each)
        every.append(fingerprint(rule, each, seen[plain]) if seen[plain] else plain)
        seen[plain] += 1
    return every


def read(path: Path) -> frozenset[str]:
    """The fingerprints of a file. UsageError when it is none of ours."""
    try:
        raw = content(path, _LARGEST)
        said = json.loads(raw) if len(raw) <= _LARGEST else None
        if not isinstance(said, dict) or said.get("version") != VERSION:
            raise ValueError("no version")
        return frozenset(str(each["fingerprint"]) for each in said["findings"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            "bad-baseline",
            f"{path} is no baseline",
            why=error.strerror or "" if isinstance(error, OSError) else "",
            fix="write one: pipway audit --write-baseline FILE",
        ) from None


def written(entries: Sequence[tuple[str, str, str]]) -> str:
    """The text of a baseline of (fingerprint, rule, path), sorted so that it changes little."""
    ordered = sorted(entries, key=lambda entry: (entry[2], entry[1], entry[0]))
    rows = [{"rule": rule, "path": path, "fingerprint": mark} for mark, rule, path in ordered]
    return json.dumps({"version": VERSION, "findings": rows}, indent=1) + "\n"
