"""A hash that no file can have.

What
----
A digest has the wrong length, is one character repeated, or is the digest of another project, with a character or two
changed or none.

Why
---
Somebody invented it or copied it from the line above. No file will ever match, so the install fails; and whoever
mends that by taking the hashes out has lost what they were for.

Bad
---
    # requirements.txt
    requests==2.31.0 --hash=sha256:58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
    django==4.2.1 --hash=sha256:58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003e

Good
----
    # requirements.txt
    requests==2.31.0 --hash=sha256:58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f
    django==4.2.1 --hash=sha256:066b6debb5ac335458d2a713ed995570536c8b59a580005acb0732378d5eb1ee
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Locked, Project, Required, Span
from pipway.findings import Severity

RULE = Rule("PW405", "impossible-hash", "Impossible or copied hash", Severity.HIGH)

_LENGTHS = MappingProxyType({"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128})
_HEX = re.compile(r"[0-9a-f]+")
_ALIKE = 3  #: characters in which two digests differ at most
_MOST = 8  #: digests that are compared with one, for each piece that they share
_ADVICE = "let `pip-compile --generate-hashes`, `uv pip compile --generate-hashes` or the lock's own tool write it"


@dataclass(slots=True)
class _Digest:
    name: str
    kind: str
    text: str
    span: Span


def check(project: Project) -> Iterator[Found]:
    """Digests that are none, and those that two projects share, or nearly."""
    pieces: dict[tuple[int, str], list[_Digest]] = {}
    for digest in _digests(project):
        wrong = _wrong(digest)
        if wrong:
            yield Found(
                digest.span,
                f"the {digest.kind} of {digest.name or 'a requirement'} {wrong}",
                consequence="no file matches it, and nothing is installed",
                advice=_ADVICE,
            )
            continue
        if digest.kind not in _LENGTHS or "$" in digest.text:
            continue
        step = max(1, len(digest.text) // (_ALIKE + 1))
        keys = [(at, digest.text[at : at + step]) for at in range(0, len(digest.text), step)]
        known = () if pieces.keys().isdisjoint(keys) else keys
        other = next((one for key in known for one in pieces.get(key, ()) if _copied(one, digest)), None)
        if other is not None:
            same = "is that of" if other.text == digest.text else "is nearly that of"
            yield Found(
                digest.span,
                f"the {digest.kind} of {digest.name} {same} {other.name}",
                consequence="two projects never have one file: one of them cannot be installed",
                advice=_ADVICE,
                related=((other.span, f"the {digest.kind} of {other.name}"),),
            )
        for key in keys:
            if len(held := pieces.setdefault(key, [])) < _MOST:
                held.append(digest)


def _digests(project: Project) -> Iterator[_Digest]:
    for each in project.of(Required):
        for kind, digest, span in each.hashes:
            yield _Digest(each.name, kind.lower(), digest.lower(), span)
    for locked in project.of(Locked):
        for text in locked.hashes if locked.format != "requirements" else ():
            kind, colon, digest = text.partition(":")
            if colon:
                yield _Digest(_name(locked.name), kind.lower(), digest.lower(), locked.span)


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _wrong(digest: _Digest) -> str:
    length = _LENGTHS.get(digest.kind)
    if length is None or "$" in digest.text:
        return ""  # it is not compared either: what stands for it is filled in, or is no hash that pip knows
    if not _HEX.fullmatch(digest.text):
        return "is not hexadecimal"
    if len(digest.text) != length:
        return f"has {len(digest.text)} characters, not {length}"
    return "is one character repeated" if len(set(digest.text)) == 1 else ""


def _copied(one: _Digest, other: _Digest) -> bool:
    """Whether two projects have one digest, or nearly."""
    if (
        one.name == other.name
        or not one.name
        or not other.name
        or one.kind != other.kind
        or len(one.text) != len(other.text)
    ):
        return False
    bits = int(one.text, 16) ^ int(other.text, 16)
    bits |= bits >> 1 | bits >> 2 | bits >> 3  # the last of each four says whether one of them is set
    return (bits & int("1" * len(one.text), 16)).bit_count() <= _ALIKE
