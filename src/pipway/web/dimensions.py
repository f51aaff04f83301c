"""What a request is shown and counted by: tool, face, outcome, kind of route; `traffic` and `metrics` ask.

Pure, and bounded where it is a label: what a client chooses freely becomes "other".
"""

from __future__ import annotations

import re
from functools import lru_cache

from pipway.trace import Answered

#: Tools that have a name of their own in the metrics.
TOOLS = frozenset(
    ("pip", "uv", "poetry", "pdm", "pipenv", "hatch", "twine", "conda", "mamba", "pixi", "setuptools", "requests",
     "urllib", "httpx", "aiohttp", "curl", "wget", "git", "apt", "aria2", "java", "browser", "pipway")
)  # fmt: skip
OUTCOMES = ("hit", "miss", "joined", "stale", "forward", "tunnel", "refused", "absent", "error", "other")
FACES = ("index", "pages", "forward", "socks", "other")
ROUTE_KINDS = ("none", "direct", "http", "socks", "chain", "other")

_PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9._+-]{0,39})(?:/([0-9A-Za-z][0-9A-Za-z.+_-]{0,39}))?(?=[\s;(]|$)")
_APT = re.compile(r"Debian APT-HTTP/[0-9.]+ \(([0-9A-Za-z.+~-]{1,40})\)")
_ALIASES = {
    "python-requests": "requests", "python-urllib": "urllib", "python-httpx": "httpx", "java-http-client": "java",
    "mozilla": "browser", "libcurl": "curl",
}  # fmt: skip


@lru_cache(maxsize=1024)
def _tool(client: str) -> tuple[str, str]:
    if (apt := _APT.match(client)) is not None:
        return "apt", apt[1]
    found = _PRODUCT.match(client)
    if found is None:
        return "", ""
    name = found[1].lower()
    # Every browser says "Mozilla/5.0", which is no version of it.
    return (_ALIASES.get(name, name), "" if name == "mozilla" else found[2] or "")


def tool_of(client: str) -> tuple[str, str]:
    """Name and version of the program that sent a User-Agent (RFC 9110 §10.1.5); empty where it does not say."""
    return _tool(client[:200])


def known_tool(name: str) -> str:
    """A tool's name as a label."""
    return name if name in TOOLS else "other"


def face_of(method: str, target: str) -> str:
    """Which of the port's faces was talked to."""
    if method in ("SOCKS4", "SOCKS5"):
        return "socks"
    if target.startswith(("/simple/", "/files/")):
        return "index"
    if target.startswith("/"):
        return "pages"
    return "forward" if method == "CONNECT" or target[:8].lower().startswith(("http://", "https://")) else "other"


def outcome_of(answered: Answered) -> str:
    """What became of a request, refusals told from failures."""
    status, outcome = answered.status, answered.outcome
    if status >= 500:
        return "error"
    if status in (404, 410):
        return "absent"
    if status >= 400:
        return "refused"
    return outcome if outcome in OUTCOMES else "other"


def route_kind(route: str) -> str:
    """A route as a label."""
    way = route.partition(" (")[0]
    if not way:
        return "none"
    if way == "direct":
        return "direct"
    if " then " in way:
        return "chain"
    scheme = way.partition("://")[0]
    return "http" if scheme in ("http", "https") else "socks" if scheme.startswith("socks") else "other"
