"""The kinds of value a setting can have: how each is read, shown and described.

Only this package calls it. Reading takes what TOML, an environment variable or an argument gives and raises
`ValueError` with one sentence; showing never gives a secret away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from pipway.redact import redact

T = TypeVar("T")

_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_LONGEST = 2048  # characters of one value; nothing meaningful is longer


class Address(NamedTuple):
    """Where to listen. Port 0 lets the system pick one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Upstream(NamedTuple):
    """An index to fetch from. `url` may hold userinfo: show `shown`, never `url`."""

    name: str
    url: str
    ca: Path | None = None  #: certificate authorities believed in addition, for its host alone
    client_certificate: Path | None = None  #: PEM with certificate and key, shown to its host alone

    @property
    def shown(self) -> str:
        """The URL without its userinfo."""
        return redact(self.url)

    def __repr__(self) -> str:
        return f"Upstream({self.name!r}, {self.shown!r})"


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How values of one kind are read and shown. `read(raw, folder)` resolves relative paths in `folder`."""

    name: str
    form: str  #: what a person may write, for the reference page
    read: Callable[[Any, Path], T]
    show: Callable[[T], Any]  #: plain JSON, without secrets
    schema: Mapping[str, Any]
    private: bool = False  #: may hold a secret, so a value that cannot be read is not repeated in the error


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"expected text, got {type(raw).__name__}")
    if len(raw) > _LONGEST or not raw.isprintable():
        raise ValueError(f"expected at most {_LONGEST} printable characters")
    return raw.strip()


def _read_duration(raw: object, folder: Path) -> float:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        seconds = float(raw)
    else:
        text = _text(raw).lower()
        parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])?", text)
        if not parts or re.sub(r"\s", "", text) != "".join(number + unit for number, unit in parts):
            raise ValueError('expected seconds or a duration such as "90s", "10m" or "1h30m"')
        if len(parts) > 1 and any(not unit for _, unit in parts):
            raise ValueError('every part of a duration needs its unit, as in "1h30m"')
        seconds = sum(float(number) * _DURATIONS[unit or "s"] for number, unit in parts)
    if not 0 <= seconds <= 100 * 366 * 86400:
        raise ValueError("expected between 0 seconds and 100 years")
    return seconds


def _show_duration(seconds: float) -> str:
    for unit in ("d", "h", "m"):
        if seconds and seconds % _DURATIONS[unit] == 0:
            return f"{seconds / _DURATIONS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def _read_size(raw: object, folder: Path) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        number = raw
    else:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", _text(raw).lower())
        if found is None or found[2] not in _SIZES:
            raise ValueError('expected bytes or a size such as "512MiB" or "20GiB"')
        number = int(Fraction(found[1]) * _SIZES[found[2]])
    if not 0 <= number < 2**60:
        raise ValueError("expected between 0 bytes and 1 EiB")
    return number


def _show_size(number: int) -> str:
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if number and number % _SIZES[unit.lower()] == 0:
            return f"{number // _SIZES[unit.lower()]}{unit}"
    return str(number)


def _read_count(raw: object, folder: Path) -> int:
    try:
        number = int(_text(raw)) if isinstance(raw, str) else raw
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 10**9:
        raise ValueError("expected a whole number of at least 1")
    return number


def _read_switch(raw: object, folder: Path) -> bool:
    if isinstance(raw, bool):
        return raw
    word = raw.strip().lower() if isinstance(raw, str) else ""
    if word not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return word in _TRUE


def _read_address(raw: object, folder: Path) -> Address:
    text = _text(raw)
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError('an IPv6 address needs brackets, as in "[::1]:3141"')
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError('expected HOST:PORT, as in "127.0.0.1:3141"')
    return Address(host, int(port))


def _read_path(raw: object, folder: Path) -> Path:
    text = _text(raw)
    if not text:
        raise ValueError("expected a path")
    return folder / Path(text).expanduser()


def _read_optional_path(raw: object, folder: Path) -> Path | None:
    return None if raw == "" else _read_path(raw, folder)


def split_url(text: str) -> SplitResult:
    """Take an http(s) URL apart; `ValueError` says what is wrong with it, without repeating it."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no number up to 65535
    except ValueError:
        raise ValueError("expected a URL, and this one cannot be read") from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise ValueError('expected an http:// or https:// URL, as in "https://index.example/simple/"')
    if parts.query or parts.fragment:
        raise ValueError("an index URL has neither query nor fragment")
    return parts


_FILES = ("ca", "client_certificate")


def _read_upstream(raw: object, folder: Path) -> Upstream:
    files: dict[str, Path | None] = {}
    if isinstance(raw, dict):
        unknown = sorted(set(raw) - {"name", "url", *_FILES})
        if unknown or "url" not in raw:
            raise ValueError(
                f"an upstream has url, name, ca and client_certificate, not {unknown[0]!r}"
                if unknown
                else "an upstream needs url"
            )
        name, url = _text(raw.get("name", "")), _text(raw["url"])
        files = {key: _read_optional_path(raw[key], folder) for key in _FILES if key in raw}
    else:
        found = re.fullmatch(r"(?:([^=:/]*)=)?(.*)", _text(raw))
        assert found is not None  # the pattern matches any text
        name, url = found[1] or "", found[2]
    parts = split_url(url)
    host = (parts.hostname or "").lower()
    name = name.lower() or re.sub(r"[^a-z0-9.-]+", "-", host).strip("-.")
    if not _NAME.fullmatch(name):
        raise ValueError("an upstream's name is made of letters, digits, dots and hyphens (at most 64)")
    return Upstream(name, url if url.endswith("/") else f"{url}/", **files)


def _read_upstreams(raw: object, folder: Path) -> tuple[Upstream, ...]:
    entries = [part for part in raw.split(",") if part.strip()] if isinstance(raw, str) else raw
    if not isinstance(entries, (list, tuple)):
        raise ValueError("expected a list of upstreams")
    found = tuple(_read_upstream(entry, folder) for entry in entries)
    names = [upstream.name for upstream in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two upstreams are called {name!r}; give each a name of its own, as in name=URL")
    return found


def choice(*words: str) -> Kind[Any]:
    """A kind whose values are exactly `words`."""

    def read(raw: object, folder: Path) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return word

    return Kind("choice", " \\| ".join(f"`{word}`" for word in words), read, str, {"enum": list(words)})


def _same(value: Any) -> Any:
    return value


DURATION = Kind("duration", "seconds, or `90s`, `10m`, `1h30m`, `7d`", _read_duration, _show_duration,
                {"type": ["string", "number"]})  # fmt: skip
SIZE = Kind("size", "bytes, or `512MiB`, `20GiB`, `2GB`", _read_size, _show_size, {"type": ["string", "integer"]})
COUNT = Kind("count", "a whole number", _read_count, _same, {"type": "integer", "minimum": 1})
SWITCH = Kind("switch", "`true` or `false`", _read_switch, _same, {"type": "boolean"})
ADDRESS = Kind("address", "`HOST:PORT`", _read_address, str, {"type": "string"})
PATH = Kind("path", "a path; relative ones start at the file that says so", _read_path, str, {"type": "string"})
OPTIONAL_PATH = Kind("path", "a path; empty for none", _read_optional_path, lambda path: str(path or ""),
                     {"type": "string"})  # fmt: skip
UPSTREAMS = Kind(
    "upstreams",
    "`NAME=URL` or `URL`, a list",
    _read_upstreams,
    lambda found: [f"{upstream.name}={upstream.shown}" for upstream in found],
    {"type": "array", "items": {"type": "string"}},
    private=True,
)
