"""What was said on the way, as lines to hand to whoever runs the proxy: who was asked, heads, timings; no secrets.

`Recording` wraps a dialer, and each stream it opens notes the heads of requests and answers. Bodies and logins never
get here: of a token only its kind and its length are kept.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
import time
from collections.abc import Callable

from pipway.dial.base import Detached, Dialer, Stream, StreamInfo, Target
from pipway.redact import HIDDEN, redact
from pipway.wire.auth.ntlm_challenge import SIGNATURE

_REQUEST = re.compile(rb"[A-Z]{3,10} \S+ HTTP/1\.[01]\r\n")
_LOGIN = re.compile(r"(?i)((?:proxy-)?(?:authorization|authenticate|authentication-info)|www-authenticate)(:\s*)(.*)")
_TOKEN = re.compile(r"(?i)\b(ntlm|negotiate|bearer|basic)\s+([A-Za-z0-9+/._~-]+=*)(?=\s*(?:,|$))")
_SECRET = re.compile(r"(?i)\b(nonce|opaque|response|cnonce|nextnonce|username)=(\"[^\"]*\"|[^\s,]+)")
_KNOWN = {"ntlm", "negotiate", "bearer", "basic", "digest"}
_HEAD = 65536  # bytes of a head that are kept


class Recording:
    """Conforms to `dial.base.Dialer`; what its streams carry is noted in `lines`."""

    def __init__(
        self,
        inner: Dialer,
        lines: list[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        began: float | None = None,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._began = clock() if began is None else began
        self._lines = lines

    async def dial(self, target: Target) -> Stream:
        """Open it, and note how that went."""
        try:
            stream = await self._inner.dial(target)
        except Exception as error:
            self.note(redact(f"* cannot connect to {target}: {error}"))
            raise
        self.note(f"* connected to {target} at {stream.info.peer}")
        return Recorded(stream, self.note)

    def note(self, text: str) -> None:
        """Add lines that hold no secret, with the time since the beginning before the first."""
        seconds = self._clock() - self._began
        for number, line in enumerate(text.split("\n")):
            self._lines.append(f"{f'{seconds:7.3f}' if not number else ' ' * 7} {line}")


class Recorded:
    """A stream that notes heads. Everything else goes straight to the stream inside."""

    def __init__(self, inner: Stream, note: Callable[[str], None]) -> None:
        self._inner = inner
        self._note = note
        self._answer: bytearray | None = None  # of the answer that is awaited
        self.info: StreamInfo = inner.info

    @property
    def quiet(self) -> bool:
        """Open, and nothing waits to be read."""
        return self._inner.quiet

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done."""
        try:
            data = await self._inner.read(at_most)
        except OSError as error:
            self._note(f"* the connection broke: {error.strerror or type(error).__name__}")
            raise
        if self._answer is not None:
            self._answer += data[:_HEAD]
            head, end, _ = bytes(self._answer).partition(b"\r\n\r\n")
            if end or not data or len(self._answer) >= _HEAD or not head.startswith(b"HTTP/"[: len(head)]):
                self._note(_shown(head, "<") if head else "* it closed the connection without an answer")
                self._answer = None
        return data

    async def write(self, data: bytes) -> None:
        """Send. Noted before, so that the transcript shows what nobody answered."""
        if _REQUEST.match(data):
            self._note(_shown(data.partition(b"\r\n\r\n")[0], ">"))
            self._answer = bytearray()
        await self._inner.write(data)

    async def write_eof(self) -> None:
        """Half-close."""
        await self._inner.write_eof()

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        """TLS on top; what is asked inside is noted, too."""
        try:
            stream = await self._inner.start_tls(context, name)
        except Exception as error:
            self._note(redact(f"* no TLS with {name}: {error}"))
            raise
        self._note(f"* {stream.info.tls or 'TLS'} with {name}")
        return Recorded(stream, self._note)

    async def aclose(self) -> None:
        """Close at once, both ways; never raises."""
        await self._inner.aclose()

    def detach(self) -> Detached | None:
        """Give the transport away."""
        return self._inner.detach()


def _shown(head: bytes, sign: str) -> str:
    """A head, each line with its sign; what is no HTTP as it would stand in a Python program, shortened."""
    if sign == "<" and not head.startswith(b"HTTP/"):
        return f"{sign} (not HTTP) {head[:40]!r}"
    lines = re.sub(r"[^\x20-\x7e\n]", "?", head.decode("latin-1").replace("\r\n", "\n")).split("\n")
    return "\n".join(f"{sign} {_without_secrets(line)}" for line in lines)


def _without_secrets(line: str) -> str:
    found = _LOGIN.fullmatch(line)
    if found is None:
        return redact(line)
    value = _TOKEN.sub(lambda token: f"{token[1]} ({described(token[2])})", found[3])
    value = _SECRET.sub(lambda pair: f"{pair[1]}={HIDDEN}", value)
    scheme = value.partition(" ")[0].lower()
    if "authorization" in found[1].lower() and scheme not in _KNOWN:
        value = HIDDEN
    return f"{found[1]}{found[2]}{value}"


def described(token: str) -> str:
    """What a token is, without what it says."""
    try:
        data = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return "a token"
    at = data.find(SIGNATURE)
    if at >= 0 and len(data) > at + 8:
        return f"NTLM message {data[at + 8]}, {len(data)} bytes"
    return f"{len(data)} bytes"
