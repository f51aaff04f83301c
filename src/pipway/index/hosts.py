"""Where the indexes and their files live: known by the settings, learned from pages, remembered over restarts.

Access rules and interception ask it. It only ever grows, within bounds; whether something is fetched is decided
elsewhere. What is remembered is a convenience: a file that cannot be read or written costs nothing but that.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

_MOST = 512  # learned ones
_LARGEST = 262144  # bytes of the file
_PORTS = {"http": 80, "https": 443}
_LINE = re.compile(r"(https?)://([a-z0-9._:-]{1,253}) ([0-9]{1,5})")


class IndexHosts:
    """A set of schemes, hosts and ports."""

    def __init__(self, file: Path | None = None) -> None:
        """Learned ones are remembered in `file`."""
        self._file = file
        self._configured: set[tuple[str, str, int]] = set()
        self._learned: dict[tuple[str, str, int], None] = {}
        if file is not None:
            with contextlib.suppress(OSError, ValueError), file.open("rb") as lines:
                text = lines.read(_LARGEST).decode("ascii")
                found = [match for line in text.splitlines() if (match := _LINE.fullmatch(line))]
                self._learned = {(match[1], match[2], int(match[3])): None for match in found[-_MOST:]}

    def add(self, url: str) -> None:
        """A person named this one."""
        place = _place(url)
        if place is not None:
            self._configured.add(place)

    def learn(self, url: str) -> None:
        """A page of an index names this one."""
        place = _place(url)
        if place is None or place in self._learned or place in self._configured:
            return
        self._learned[place] = None
        while len(self._learned) > _MOST:
            del self._learned[next(iter(self._learned))]
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._remember(self._file)

    def has(self, host: str, port: int) -> bool:
        """Whether an index or its files are there, with or without TLS."""
        return any((scheme, host, port) in known for scheme in _PORTS for known in (self._configured, self._learned))

    def offers(self, host: str, port: int) -> bool:
        """As `has`, but a page opens no ports other than those of http and https: it could name any service."""
        known = (self._configured, self._learned) if port in _PORTS.values() else (self._configured,)
        return any((scheme, host, port) in each for scheme in _PORTS for each in known)

    def knows(self, url: str) -> bool:
        """Whether a URL leads to one of them."""
        place = _place(url)
        return place in self._configured or place in self._learned

    def secure(self, host: str, port: int) -> bool:
        """Whether they are there, with TLS."""
        return ("https", host, port) in self._configured or ("https", host, port) in self._learned

    @property
    def names(self) -> list[str]:
        """The hosts of those with TLS, for an authority that speaks for each and all below it; configured ones first.

        A page does not add a bare label: `com` would be half the world.
        """
        learned = [place for place in self._learned if "." in place[1] or ":" in place[1]]
        places = (*sorted(self._configured), *learned)
        return list(dict.fromkeys(host for scheme, host, _ in places if scheme == "https"))

    @property
    def origins(self) -> list[str]:
        """Scheme, host and port of all of them, configured ones first."""
        places = (*sorted(self._configured), *self._learned)
        return [f"{scheme}://{_authority(scheme, host, port)}" for scheme, host, port in dict.fromkeys(places)]

    def _remember(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}-", suffix=".tmp", dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.writelines(f"{scheme}://{host} {port}\n" for scheme, host, port in self._learned)
        Path(name).replace(file)


def _authority(scheme: str, host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == _PORTS[scheme] else f"{name}:{port}"


def _place(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host.isascii() or not host:
        return None
    place = (parts.scheme, host, port or _PORTS[parts.scheme])
    return place if _LINE.fullmatch(f"{place[0]}://{place[1]} {place[2]}") else None
