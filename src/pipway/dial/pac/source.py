"""Where a PAC file comes from: a path, watched for changes, or a URL, asked again from time to time.

`decider` uses it. The last file that worked is used on while a new one cannot be had.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipway.dial.pac.engine import PacError
from pipway.errors import PipwayError, UsageError

LONGEST = 1 << 20  # bytes
_FAILED = 5.0  # seconds for which a failure holds: those who wait in line must not each wait for the same server

#: Gets a URL's body and its Content-Type. It must not go through the PAC file itself.
Fetch = Callable[[str], Awaitable[tuple[bytes, str]]]


class Source:
    """One PAC file."""

    def __init__(self, where: str, *, fetch: Fetch, refresh: float, clock: Callable[[], float]) -> None:
        """`where` is a path, a file: URL or an http(s) URL; `refresh` is in seconds. UsageError for anything else."""
        scheme = urlsplit(where).scheme if "://" in where or where.startswith(("data:", "file:")) else ""
        if scheme not in ("", "file", "http", "https"):
            raise UsageError(
                "bad-pac-address",
                f"a PAC file cannot be had from a {scheme}: address",
                fix="give a path or an http(s) URL; save other content to a file first",
            )
        self.where = where
        self._path = None if scheme in ("http", "https") else Path(unquote(urlsplit(where).path) if scheme else where)
        self._fetch = fetch
        self._refresh = refresh
        self._clock = clock
        self._text: str | None = None
        self._mark: tuple[int, int] | None = None
        self._asked = float("-inf")
        self._failure: PacError | None = None

    async def text(self) -> str:
        """The file as it is now. PacError when it was never to be had."""
        return await self._from_file(self._path) if self._path is not None else await self._from_url()

    async def _from_file(self, path: Path) -> str:
        try:
            mark = await asyncio.to_thread(_mark, path)
            if self._text is None or mark != self._mark:
                self._text = decode(await asyncio.to_thread(_read, path), "")
                self._mark = mark
        except OSError as error:
            if self._text is None:
                raise self._unavailable(error.strerror or type(error).__name__) from None
        assert self._text is not None  # read now or before
        return self._text

    async def _from_url(self) -> str:
        failure = self._failure
        if failure is not None and self._clock() - self._asked < _FAILED:
            raise PacError(failure.code, failure.what, why=failure.why, fix=failure.fix)
        if self._text is None or self._clock() - self._asked > self._refresh:
            try:
                body, kind = await self._fetch(self.where)
                if len(body) > LONGEST:
                    raise self._unavailable(f"it is larger than {LONGEST} bytes")
                self._text, self._failure = decode(body, kind), None
            except PipwayError as error:
                if self._text is None:
                    self._failure = error if isinstance(error, PacError) else self._unavailable(error.what)
                    raise self._failure from None
            finally:
                self._asked = self._clock()
        return self._text

    def _unavailable(self, why: str) -> PacError:
        return PacError(
            "pac-unavailable",
            "the PAC file cannot be had",
            why=why,
            fix="check outbound.pac, or name the parents instead",
        )


def _mark(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise PacError("pac-unavailable", "the PAC file cannot be had", why=f"it is larger than {LONGEST} bytes")
    return data


def decode(data: bytes, content_type: str) -> str:
    """By byte order mark, the header's charset, UTF-8, and Latin-1 in the end, which reads anything."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    found = re.search(r"(?i)charset=\"?([\w.-]+)", content_type)
    for name in (found[1] if found else "utf-8", "utf-8"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("latin-1")
