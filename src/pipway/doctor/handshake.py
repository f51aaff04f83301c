"""One TLS handshake with nobody believed, to see which certificates a server shows, and what time it says it is.

The clock and tls probes call it, over any stream. Nothing but a request without a login is sent: whoever answers may be
anybody.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pipway.dial.base import Stream
from pipway.doctor.base import Case, Facts
from pipway.doctor.path import direct, opening, target_in
from pipway.errors import BadUpstream

_HEAD = 65536  # bytes of an answer's head
_FIELD = re.compile(rb"(?im)^(date|age):[ \t]*([^\r\n]*)")


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of a handshake."""

    chain: tuple[bytes, ...] = field(repr=False)  #: DER, leaf first
    version: str = ""  #: TLSv1.3
    time: datetime | None = None  #: what the server's answer is dated


def context() -> ssl.SSLContext:
    """Believes nobody, and takes certificates that nobody should believe."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.set_alpn_protocols(["http/1.1"])
    return made


async def look(case: Case, facts: Facts, url: str) -> Shown:
    """What the server of `url` shows, on the way that `facts.open` leads.

    PipwayError; OSError (ssl.SSLError and TimeoutError are) when hands are not shaken.
    """
    target = target_in(url)
    way = facts.open or opening(case, direct(case, facts))
    stream = await way(target.host, target.port, target.clear)
    try:
        if target.clear:
            return Shown((), time=await _told(_asked(stream.write, stream.read, url), case.patience))
        tls = _Tls(stream, target.host)
        async with asyncio.timeout(case.patience):
            await tls.begin()
        chain = _chain(tls.object)
        if not chain:
            raise BadUpstream("tls-failed", f"{target.host} shows no certificate", fix="ask who runs it")
        time = await _told(_asked(tls.write, tls.read, url), case.patience)
        return Shown(chain, tls.object.version() or "", time)
    finally:
        await stream.aclose()


async def _told(asking: Awaitable[datetime | None], patience: float) -> datetime | None:
    """The time; None when it does not come in time."""
    try:
        async with asyncio.timeout(patience):
            return await asking
    except TimeoutError:
        return None


def dated(head: bytes) -> datetime | None:
    """The time in the head of an HTTP answer; one that lay in a cache is as much older as it says (RFC 9111 §5.1)."""
    fields = {name.lower(): value.strip() for name, value in _FIELD.findall(head)}
    try:
        time = parsedate_to_datetime(fields[b"date"].decode("ascii"))
    except (KeyError, ValueError, TypeError):
        return None
    age = fields.get(b"age", b"")
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time + timedelta(seconds=int(age)) if age.isdigit() and len(age) < 8 else time


class _Tls:
    """TLS in memory, so that a failed handshake can be looked at, on every kind of stream."""

    def __init__(self, stream: Stream, host: str) -> None:
        self._stream = stream
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context().wrap_bio(self._in, self._out, server_hostname=host or None)

    async def begin(self) -> None:
        await self._until(self.object.do_handshake)

    async def write(self, data: bytes) -> None:
        await self._until(lambda: self.object.write(data))

    async def read(self, at_most: int = 16384) -> bytes:
        return bytes(await self._until(lambda: self.object.read(at_most)) or b"")

    async def _until(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._stream.read(65536)
                if not data:
                    raise ConnectionResetError("the connection was closed during the handshake") from None
                self._in.write(data)
            except ssl.SSLZeroReturnError:
                return b""
            finally:
                await self._flush()

    async def _flush(self) -> None:
        data = self._out.read()
        if data:
            await self._stream.write(data)


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """All that was sent. Public from Python 3.13; before, the same under another roof."""
    get = getattr(tls, "get_unverified_chain", None)
    if get is not None:
        return tuple(map(bytes, get()))
    inner = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        der = 2  # _ssl.ENCODING_DER
        return tuple(each.public_bytes(der) for each in inner() or ())
    leaf = tls.getpeercert(binary_form=True)
    return (leaf,) if leaf else ()


async def _asked(write: Any, read: Any, url: str) -> datetime | None:
    """The time in the answer; None when it does not say, or there is no answer."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    # Not the index's own page: an index that caches would fetch a list of all projects for it.
    request = f"HEAD / HTTP/1.1\r\nHost: {host}{port}\r\nConnection: close\r\n\r\n"
    head = b""
    try:
        await write(request.encode("ascii", "replace"))
        while b"\r\n\r\n" not in head and len(head) < _HEAD:
            data = await read()
            if not data:
                break
            head += data
    except OSError:
        return None
    return dated(head.partition(b"\r\n\r\n")[0])
