"""An index somewhere else, spoken to over HTTP: asks, retries, parses, and says clearly what went wrong.

`app` builds one per configured upstream. It keeps no pages and no files; `cached` and `flight` do. It never answers
NotFound for anything but the upstream's own 404 or 410.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from pipway.errors import BadUpstream, NotFound, NoWayOut, PipwayError, Unavailable
from pipway.index.addresses import may_fetch, shown
from pipway.index.base import HttpClient, HttpResponse
from pipway.index.breaker import Breakers, origin
from pipway.index.freshness import max_age
from pipway.index.retry import Retry, Told, retry_after
from pipway.index.upstream import Known, PageReply, Raw, Upstream, digest
from pipway.offload import offload
from pipway.simple.page import NormalizedName, Page
from pipway.simple.read import read_page
from pipway.trace import Trace

#: JSON first; HTML-only indexes still answer (PEP 691 "Version + Format Selection").
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

_LEARNED_ORIGINS = 256
_GONE = (404, 410)
_T = TypeVar("_T")


def _nothing() -> Mapping[str, str]:
    return {}


def _forget(origin: str) -> None:
    """Tell nobody."""


class Remote:
    """One upstream index; implements `Upstream`."""

    def __init__(
        self,
        client: HttpClient,
        url: str | Callable[[], Awaitable[str]],
        *,
        name: str = "default",
        trace: Trace,
        breakers: Breakers | None = None,
        retry: Retry | None = None,
        headers: Callable[[], Mapping[str, str]] = _nothing,
        learned: Callable[[str], None] = _forget,
        page_limit: int = 64 * 1024 * 1024,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`url` is the Simple API's root, or gives it when first needed.

        `headers` are added to every request: the seam for passing a client's identity on; by default the client's
        own User-Agent is all an upstream learns. `learned` is told each origin on which files of its pages live and
        from which they may be fetched. `page_limit` is in bytes.
        """
        self._client = client
        self._url = url
        self._name = name
        self._trace = trace
        self._breakers = breakers or Breakers(trace=trace)
        self._retry = retry or Retry()
        self._headers = headers
        self._tell = learned
        self._page_limit = page_limit
        self._now = now
        self._learned: dict[str, None] = {}  # origins that files of its pages live on, oldest first

    @property
    def name(self) -> str:
        """Short name from the settings."""
        return self._name

    @property
    def parts(self) -> Sequence[Upstream]:
        """Itself."""
        return (self,)

    def serves(self, url: str) -> bool:
        """Whether files of its pages lived on this URL's origin."""
        return origin(url) in self._learned

    async def page(self, name: NormalizedName, known: Known | None = None) -> PageReply:
        """Ask for a project, conditionally when `known` has validators (RFC 9110 §13.1)."""
        url = f"{await self._base()}/{quote(name, safe='')}/"
        headers = {"accept": ACCEPT, **(known.conditions() if known else {})}

        async def use(response: HttpResponse) -> PageReply:
            try:
                return await self._read_page(response, name, known)
            finally:
                await response.aclose()

        return await self._exchange("page", "GET", url, headers, use)

    async def get(self, url: str, headers: Mapping[str, str] = {}, *, method: str = "GET") -> HttpResponse:
        """Ask for a file named by one of the pages; the body's fate is the caller's business."""
        base = await self._base()
        self._check(url, base)

        async def use(response: HttpResponse) -> HttpResponse:
            try:
                self._check(response.url, base)  # a redirect must not lead where the page may not
                if response.status not in (200, 206):
                    raise self._refusal(response, url)
            except BaseException:
                await response.aclose()
                raise
            return response

        return await self._exchange("file", method, url, headers, use, decode=False)

    async def listing(self, conditions: Mapping[str, str] = {}) -> HttpResponse:
        """Ask for the list of projects."""
        url = f"{await self._base()}/"

        async def use(response: HttpResponse) -> HttpResponse:
            if response.status == 200 or (response.status == 304 and conditions):
                return response
            await response.aclose()
            raise self._refusal(response, url)

        return await self._exchange("projects", "GET", url, {"accept": ACCEPT, **conditions}, use)

    async def _base(self) -> str:
        if not isinstance(self._url, str):
            self._url = await self._url()
        return self._url.rstrip("/")

    def _check(self, url: str, base: str) -> None:
        if not may_fetch(url, base):
            raise BadUpstream(
                "file-address-refused",
                f"{shown(url)} is not fetched",
                why=f"a page of the index {self._name!r} points at an internal address or an unknown scheme",
                fix="configure the index by its internal address if this is intended",
            )

    async def _read_page(self, response: HttpResponse, name: NormalizedName, known: Known | None) -> PageReply:
        age = max_age(response.header("cache-control"), response.header("age"))
        if response.status == 304 and known is not None and known.conditions():
            return PageReply(None, None, age)
        if response.status != 200:
            raise self._refusal(response, response.url)
        body = await response.read(self._page_limit)
        content_type = response.header("content-type") or ""
        fresh = Known(
            url=response.url,
            content_type=content_type,
            digest=await offload(len(body), lambda: digest(body)),
            etag=response.header("etag"),
            last_modified=response.header("last-modified"),
        )
        raw = Raw(fresh, body)
        if known and known.same_page(fresh):
            return PageReply(None, raw, age)  # no validators, or useless ones: the same bytes are the same page
        page = await offload(len(body), lambda: read_page(body, content_type=content_type, url=response.url, name=name))
        self._learn(page, await self._base())
        return PageReply(page, raw, age)

    def _learn(self, page: Page, base: str) -> None:
        # Thousands of files live on one or two origins: split all of them, parse only what differs.
        for key in {origin(start) for start in {"/".join(file.url.split("/", 3)[:3]) for file in page.files}}:
            if key not in self._learned and may_fetch(key, base):
                self._tell(key)
            self._learned.pop(key, None)
            self._learned[key] = None
        while len(self._learned) > _LEARNED_ORIGINS:
            del self._learned[next(iter(self._learned))]

    async def _exchange(
        self,
        kind: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        use: Callable[[HttpResponse], Awaitable[_T]],
        *,
        decode: bool = True,
    ) -> _T:
        """Send and use the response, again after transient failures, never while the origin's breaker is open."""
        failed = 0
        while True:
            try:
                return await self._once(kind, method, url, headers, use, decode)
            except Unavailable as error:
                failed += 1
                delay = self._retry.delay(failed, error)
                if delay is None:
                    raise
                self._trace.emit(
                    "upstream.retry",
                    index=self._name,
                    url=shown(url),
                    attempt=failed,
                    delay=round(delay, 3),
                    error=error.code,
                )
                await self._retry.sleep(delay)

    async def _once(
        self,
        kind: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        use: Callable[[HttpResponse], Awaitable[_T]],
        decode: bool,
    ) -> _T:
        breaker = self._breakers.of(url)
        breaker.enter()
        started = time.perf_counter()
        status = 0
        try:
            response = await self._client.request(method, url, {**self._headers(), **headers}, decode=decode)
            status = response.status
            if _transient(status):
                await response.aclose()
                raise self._told(response, url)
            result = await use(response)
        except NoWayOut:
            breaker.left()  # a parent proxy refuses us: that says nothing about the origin
            raise
        except Unavailable as error:
            breaker.left() if error.code in ("upstream-refused", "upstream-busy") else breaker.failure(error.what)
            raise
        except PipwayError:
            breaker.success()  # it answered; what it said is another matter
            raise
        except BaseException:
            breaker.left()
            raise
        else:
            breaker.success()
            return result
        finally:
            seconds = time.perf_counter() - started
            self._trace.emit(
                "upstream.asked", index=self._name, kind=kind, url=shown(url), status=status, seconds=seconds
            )

    def _told(self, response: HttpResponse, url: str) -> Unavailable:
        code = "upstream-busy" if response.status == 429 else "upstream-failed"
        what = f"the index {self._name!r} answered {response.status} for {shown(url)}"
        wait = retry_after(response.header("retry-after"), self._now())
        if wait is None:
            return Unavailable(code, what, why="it cannot answer at the moment", fix="try again later")
        return Told(code, what, why="it asks to come back later", wait=wait)

    def _refusal(self, response: HttpResponse, url: str) -> PipwayError:
        """Translate a status that is no answer. Only 404 and 410 mean "not there" (index-protocol §7)."""
        status = response.status
        if status in _GONE:
            return NotFound("not-found", f"{shown(url)} does not exist on the index {self._name!r}")
        if status in (401, 403, 407, 451):
            return Unavailable(
                "upstream-refused",
                f"the index {self._name!r} refuses access to {shown(url)} ({status})",
                why="it wants other credentials or forbids it; that does not mean that it does not exist",
                fix="check the credentials configured for this index",
                retry_after=60,
            )
        return BadUpstream(
            "upstream-status", f"the index {self._name!r} answered {status} for {shown(url)}", why="that is no answer"
        )


def _transient(status: int) -> bool:
    return status >= 500 or status in (408, 425, 429)
