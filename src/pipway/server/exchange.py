"""One request being answered: ask the handler, send what it gives in the right framing, report it.

A connection runs one exchange at a time. Whatever goes wrong before the head is out becomes a problem document;
after that the connection is reset, so that no client takes a part for the whole. Sources and iterators are closed
exactly once, whoever gives up first.
"""

from __future__ import annotations

import asyncio
import re
import time
import traceback
from collections.abc import AsyncIterator, Callable

from pipway.errors import NotFound, PipwayError
from pipway.redact import redact
from pipway.server import asgi
from pipway.server.body import IncomingBody
from pipway.server.outlet import Outlet
from pipway.server.shared import Shared
from pipway.server.transfer import Transfer
from pipway.trace import Answered, Details, Journey, RequestRecord, journey
from pipway.wire import chunked
from pipway.wire.answer import Answer, Prepared, Request, Slice, Streamed
from pipway.wire.problem import problem
from pipway.wire.requests import Head

_USERINFO = re.compile(r"//[^/@\s]*@")
_CLIENT_LIMIT = 200


#: Takes a client's transport, and what came behind its request.
Takeover = Callable[[asyncio.Transport, bytes], None]


class Exchange:
    """One request and its answer on the way."""

    paused = False  #: nothing is read while it is answered: what comes may be meant for whoever takes the transport
    repeatable = True  #: its answer may be given again to who sends the same bytes

    def __init__(self, shared: Shared, outlet: Outlet, head: Head, raw: bytes, peer: str) -> None:
        self.shared = shared
        self.outlet = outlet
        self.head = head
        self.peer = peer
        self.body = IncomingBody(head, shared.limits.body)
        self.close = not head.keep_alive  #: the connection ends with this answer
        self.begun = False  #: the answer's head is out (or part of it)
        self.status = 0
        self.sent = 0  #: body bytes
        self.outcome = "other"
        self.task: asyncio.Task[None] | None = None
        self.takeover: Takeover | None = None  #: set by the answer: the connection speaks something else from now on
        self.bridged = False  #: an ASGI application answers; it learns of a lost client by message
        self._raw = raw
        self._started = self._first = time.monotonic()
        self._journey = Journey()
        self._reason = ""

    async def run(self) -> None:
        """Answer. Never raises, cancellation apart."""
        journey.set(self._journey)
        try:
            await self._answer()
        except asyncio.CancelledError:
            self.outcome = "error"
            raise
        except Exception as error:
            await self._recover(error)
        finally:
            if self.status:
                self._report()

    def lost(self) -> None:
        """The client is gone: stop what is done for it alone."""
        self.body.lost()
        if self.task is not None and not self.bridged:
            self.task.cancel()

    def tail(self) -> bytes:
        """The end of the answer's head; decides whether the connection outlives the answer."""
        # With body bytes still to come nobody could tell where the next request begins.
        if self.shared.stopping or not self.body.complete:
            self.close = True
        self.begun = True
        self._first = time.monotonic()
        if self.close:
            return self.shared.clock.close
        return self.shared.clock.plain if self.head.version == "1.1" else self.shared.clock.keep

    def silent(self, status: int) -> bool:
        """Whether an answer of this status has no body here (RFC 9110 §6.4.1)."""
        return self.head.method == "HEAD" or status in (204, 304)

    def request(self) -> Request:
        """The request in the handler's words."""
        path, _, query = self.head.target.decode("ascii").partition("?")
        return Request(self.head.method, self.head.target, path, query, self.head.headers, self.head.version, self.peer)

    async def _answer(self) -> None:
        answer = await self._ask()
        if answer is not None:
            await self._send(answer)
        elif self.shared.asgi is not None:
            self.bridged = True
            await asgi.run(self.shared.asgi, self)
        else:
            await self._send(problem(NotFound("no-such-page", "there is nothing at this address")))

    async def _ask(self) -> Answer | None:
        try:
            return await self.shared.handler(self.request())
        except PipwayError as error:
            return problem(error)
        except Exception as error:
            return self._unexpected(error)

    async def _send(self, answer: Answer) -> None:
        self.status, self.outcome = answer.status, answer.outcome
        self._tell(answer)
        if isinstance(answer, Prepared):
            await self._send_prepared(answer)
        elif isinstance(answer, Slice):
            await self._send_slice(answer)
        else:
            await self._send_streamed(answer)
        if self.repeatable and not isinstance(answer, Streamed):
            self.shared.hot.offer(self._raw, answer, self.head, self.names(), time.monotonic())

    async def _send_prepared(self, answer: Prepared) -> None:
        self.close = self.close or answer.close
        body = b"" if self.silent(answer.status) else answer.body
        self.outlet.write(answer.head, self.tail(), body)
        self.sent = len(body)
        await self.outlet.drain()

    async def _send_slice(self, answer: Slice) -> None:
        source, start, end = answer.source, answer.start, answer.start + answer.length
        transfer: Transfer | None = None
        try:
            if self.silent(answer.status):
                self.outlet.write(answer.head, self.tail())
                await self.outlet.drain()
                return
            # Before the head: if nothing ever comes, the client is told why.
            available = min(end, await source.wait(start)) if answer.length else end
            transfer = Transfer(self.outlet, source.fileno(), start)
            transfer.begin(answer.head + self.tail(), available)
            while True:
                while not transfer.pump():
                    await (self.outlet.drain() if self.outlet.full else asyncio.sleep(0))
                if transfer.position >= end:
                    return
                transfer.limit = min(end, await source.wait(transfer.position))
        finally:
            if transfer is not None:
                self.sent = transfer.position - start
            source.close()

    async def _send_streamed(self, answer: Streamed) -> None:
        framed = self.head.version == "1.1"
        try:
            if self.silent(answer.status):
                self.outlet.write(answer.head, self.tail())
                return
            first = await _next(answer.chunks)  # before the head, as with slices
            self.close = self.close or not framed  # HTTP/1.0: the end of the connection is the end of the body
            self.outlet.write(answer.head, b"Transfer-Encoding: chunked\r\n" if framed else b"", self.tail())
            while first is not None:
                if first:
                    self.outlet.write(*(chunked.frame(first) if framed else (first,)))
                    self.sent += len(first)
                    await self.outlet.drain()
                first = await _next(answer.chunks)
            if framed:
                self.outlet.write(chunked.LAST)
        finally:
            await _aclose(answer.chunks)
        await self.outlet.drain()

    async def _recover(self, error: Exception) -> None:
        """Say what went wrong if that is still possible, else make sure that nobody takes the part for the whole."""
        self.outcome = "error"
        if not self.begun and not self.outlet.gone:
            answer = problem(error) if isinstance(error, PipwayError) else self._unexpected(error)
            self.status, self.sent = answer.status, 0
            self._tell(answer)
            try:
                await self._send_prepared(answer)
            except OSError:
                self.close = True
            return
        self.close = True
        if not self.outlet.gone and not isinstance(error, ConnectionError):
            code = error.code if isinstance(error, PipwayError) else "internal-error"
            self.shared.trace.emit("answer.broken", target=self.names()[0], code=code, what=redact(str(error)))
            if not isinstance(error, PipwayError):
                self._unexpected(error)
        self.outlet.reset()

    def _tell(self, answer: Answer) -> None:
        """Keep why somebody is sent away."""
        if answer.status >= 400:
            self._reason = redact(answer.head.partition(b"\r\n")[0][13:].decode("latin-1"))  # behind "HTTP/1.1 503 "

    def _unexpected(self, error: Exception) -> Prepared:
        text = redact("".join(traceback.format_exception(error)))
        self.shared.trace.emit("server.error", target=self.names()[0], traceback=text)
        return problem(
            PipwayError("internal-error", "pipway failed on this request", fix="see pipway's log, event server.error")
        )

    def names(self) -> tuple[str, str]:
        """Target and client as the access log shows them."""
        target = _USERINFO.sub("//", self.head.target.decode("ascii"), count=1)
        agent = self.head.header(b"user-agent") or b""
        return target, agent[:_CLIENT_LIMIT].decode("latin-1")

    def _report(self) -> None:
        target, client = self.names()
        answered = Answered(self.head.method, target, self.status, self.sent, self.outcome, client)
        self.shared.report(self.peer, self._started, answered, self._details(self._first))

    def record(self, status: int) -> RequestRecord:
        """For whoever takes the connection over, and completes it when that ends."""
        target, client = self.names()
        answered = Answered(self.head.method, target, status, 0, "tunnel", client)
        return RequestRecord(0.0, 0.0, self.peer, answered, self._details(time.monotonic()))

    def _details(self, first: float) -> Details:
        return Details(first - self._started, self._journey.route, self._reason)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await chunks.__anext__()
    except StopAsyncIteration:
        return None


async def _aclose(chunks: AsyncIterator[bytes]) -> None:
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()
