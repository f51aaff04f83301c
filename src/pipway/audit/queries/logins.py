"""Logins in URLs: whether somebody wrote a secret, or only where it is to come from.

The rules of secrets call it. It says yes or no, takes a login out, and never gives anything of it away.
"""

from __future__ import annotations

import re

from pipway.audit.base import Edit
from pipway.audit.facts import Index, Span

_USERINFO = re.compile(r"^\s*[A-Za-z][A-Za-z0-9+.-]*://([^\s/?#\"'<>]*)@")
#: a password with a sign that ends the host of a URL; what stands behind the colon is no port
_BROKEN = re.compile(r"^\s*[A-Za-z][A-Za-z0-9+.-]*://([^\s/?#\"'<>@:]+:(?!\d+[/?#])[^\s\"'<>@{}$]+)@")
#: where a program, a CI or a person puts a value in: ${X}, $X, %X%, {{ x }}, $(x), <x>, ***
FILLED = re.compile(
    r"\$?\{\{[^}]{0,200}\}\}|\$\{[^}]{0,200}\}|\$\([^)]{0,200}\)|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%|<[^>]{0,200}>|\*{3,}|"
    r"\{[A-Za-z_]\w*\}"
)
#: tokens that stand alone, in the place of a user: GitHub's, GitLab's, PyPI's, and what is as long
_TOKEN = re.compile(r"gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|pypi-[\w-]{40,}|[A-Za-z0-9_-]{32,}")


def holds_secret(url: str) -> bool:
    """Whether its userinfo has a password or a token that is written there."""
    match = _USERINFO.match(url) or _BROKEN.match(url)
    if match is None:
        return False
    user, colon, password = match[1].partition(":")
    if colon and FILLED.sub("", password):
        return True
    return not colon and _TOKEN.fullmatch(user) is not None


def holds_login(index: Index) -> bool:
    """Whether a login stands in an index's URL for good: in a pip.conf nobody fills in ${TOKEN}, pip sends it so."""
    literal = index.via == "file" and index.span.source.kind == "pip.conf"
    return holds_secret(index.url) or (literal and has_login(index.url))


def is_filled_in(text: str) -> bool:
    """Whether it is nothing, or only names where the value comes from."""
    return not FILLED.sub("", text).strip()


def has_login(url: str) -> bool:
    """Whether its userinfo has a password, written there or filled in later."""
    match = _USERINFO.match(_masked(url)) or _BROKEN.match(url)
    return match is not None and ((":" in match[1] and not match[1].endswith(":")) or holds_secret(url))


def without_password(span: Span | None, url: str, *, user: bool = True) -> tuple[Edit, ...]:
    """The password goes, and the user as well unless `user`; nothing where the URL does not stand as it is."""
    match = _USERINFO.match(_masked(url))
    if span is None or span.text != url or match is None:
        return ()
    name, colon, _ = match[1].partition(":")
    keeps = user and colon and name
    start, end = (match.start(1) + len(name), match.end(1)) if keeps else (match.start(1), match.end())
    return (Edit(Span(span.source, span.start + start, span.start + end), ""),)


def _masked(url: str) -> str:
    """What is filled in may have spaces and slashes."""
    return FILLED.sub(lambda match: "x" * len(match.group()), url)
