"""Bad manners for the test upstream: each function gives a behaviour that spoils an honest reply in one way.

`upstream.behave("/simple/foo/", rude.truncated(after=10))`. A behaviour may raise what `Exchange.reset` and
`Exchange.hang_up` give, which ends the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from tests.servers.tiny_http import Exchange, Reply

Behaviour = Callable[[Exchange], Awaitable[None]]


def _whole(exchange: Exchange) -> tuple[bytes, bytes]:
    return exchange.reply.head(), exchange.reply.body if exchange.wants_body else b""


# -- pace and endings ------------------------------------------------------------------------------------------------


def dripping(*, piece: int = 1, seconds: float = 0.0) -> Behaviour:
    """The honest bytes, head included, `piece` at a time, each its own write."""

    async def drip(exchange: Exchange) -> None:
        for start in range(0, len(data := b"".join(_whole(exchange))), piece):
            await exchange.send(data[start : start + piece])
            await asyncio.sleep(seconds)

    return drip


def truncated(*, after: int) -> Behaviour:
    """The connection ends politely after `after` bytes of the body."""

    async def cut(exchange: Exchange) -> None:
        head, body = _whole(exchange)
        await exchange.send(head + body[:after])
        raise exchange.hang_up()

    return cut


def resetting(*, after: int) -> Behaviour:
    """The connection is reset (RST) after `after` bytes of the body; -1: before the head."""

    async def reset(exchange: Exchange) -> None:
        head, body = _whole(exchange)
        if after >= 0:
            await exchange.send(head + body[:after])
        raise exchange.reset()

    return reset


def stalling(*, after: int) -> Behaviour:
    """The head and `after` bytes of the body come, then nothing, until the peer goes."""

    async def stall(exchange: Exchange) -> None:
        head, body = _whole(exchange)
        await exchange.send(head + body[:after])
        await exchange.silence()

    return stall


def silent() -> Behaviour:
    """The request is read and never answered."""

    async def say_nothing(exchange: Exchange) -> None:
        await exchange.silence()

    return say_nothing


def closing() -> Behaviour:
    """Honest, but the connection ends without a word after every answer."""

    async def close(exchange: Exchange) -> None:
        await exchange.answer()
        raise exchange.hang_up()

    return close


class Gate:
    """Sends `after` bytes of the body, then waits to be opened: the moment in between belongs to the test."""

    def __init__(self, *, after: int) -> None:
        self.after = after
        self.reached = asyncio.Event()  #: the first bytes are out
        self._open = asyncio.Event()

    def open(self) -> None:
        """Let the rest through, for this request and all later ones."""
        self._open.set()

    async def __call__(self, exchange: Exchange) -> None:
        head, body = _whole(exchange)
        await exchange.send(head + body[: self.after])
        self.reached.set()
        await self._open.wait()
        await exchange.send(body[self.after :])


# -- lies ------------------------------------------------------------------------------------------------------------


def misdeclaring(by: int) -> Behaviour:
    """Content-Length is wrong by `by` bytes; the true body follows and the connection ends."""

    async def lie(exchange: Exchange) -> None:
        body = exchange.reply.body
        reply = replace(exchange.reply, headers=exchange.reply.headers | {"Content-Length": str(len(body) + by)})
        await exchange.send(reply.head() + (body if exchange.wants_body else b""))
        raise exchange.hang_up()

    return lie


def tampered(*, at: int = -1) -> Behaviour:
    """One byte of the body is another one."""

    async def tamper(exchange: Exchange) -> None:
        body = bytearray(exchange.reply.body)
        if body:
            body[at] ^= 0xFF
        await exchange.answer(replace(exchange.reply, body=bytes(body)))

    return tamper


def answering(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Always this answer; `headers` are written with underscores for hyphens."""

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    return answer


def failing(status: int = 500, *, retry_after: int | None = None) -> Behaviour:
    """A server error, with or without Retry-After."""
    headers = {} if retry_after is None else {"Retry_After": str(retry_after)}
    return answering(status, b"upstream is unwell", Content_Type="text/plain", **headers)


def circling(*, hops: int = 2) -> Behaviour:
    """Redirects that lead back to themselves after `hops` hops."""

    async def circle(exchange: Exchange) -> None:
        path, _, query = exchange.request.target.partition("?")
        step = int(query.removeprefix("hop=") or 0) if query.startswith("hop=") else 0
        await exchange.answer(Reply(302, {"Location": f"{path}?hop={(step + 1) % hops}"}))

    return circle


def html_for_json() -> Behaviour:
    """A captive portal: Content-Type says JSON, the body is a login page."""
    return answering(
        200, b"<html><body>Please log in</body></html>", Content_Type="application/vnd.pypi.simple.v1+json"
    )


def portal() -> Behaviour:
    """A captive portal that is honest about its type: a 200 HTML page without a single link."""
    return answering(200, b"<html><body>Please log in</body></html>", Content_Type="text/html")


def misnamed(name: str) -> Behaviour:
    """JSON whose `name` is another project's."""

    async def rename(exchange: Exchange) -> None:
        page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": []}
        headers = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
        await exchange.answer(Reply(200, headers, json.dumps(page).encode()))

    return rename


# -- too much --------------------------------------------------------------------------------------------------------


def huge_page(size: int = 50 << 20) -> Behaviour:
    """A page of `size` bytes of links."""

    async def pour(exchange: Exchange) -> None:
        link = b'<a href="/files/x/y/foo-1.0-py3-none-any.whl">foo-1.0-py3-none-any.whl</a>\n'
        await exchange.answer(Reply(200, {"Content-Type": "text/html"}, link * (size // len(link) + 1)))

    return pour


def deep_html(depth: int = 100_000) -> Behaviour:
    """HTML nested `depth` elements deep."""
    return answering(200, b"<html><body>" + b"<div>" * depth + b"</div>" * depth, Content_Type="text/html")


def deep_json(depth: int = 100_000) -> Behaviour:
    """JSON nested `depth` arrays deep."""
    body = b'{"meta":{"api-version":"1.0"},"name":"foo","files":[],"x":' + b"[" * depth + b"]" * depth + b"}"
    return answering(200, body, Content_Type="application/vnd.pypi.simple.v1+json")


def endless_headers(limit: int = 4 << 20) -> Behaviour:
    """A response head that does not end (well: ends after `limit` bytes, without the empty line)."""

    async def ramble(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n")
        line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
        for _ in range(limit // len(line)):
            await exchange.send(line)
        raise exchange.hang_up()

    return ramble


# -- broken framing --------------------------------------------------------------------------------------------------


def raw(data: bytes) -> Behaviour:
    """Exactly these bytes, then the end."""

    async def send(exchange: Exchange) -> None:
        await exchange.send(data)
        raise exchange.hang_up()

    return send


def chunked(*, piece: int = 8192, ending: bytes = b"0\r\n\r\n") -> Behaviour:
    """The honest body in chunks without Content-Length; `ending=b""` breaks off before the last chunk."""

    async def chunk(exchange: Exchange) -> None:
        reply = replace(exchange.reply, headers=exchange.reply.headers | {"Transfer-Encoding": "chunked"})
        head = b"\r\n".join(
            line for line in reply.head().split(b"\r\n") if not line.lower().startswith(b"content-length")
        )
        await exchange.send(head)
        if exchange.wants_body:
            body = reply.body
            for start in range(0, len(body), piece):
                part = body[start : start + piece]
                await exchange.send(b"%x\r\n%b\r\n" % (len(part), part))
            await exchange.send(ending)
        if ending != b"0\r\n\r\n":
            raise exchange.hang_up()

    return chunk


def bad_chunking() -> Behaviour:
    """A chunk size that is no hexadecimal number."""
    return raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n"
    )


def both_lengths() -> Behaviour:
    """Content-Length and Transfer-Encoding in one response (RFC 9112 §6.3: smuggling)."""
    return raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )


def labelled(encoding: str = "gzip") -> Behaviour:
    """The honest bytes with a Content-Encoding that does not belong there (a .tar.gz called gzip-encoded)."""

    async def label(exchange: Exchange) -> None:
        honest = exchange.reply
        body = gzip.decompress(honest.body) if "Content-Encoding" in honest.headers else honest.body
        await exchange.answer(replace(honest, body=body, headers=honest.headers | {"Content-Encoding": encoding}))

    return label


def misplaced_range(by: int = 1) -> Behaviour:
    """A 206 whose Content-Range starts somewhere else than asked."""

    async def shift(exchange: Exchange) -> None:
        said = exchange.reply.headers.get("Content-Range", "")
        if exchange.reply.status == 206:
            span, _, size = said.removeprefix("bytes ").partition("/")
            start, _, end = span.partition("-")
            moved = f"bytes {int(start) + by}-{int(end) + by}/{size}"
            await exchange.answer(replace(exchange.reply, headers=exchange.reply.headers | {"Content-Range": moved}))
        else:
            await exchange.answer()

    return shift


# -- nobody there ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A loopback port on which nobody listens, kept from being taken by another process."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextlib.contextmanager
def mute_port() -> Iterator[int]:
    """A loopback port that accepts connections into its backlog and never says a word."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(128)
        yield int(holder.getsockname()[1])
