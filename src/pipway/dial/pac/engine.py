"""Runs FindProxyForURL in QuickJS, with limits of memory, stack and computing time, and no way out of the sandbox.

`decider` uses it. Names that the file wants looked up are collected, looked up with a limit, and the file is run again:
the engine's time limit forbids calling back into Python, and nothing of a PAC file should hold a thread on DNS anyway.
Everything happens in one thread of its own. A loop inside QuickJS that ignores the limit costs that thread, no more.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from types import ModuleType
from typing import Any, TypeVar

from pipway.dial.pac.worker import Stuck, Worker
from pipway.errors import NoWayOut

MEMORY = 32 << 20  # bytes
SECONDS = 1.0  # of computing, for one run
_STACK = 512 << 10
_NAMES = 16  # looked up for one decision
_GRACE = 4.0  # seconds beyond SECONDS, on a busy machine, until a run counts as one that never ends
_DNS_SECONDS = 2.0  # for one name; then it counts as unknown
_DNS_BUDGET = 5.0  # seconds for all names of one decision; then the rest count as unknown
_ANSWER = 8192  # characters

T = TypeVar("T")  # Python 3.11 has no other way to write it

#: Gives the addresses of a host name, none when there are none.
Lookup = Callable[[str], Awaitable[Sequence[str]]]


class PacError(NoWayOut):
    """The file cannot be used; never silently direct. What is stored is served meanwhile."""


class Engine:
    """One PAC file, loaded. Close it in the end."""

    def __init__(
        self,
        text: str,
        *,
        lookup: Lookup,
        mine: Sequence[str] = ("127.0.0.1",),
        time: Callable[[], float] | None = None,
        load: Callable[[], ModuleType] = lambda: importlib.import_module("quickjs"),
    ) -> None:
        """`mine` are this machine's addresses; `time` gives seconds since the epoch, for tests."""
        self._text = text
        self._lookup = lookup
        self._mine = list(mine)
        self._time = time
        self._load = load
        self._context: Any = None
        self._worker = Worker("pac")

    @property
    def stuck(self) -> bool:
        """It hangs in a thread that is lost; nothing more comes from it."""
        return self._worker.stuck

    async def check(self) -> None:
        """Load it. PacError when it is no PAC file."""
        await self._in_thread(lambda: None if self._context else self._start())

    async def find(self, url: str, host: str) -> str:
        """What the file answers. PacError when it fails, runs for ever or answers nothing that is text."""
        names: dict[str, list[str]] = {}
        left = _DNS_BUDGET
        loop = asyncio.get_running_loop()
        while True:
            answer, needed = await self._in_thread(lambda: self._run(url, host, names))
            unknown = [name for name in needed if name not in names]
            if not unknown:
                return answer
            for name in unknown:
                if len(names) == _NAMES:
                    raise _failed(f"it looks up more than {_NAMES} names")
                began = loop.time()
                names[name] = await self._looked_up(name, min(_DNS_SECONDS, left))
                left = max(0.0, left - (loop.time() - began))

    def close(self) -> None:
        """End its thread, after what it was given."""
        self._worker.close()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await self._worker.run(call, limit=SECONDS + _GRACE)
        except Stuck:
            raise _failed("it never ends") from None

    async def _looked_up(self, name: str, limit: float) -> list[str]:
        try:
            async with asyncio.timeout(limit):
                return list(await self._lookup(name))
        except (TimeoutError, OSError, ValueError):  # ValueError: UnicodeError for names that IDNA refuses, NUL
            return []

    def _run(self, url: str, host: str, names: dict[str, list[str]]) -> tuple[str, list[str]]:
        """In the thread: give the answer and the names that were missing."""
        context = self._context or self._start()
        try:
            context.eval(f"__dns = {json.dumps(names)}; __needed = [];")
            if self._time is not None:
                context.eval(f"__time = {self._time() * 1000:.0f};")
            failure: str | None = None
            answer: Any = None
            try:
                answer = context.eval(f"FindProxyForURL({json.dumps(url)}, {json.dumps(host)})")
            except Exception as error:
                failure = _words(error)
            needed = [str(name) for name in json.loads(context.eval("JSON.stringify(__needed.slice(0, 64))"))]
        except Exception as error:  # out of memory or time: the context is of no use any more
            self._context = None
            raise _failed(_words(error)) from None
        if any(name not in names for name in needed):
            return "", needed
        if failure is not None:
            self._context = None
            raise _failed(failure)
        if answer is None:
            return "DIRECT", needed
        if not isinstance(answer, str) or len(answer) > _ANSWER:
            raise _failed("FindProxyForURL gives something that is no text")
        return answer, needed

    def _start(self) -> Any:
        try:
            library = self._load()
        except Exception as error:
            raise PacError(
                "no-pac-engine",
                "PAC files need quickjs-ng, which cannot be loaded",
                why=type(error).__name__,
                fix="pip install --force-reinstall quickjs-ng, or name the parents with --parent",
            ) from None
        context = library.Context()
        context.set_memory_limit(MEMORY)
        context.set_max_stack_size(_STACK)
        context.set_time_limit(SECONDS)
        try:
            context.eval(resources.files("pipway.dial.pac").joinpath("functions.js").read_text(encoding="utf-8"))
            context.eval(f"__mine = {json.dumps(self._mine)};")
            context.eval(self._text)
            if not context.eval("typeof FindProxyForURL === 'function'"):
                raise _failed("it has no function FindProxyForURL")
        except PacError:
            raise
        except Exception as error:
            raise _failed(_words(error)) from None
        self._context = context
        return context


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    if "interrupted" in text:
        return f"it computes for more than {SECONDS:g} s"
    if "out of memory" in text:
        return f"it wants more than {MEMORY >> 20} MiB of memory"
    return text or type(error).__name__


def _failed(why: str) -> PacError:
    return PacError(
        "pac-failed",
        "the PAC file cannot be used",
        why=why,
        fix="correct it, or name the parents with --parent instead",
    )
