"""The kinds of value that say who gets in and how to get out: addresses, targets, parent proxies, routes, files.

Only `table` uses it. A parent's URL may hold a password: it is kept out of every repr and everything shown.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipway.errors import UsageError
from pipway.redact import redact
from pipway.settings.values import Kind
from pipway.wire.auth.base import SCHEMES
from pipway.wire.proxy_url import parse_proxy_url

_MOST = 64  # entries of one list; nobody has more parents than that
_WORDS = ("direct", "refuse")
#: What a hop may say beyond its URL, and how it is checked.
_TEXTS, _SWITCHES, _PATHS = {"spn"}, {"basic_in_clear", "canonicalize"}, {"ca", "client_certificate"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a way: a parent proxy and what holds for it alone, or the word `direct` or `refuse`."""

    url: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Without a secret."""
        return redact(self.url)


@dataclass(frozen=True, slots=True)
class Route:
    """For targets that match: ways in order, each a chain of hops. `fastest`: they are equals, measurement decides."""

    match: tuple[str, ...]
    via: tuple[tuple[Hop, ...], ...]
    fastest: bool = False


def _words(raw: object, what: str) -> list[Any]:
    if isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if not isinstance(raw, (list, tuple)) or len(raw) > _MOST:
        raise ValueError(f"expected a list of at most {_MOST} {what}")
    return list(raw)


def _hop(raw: object, folder: Path) -> Hop:
    options: dict[str, Any] = {}
    if isinstance(raw, dict):
        options = {key: _option(key, value, folder) for key, value in raw.items() if key != "url"}
        raw = raw.get("url")
    if not isinstance(raw, str):
        raise ValueError("a hop is a proxy's URL, direct, refuse, or a table with url")
    text = raw.strip()
    if text in _WORDS:
        if options:
            raise ValueError(f"{text} takes no options")
        return Hop(text)
    try:
        parse_proxy_url(text)
    except UsageError as error:
        raise ValueError("; ".join(part for part in (error.why or error.what, error.fix) if part)) from None
    return Hop(text, MappingProxyType(options))


def _option(key: str, value: object, folder: Path) -> Any:
    if key == "schemes":
        return _read_logins(value, folder)
    if key in _PATHS and isinstance(value, str) and value:
        return folder / Path(value).expanduser()
    if (key in _TEXTS and isinstance(value, str)) or (key in _SWITCHES and isinstance(value, bool)):
        return value
    known = ", ".join(sorted({"url", "schemes"} | _TEXTS | _SWITCHES | _PATHS))
    raise ValueError(f"{key!r} is not right here; a hop has {known}")


def _read_parents(raw: object, folder: Path) -> tuple[Hop, ...]:
    hops = tuple(_hop(entry, folder) for entry in _words(raw, "proxies"))
    if any(hop.url in _WORDS for hop in hops):
        raise ValueError("direct and refuse belong into a [[route]]; here stand proxies")
    return hops


def _read_routes(raw: object, folder: Path) -> tuple[Route, ...]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            raise ValueError(
                'expected [[route]] tables in a file, or JSON: [{"match": "*", "via": ["direct"]}]'
            ) from None
    return tuple(_route(entry, folder) for entry in _words(raw, "routes"))


def _route(raw: object, folder: Path) -> Route:
    if not isinstance(raw, dict) or not {"match", "via"} <= set(raw) <= {"match", "via", "prefer"}:
        raise ValueError("a route has match and via, and may have prefer")
    match = tuple(str(word) for word in _words(raw["match"], "patterns"))
    prefer = raw.get("prefer", "order")
    if prefer not in ("order", "fastest"):
        raise ValueError("prefer is order or fastest")
    via = raw["via"]
    ways = [
        tuple(_hop(hop, folder) for hop in way) if isinstance(way, (list, tuple)) else (_hop(way, folder),)
        for way in ([via] if isinstance(via, (str, dict)) else _words(via, "ways"))
    ]
    if not match or not ways or not all(ways):
        raise ValueError("match and via must not be empty")
    if any(hop.url in _WORDS and len(way) > 1 for way in ways for hop in way):
        raise ValueError("direct and refuse stand alone, not in a chain")
    return Route(match, tuple(ways), prefer == "fastest")


def _show_routes(routes: tuple[Route, ...]) -> list[str]:
    return [
        f"{' '.join(route.match)} via {' or '.join(' then '.join(hop.shown for hop in way) for way in route.via)}"
        for route in routes
    ]


def _read_logins(raw: object, folder: Path) -> tuple[str, ...]:
    words = tuple(str(word).strip().lower() for word in _words(raw, "logins"))
    if not words or set(words) - set(SCHEMES) or len(set(words)) < len(words):
        raise ValueError(f"expected some of {', '.join(SCHEMES)}, each once")
    return words


def _read_text(raw: object, folder: Path) -> str:
    if not isinstance(raw, str) or len(raw) > 8192 or not raw.isprintable():
        raise ValueError("expected at most 8192 printable characters")
    return raw.strip()


def _read_paths(raw: object, folder: Path) -> tuple[Path, ...]:
    words = _words(raw, "files")
    if not all(isinstance(word, str) and word for word in words):
        raise ValueError("expected paths")
    return tuple(folder / Path(word).expanduser() for word in words)


def _read_strings(raw: object, folder: Path) -> tuple[str, ...]:
    words = [word.strip() if isinstance(word, str) else "" for word in _words(raw, "names")]
    if not all(_WORD.fullmatch(word) for word in words):
        raise ValueError("expected names")
    return tuple(words)


def _read_networks(raw: object, folder: Path) -> tuple[str, ...]:
    words = tuple(str(word).strip() for word in _words(raw, "addresses"))
    for word in words:
        try:
            _ = word.lower() == "private" or ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError(
                f"{word[:60]!r} is none of: an address, a network such as 10.0.0.0/8, the word private"
            ) from None
    return words


def _read_targets(raw: object, folder: Path) -> tuple[str, ...]:
    words = tuple(str(word).strip() for word in _words(raw, "targets"))
    for word in words:
        port = re.fullmatch(r".*:([0-9]+)", word) if word.count(":") == 1 or "]:" in word else None
        if not _TARGET.fullmatch(word) or (port and not 0 < int(port[1]) < 65536):
            raise ValueError(f"{word[:60]!r} is neither HOST:PORT nor HOST")
    return words


def _read_command(raw: object, folder: Path) -> tuple[str, ...]:
    try:
        words = shlex.split(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise ValueError("its quotes do not match") from None
    if not isinstance(words, (list, tuple)) or len(words) > _MOST or not all(isinstance(word, str) for word in words):
        raise ValueError('expected a command and its arguments, as in ["secret-tool", "lookup", "service", "proxy"]')
    return tuple(words)


def _list(found: tuple[Any, ...]) -> list[str]:
    return [str(item) for item in found]


_WORD = re.compile(r"[A-Za-z0-9._-]{1,253}")
_TARGET = re.compile(
    r"[A-Za-z0-9._*/-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?|[0-9A-Fa-f:.]+(?:/[0-9]+)?"
)
_STRINGS = {"type": ["array", "string"], "items": {"type": "string"}}

PARENTS = Kind("parents", "`http://CORP%5Calice@proxy:8080`, or a list", _read_parents,
               lambda hops: [hop.shown for hop in hops], {"type": ["array", "string"]}, private=True)  # fmt: skip
ROUTES = Kind("routes", "`[[route]]` tables with `match`, `via`, `prefer`", _read_routes, _show_routes,
              {"type": "array", "items": {"type": "object"}}, private=True)  # fmt: skip
LOGINS = Kind("logins", "a list of `negotiate`, `ntlm`, `digest`, `basic`", _read_logins, _list, _STRINGS)
TEXT = Kind("text", "text; empty for none", _read_text, redact, {"type": "string"}, private=True)
PATHS = Kind("paths", "a list of paths", _read_paths, _list, _STRINGS)
COMMAND = Kind("command", "a command and its arguments; no shell", _read_command,
               lambda words: [redact(word) for word in words], _STRINGS, private=True)  # fmt: skip
WORDS = Kind("names", "a list of names", _read_strings, _list, _STRINGS)
NETWORKS = Kind("addresses", "a list of addresses, networks (`10.0.0.0/8`), or `private`", _read_networks, _list,
                _STRINGS)  # fmt: skip
TARGETS = Kind("targets", "a list of `HOST:PORT` or `HOST`", _read_targets, _list, _STRINGS)
