"""PW705: index URLs without /simple, or with what does not belong to one.

Pure; every client that takes an index calls it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pipway.clients.layers import default_index
from pipway.findings import Finding, Fix, Place, Severity

_ID = "PW705"
_NEXUS = re.compile(r"/repository/[^/]+/?")
_ARTIFACTORY = re.compile(r"(/artifactory)?/api/pypi/[^/]+/?")
_ARTIFACTORY_UI = re.compile(r"/artifactory/(?!api/)([^/]+)/?(?:simple/?)?")


def suspicious(url: str, key: str, place: Place) -> Iterator[Finding]:
    """What is wrong with the index URL that `key` names."""
    if url != url.strip("'\" "):
        yield Finding(_ID, Severity.HIGH, f"the index in {key} has quotes around it",
                      "they belong to the URL, which no server knows", place, fix=Fix("remove the quotes"))  # fmt: skip
        return
    if re.search(r"\s[#;]", url):
        yield Finding(_ID, Severity.HIGH, f"the index in {key} has a comment behind it",
                      "it belongs to the URL: comments stand on lines of their own", place,
                      fix=Fix("move the comment to a line of its own"))  # fmt: skip
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    path, severity, why = _meant(parts)
    if path is None:
        return
    meant = urlunsplit(("https" if _default(parts) else parts.scheme, _host(parts), path, "", ""))
    fix = Fix(f"write {meant}", safe=_default(parts), commands=_commands(url, meant, key, place))
    yield Finding(_ID, severity, f"the index in {key} does not end in /simple", why, place, fix=fix)


def _commands(url: str, meant: str, key: str, place: Place) -> tuple[str, ...]:
    """For a variable or a key of pip's own user file; a login stays unseen in the variable, and has no command else."""
    user_key = re.fullmatch(r"([a-z]+)\.index[-_]url", key)
    if place.name == key and key.isupper():
        if "@" not in url:
            return (f"export {key}={shlex.quote(meant)}",)
        appended = urlsplit(meant).path == urlsplit(url).path.rstrip("/") + "/simple/"
        return (f'export {key}="${{{key}%/}}/simple/"',) if appended else ()
    if user_key and place.line is not None and "@" not in url and "{" not in url:
        return (f"python -m pip config set {user_key[1]}.index-url {shlex.quote(meant)}",)
    return ()


def _meant(parts: SplitResult) -> tuple[str | None, Severity, str]:
    path = parts.path
    if parts.scheme not in {"http", "https"} or parts.hostname is None:
        return None, Severity.INFO, ""
    if _default(parts):
        usual = urlsplit(default_index()).path
        right = path.rstrip("/") == usual.rstrip("/")
        return (None if right else usual), Severity.HIGH, "pip finds no package there"
    if _NEXUS.fullmatch(path):
        return f"{path.rstrip('/')}/simple/", Severity.HIGH, "Nexus has its index at /repository/NAME/simple/"
    if _ARTIFACTORY.fullmatch(path):
        return f"{path.rstrip('/')}/simple/", Severity.HIGH, "Artifactory has its index at /api/pypi/NAME/simple/"
    other = _ARTIFACTORY_UI.fullmatch(path)
    if other is not None:
        return (
            f"/artifactory/api/pypi/{other[1]}/simple/",
            Severity.HIGH,
            "Artifactory has it at /api/pypi/NAME/simple/",
        )
    if path in {"", "/"}:
        return "/simple/", Severity.LOW, "few servers have their index at the root"
    return None, Severity.INFO, ""


def _default(parts: SplitResult) -> bool:
    return parts.hostname == urlsplit(default_index()).hostname


def _host(parts: SplitResult) -> str:
    """Without the login."""
    return parts.netloc.rpartition("@")[2]
