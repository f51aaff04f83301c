"""Runs an ASGI application on one exchange: what is not index traffic (UI, health, metrics, uploads, events).

HTTP scope only. There is no lifespan: the composition root starts and stops what the application needs. Bodies
stream both ways with back-pressure. A lost client is a message and an OSError from `send`, never a cancellation, so
that an upload can end in order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pipway.errors import PipwayError
from pipway.wire import chunked, heads

if TYPE_CHECKING:
    from pipway.server.exchange import Exchange
    from pipway.server.shared import ASGIApp, Message

#: Ours to decide (RFC 9110 §7.6.1): framing and connection are the server's.
_OURS = frozenset((b"date", b"connection", b"transfer-encoding", b"keep-alive", b"upgrade"))
_LENGTH = re.compile(rb"[0-9]{1,18}")


async def run(app: ASGIApp, exchange: Exchange) -> None:
    """Let `app` answer. What it raises before its head is out is answered by the exchange."""
    bridge = _Bridge(exchange)
    await app(_scope(exchange), bridge.receive, bridge.send)
    if not bridge.ended:
        raise PipwayError("incomplete-answer", "the application gave no complete answer")


def _scope(exchange: Exchange) -> dict[str, Any]:
    head = exchange.head
    path, _, query = head.target.partition(b"?")
    transport = exchange.outlet.transport
    return {
        "type": "http",
        # 2.3: from 2.4 on Starlette no longer watches for a lost client while it waits for the next event.
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": head.version,
        "method": head.method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(head.headers),
        "client": _address(transport.get_extra_info("peername")),
        "server": _address(transport.get_extra_info("sockname")),
    }


def _address(name: Any) -> tuple[str, int] | None:
    return (name[0], name[1]) if isinstance(name, tuple) and len(name) >= 2 else None


class _Bridge:
    """`receive` and `send` of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.ended = False
        self._exchange = exchange
        self._body_done = False
        self._head: bytes | None = None  # held back until the first piece of the body
        self._left: int | None = None  # declared bytes not sent yet
        self._framed = False

    async def receive(self) -> Message:
        """The next piece of the body, then `http.disconnect` once the client is gone or the answer is complete."""
        body = self._exchange.body
        if not self._body_done:
            if self._exchange.head.expects and not body.begun and not self._exchange.begun:
                self._exchange.outlet.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # RFC 9110 §10.1.1
                body.begun = True
            try:
                data = await body.read()
            except ConnectionResetError:
                return {"type": "http.disconnect"}
            self._body_done = body.complete and not body.held
            return {"type": "http.request", "body": data, "more_body": not self._body_done}
        while not self.ended and not body.gone:
            await body.change()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take the application's next message. OSError once the client is gone."""
        kind = message["type"]
        if kind == "http.response.start" and self._head is None and not self._exchange.begun:
            self._start(message)
        elif kind == "http.response.body" and self._exchange.status and not self.ended:
            await self._body(bytes(message.get("body", b"")), bool(message.get("more_body", False)))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    def _start(self, message: Message) -> None:
        lines = [heads.status_line(message["status"])]
        for name, value in message.get("headers", ()):
            key = bytes(name).lower()
            if key == b"connection" and b"close" in bytes(value).lower():
                self._exchange.close = True
            if key == b"content-length" and _LENGTH.fullmatch(bytes(value)):
                self._left = int(value)
            if key not in _OURS:
                lines.append(heads.field_line(bytes(name), bytes(value)))
        self._head = b"".join(lines)
        self._exchange.status = message["status"]

    async def _body(self, data: bytes, more: bool) -> None:
        exchange, outlet = self._exchange, self._exchange.outlet
        silent = exchange.silent(exchange.status)
        parts: list[bytes] = []
        if self._head is not None:
            parts += self._open(self._head, len(data), more, silent)
            self._head = None
        if data and not silent:
            parts += self._piece(data)
            exchange.sent += len(data)
        if not more:
            self._finish(parts, silent)
        outlet.write(*parts)
        await outlet.drain()
        if not more:
            self.ended = True
            exchange.body.poke()

    def _open(self, head: bytes, size: int, more: bool, silent: bool) -> list[bytes]:
        exchange = self._exchange
        parts = [head]
        if self._left is None and not silent:
            if not more:
                self._left = size
                parts.append(b"Content-Length: %d\r\n" % size)
            elif exchange.head.version == "1.1":
                self._framed = True
                parts.append(b"Transfer-Encoding: chunked\r\n")
            else:
                exchange.close = True
        parts.append(exchange.tail())
        return parts

    def _piece(self, data: bytes) -> tuple[bytes, ...]:
        if self._framed:
            return chunked.frame(data)
        if self._left is not None:
            if len(data) > self._left:
                raise RuntimeError("the application sent more than its Content-Length")
            self._left -= len(data)
        return (data,)

    def _finish(self, parts: list[bytes], silent: bool) -> None:
        if self._framed:
            parts.append(chunked.LAST)
        elif self._left and not silent:
            raise RuntimeError("the application sent less than its Content-Length")
