"""Decides by a PAC file. Credentials go to its proxies only where a person named the same host and port.

`outbound` builds it. A PAC file that cannot be used is an error, not silently a direct connection.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Sequence

from pipway.dial.base import Target
from pipway.dial.pac.answer import parse_answer
from pipway.dial.pac.engine import Engine, PacError
from pipway.dial.pac.source import Source
from pipway.dial.parent import Parent
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.redact import HIDDEN
from pipway.trace import Trace
from pipway.wire.proxy_url import ProxyUrl

_MOST = 1024  # decisions remembered
_FRESH = 60.0  # seconds for which a decision holds; a file may look at the clock
_MOST_STUCK = 3  # threads lost to files that never end, each of which takes a core
_FAILED = 5.0  # seconds for which a failure holds, so that a file that never ends is not run for each request


class Pac:
    """Conforms to `route.plan.Decider`."""

    def __init__(
        self,
        source: Source,
        *,
        no_proxy: NoProxy,
        allowed: Sequence[Parent],
        trace: Trace,
        clock: Callable[[], float],
        engine: Callable[[str], Engine] | None = None,
    ) -> None:
        """`allowed` are the parents that a person named; `clock` gives monotonic seconds."""
        self._source = source
        self._no_proxy = no_proxy
        self._allowed = {(parent.host, parent.port): parent for parent in allowed}
        self._trace = trace
        self._clock = clock
        self._make = engine or (lambda text: Engine(text, lookup=system_lookup, mine=my_addresses()))
        self._engine: Engine | None = None
        self._text = ""
        self._refused: tuple[str, PacError, float] | None = None  # the text that is no PAC file, why, until when
        self._stuck = 0
        self._decided: dict[Target, tuple[float, Plan | PacError]] = {}
        self._deciding: dict[tuple[Engine, Target], asyncio.Task[Plan | PacError]] = {}
        self._loading = asyncio.Lock()

    async def decide(self, target: Target) -> Plan | None:
        """What the file says. PacError."""
        excepted = self._no_proxy.match(target)
        if excepted is not None:
            return Plan((DIRECT,), f"excepted by {excepted.text} in no_proxy")
        engine = await self._current()
        known = self._decided.get(target)
        if known is None or self._clock() - known[0] >= (_FRESH if isinstance(known[1], Plan) else _FAILED):
            # Those who ask for the same target at once share one run; it goes on when the first of them leaves.
            running = self._deciding.get((engine, target))
            if running is None:
                running = self._deciding[engine, target] = asyncio.create_task(self._ask(engine, target))
                running.add_done_callback(lambda _: self._decided_by(engine, target))
            found = await asyncio.shield(running)
        else:
            found = known[1]
        if isinstance(found, PacError):
            raise _again(found)
        return found

    def close(self) -> None:
        """End the engine, and what is being decided."""
        for running in list(self._deciding.values()):
            running.cancel()
        if self._engine is not None:
            self._engine.close()

    async def _ask(self, engine: Engine, target: Target) -> Plan | PacError:
        try:
            found: Plan | PacError = self._plan(await engine.find(url_of(target), target.host))
        except PacError as error:
            found = error
        if engine is self._engine:  # not when the file has changed meanwhile
            while len(self._decided) >= _MOST:
                del self._decided[next(iter(self._decided))]
            self._decided[target] = (self._clock(), found)
        return found

    def _decided_by(self, engine: Engine, target: Target) -> None:
        del self._deciding[engine, target]
        if engine is not self._engine and not any(other is engine for other, _ in self._deciding):
            engine.close()  # replaced while it had work to do

    async def _current(self) -> Engine:
        async with self._loading:
            text = await self._source.text()
            refused = self._refused
            if refused is not None and refused[0] == text and self._clock() < refused[2]:
                if self._engine is None:
                    raise _again(refused[1])
            elif self._engine is None or text != self._text:
                await self._replace(text)
            assert self._engine is not None  # made now or before
            return self._engine

    async def _replace(self, text: str) -> None:
        """Take a new text; one that is no PAC file (a portal's login page) does not replace one that is."""
        if self._stuck >= _MOST_STUCK:
            raise PacError(
                "pac-failed", "PAC files are not run any more", why="several never ended", fix="restart pipway"
            )
        made = self._make(text)
        try:
            await made.check()
        except BaseException as error:
            made.close()
            if not isinstance(error, PacError):
                raise
            self._stuck += made.stuck
            told = self._refused is not None and self._refused[0] == text
            self._refused = (text, error, float("inf") if made.stuck else self._clock() + _FAILED)
            if self._engine is None:
                raise
            if not told:
                self._trace.emit("pac.remark", remark=f"the new file is not used: {error.why}")
            return
        if self._engine is not None:
            self._stuck += self._engine.stuck
            if not any(engine is self._engine for engine, _ in self._deciding):
                self._engine.close()
        self._engine, self._text, self._refused = made, text, None
        self._decided.clear()

    def _plan(self, answer: str) -> Plan:
        found, remarks = parse_answer(answer)
        for remark in remarks:
            self._trace.emit("pac.remark", remark=remark)
        if not found:
            raise PacError(
                "pac-failed",
                "the PAC file gives no usable proxy",
                why="; ".join(remarks) or "its answer is empty",
                fix="correct it, or name the parents with --parent instead",
            )
        ways = dict.fromkeys(DIRECT if url is None else Way((self._parent(url),)) for url in found)
        shown = re.sub(r"[^\s;]+@", f"{HIDDEN}@", answer.strip())  # some write passwords there; nobody sends them
        return Plan(tuple(ways), f"the PAC file answers {shown[:120]!r}")

    def _parent(self, url: ProxyUrl) -> Parent:
        return self._allowed.get((url.host, url.port)) or Parent(url.scheme, url.host, url.port)


def _again(error: PacError) -> PacError:
    """The same, to be raised once more: a remembered exception would collect tracebacks."""
    return PacError(error.code, error.what, why=error.why, fix=error.fix)


def url_of(target: Target) -> str:
    """What the file is given: never more than the origin, whatever is fetched from it."""
    scheme, usual = ("http", 80) if target.clear else ("https", 443)
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{scheme}://{host}/" if target.port == usual else f"{scheme}://{host}:{target.port}/"


async def system_lookup(host: str) -> list[str]:
    """The addresses that the operating system finds."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def my_addresses() -> list[str]:
    """The address by which this machine would go out. Nothing is sent: a datagram socket only chooses its route."""
    found = []
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((somewhere, 9))
                found.append(str(sock.getsockname()[0]))
        except OSError:
            continue
    return found or ["127.0.0.1"]
