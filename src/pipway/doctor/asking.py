"""One HTTP request over a stream, bounded in bytes and in silence; and how a stream to an origin is opened.

Probes ask with it, so that what a block page, a stall or a cut does is seen as it is: nothing is retried, nothing is
hidden. The certificate is the business of the tls probe: only the one that it has judged gets a secret.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipway.clients.base import Setting
from pipway.dial.base import Stream, Target
from pipway.dial.direct import Direct
from pipway.dial.route.dialects import matches
from pipway.dial.url import Origin, Url
from pipway.doctor.base import Case, Facts
from pipway.errors import BadUpstream, NoWayOut, PipwayError, Unavailable
from pipway.wire.responses import End, Head, ResponseReader, render_request

_REDIRECTS = 5
_BEGINNING = 16384  # bytes that come within twice the patience: drop by drop is no answer either
_ROUNDS = 4  # requests on one connection, for a proxy that wants a login on it
_REDIRECTING = (301, 302, 303, 307, 308)
_DIALECT = {"uv": "uv"}  # all others are requests, or read like it


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as far as it came."""

    url: Url
    head: Head
    body: bytes = field(repr=False)
    complete: bool  #: to its end, or to the limit that was asked for
    problem: str = ""  #: stalled, reset, cut, framing
    said: str = ""  #: the same in words
    seconds: float = 0.0  #: from the request to the last byte
    silence: float = 0.0  #: the longest time in it without a byte, in seconds

    @property
    def media_type(self) -> str:
        """Of its Content-Type, in lower case, without parameters."""
        return (self.head.header(b"content-type") or "").partition(";")[0].strip().lower()

    @property
    def reason(self) -> str:
        """Status and reason phrase."""
        return f"{self.head.status} {self.head.reason}".strip()

    @property
    def moved(self) -> Url | None:
        """Where a redirect leads."""
        location = self.head.header(b"location") if self.head.status in _REDIRECTING else None
        if location is None:
            return None
        try:
            return self.url.join(location)
        except PipwayError:
            return None


async def ask(
    case: Case,
    facts: Facts,
    url: Url,
    *,
    headers: Sequence[tuple[str, str]] = (),
    at_most: int = 1 << 20,
    method: str = "GET",
    login: str = "",
) -> Reply:
    """The answer to one request: at most so many bytes of its body. PipwayError and OSError when there is none.

    `login` is an Authorization field. It is sent to nobody but whom the tls probe has judged.
    """
    async with _opened(case, facts, url.origin) as stream:
        if login:
            certificate = stream.info.certificate
            if url.origin.scheme == "https" and (not facts.chain or certificate != facts.chain[0]):
                raise NoWayOut("index-not-trusted", f"{url.origin} has another certificate than a moment ago")
            headers = [*headers, ("Authorization", login)]
        return await exchange(stream, url, headers=headers, at_most=at_most, method=method, patience=case.patience)


async def follow(
    case: Case, facts: Facts, url: Url, *, headers: Sequence[tuple[str, str]] = (), at_most: int = 1 << 20
) -> list[Reply]:
    """Every answer on the way along redirects; the last one is the one that matters."""
    replies = [await ask(case, facts, url, headers=headers, at_most=at_most)]
    while (moved := replies[-1].moved) is not None and len(replies) <= _REDIRECTS:
        replies.append(await ask(case, facts, moved, headers=headers, at_most=at_most))
    return replies


@asynccontextmanager
async def _opened(case: Case, facts: Facts, origin: Origin) -> AsyncIterator[Stream]:
    stream = await _stream(case, facts, origin)
    try:
        if origin.scheme == "https":
            async with _within(case.patience, "tls-timeout", f"{origin} does not answer the TLS handshake"):
                stream = await stream.start_tls(_unverified(), origin.host)
        yield stream
    finally:
        await stream.aclose()


async def _stream(case: Case, facts: Facts, origin: Origin) -> Stream:
    clear = origin.scheme == "http"
    if facts.proxy is None or excepted(case, origin):
        return await Direct(connect_limit=case.patience).dial(Target(origin.host, origin.port, clear))
    if facts.open is None:
        raise NoWayOut("no-way-known", f"no way through the proxy to {origin} has been found")
    async with _within(2 * case.patience, "proxy-timeout", f"the proxy does not answer when asked for {origin}"):
        stream: Stream = await facts.open(origin.host, origin.port, clear)
        return stream


def excepted(case: Case, origin: Origin) -> bool:
    """Whether the subject asks this origin without its proxy."""
    text = case.subject.value(Setting.NO_PROXY)
    dialect = _DIALECT.get(case.subject.name, "requests")
    return bool(text) and matches(dialect, text, Target(origin.host, origin.port))


@asynccontextmanager
async def _within(seconds: float, code: str, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unavailable(code, f"{what} within {seconds:g} s") from None


def _unverified() -> ssl.SSLContext:
    """The tls probe has judged the certificate already; here only what comes out of the tunnel is looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def exchange(
    stream: Stream,
    url: Url,
    *,
    headers: Sequence[tuple[str, str]] = (),
    at_most: int = 1 << 20,
    method: str = "GET",
    patience: float = 5.0,
) -> Reply:
    """Ask on this stream. Unavailable when not even a head comes back."""
    forward = stream.info.forward
    target = url.target if forward is None else str(url)
    began = time.monotonic()
    for _ in range(_ROUNDS):
        extra: Mapping[str, str] = {} if forward is None else await forward.fields(method, str(url))
        fields = [("User-Agent", "pipway-doctor"), ("Accept-Encoding", "identity"), *headers, *extra.items()]
        if forward is None:  # else it may be the connection that is logged in
            fields.append(("Connection", "close"))
        await stream.write(render_request(method, target, url.origin.authority, fields))
        reply = await _answer(stream, url, method, at_most, patience, began)
        if forward is None or not await forward.answered(reply.head):
            return reply
    raise NoWayOut("login-endless", "the proxy asks for one login after the other")


async def _answer(stream: Stream, url: Url, method: str, at_most: int, patience: float, began: float) -> Reply:
    reader = ResponseReader(method)
    head: Head | None = None
    body = bytearray()
    problem = said = ""
    complete = False
    silence, last = 0.0, began
    try:
        while not complete and len(body) < at_most:
            left = began + 2 * patience - time.monotonic() if len(body) < _BEGINNING else patience
            async with asyncio.timeout(max(0.0, min(left, patience))):
                data = await stream.read()
            silence, last = max(silence, time.monotonic() - last), time.monotonic()
            for event in reader.feed(data) if data else reader.eof():
                if isinstance(event, Head):
                    head = event
                elif isinstance(event, End):
                    complete = True
                else:
                    body += event
            if not data:
                break
    except TimeoutError:
        problem, said = "stalled", f"nothing more came for {patience:g} s"
        if time.monotonic() - last < patience / 2:
            said = f"only {len(body)} bytes came in {2 * patience:g} s"
        silence = max(silence, patience)
    except BadUpstream as error:
        problem, said = "framing", error.why or error.what
    except Unavailable as error:
        problem, said = "cut", error.what
    except OSError as error:
        problem, said = "reset", error.strerror or "the connection broke"
    if head is None:
        raise Unavailable(
            f"answer-{problem or 'cut'}", f"{url.origin} takes the request and gives no answer", why=said or "it ended"
        )
    seconds = time.monotonic() - began
    enough = not problem and (complete or len(body) >= at_most)
    return Reply(
        url,
        head,
        bytes(body[:at_most]),
        enough,
        problem,
        said,
        seconds,
        max(silence, patience) if problem == "stalled" else silence,
    )


def page_url(index: str, project: str) -> Url:
    """The address of a project's page."""
    return Url.parse(f"{index.rstrip('/')}/{project}/" if project else f"{index.rstrip('/')}/")


def bare(url: str) -> str:
    """Without its userinfo."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
