"""A pipway in a thread of this process, for one command; `pipway run` starts it where none runs.

It has the user's settings and data folder, and a free port of loopback that nobody else is told.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType

from pipway import app as application
from pipway import platforms
from pipway.cli.nearby import health, offer
from pipway.cli.tally import Tally
from pipway.clients.environment import Server
from pipway.settings import Address, Settings
from pipway.trace import Trace


class Own:
    """A pipway on a free port of this machine's own, for as long as the `with` lasts."""

    def __init__(self, settings: Settings, *, typed: Mapping[str, str] = {}) -> None:
        """`typed` has the parents' passwords that a person typed in."""
        self._settings = _for_one_command(settings)
        self._typed = typed
        self._tally = Tally()
        self._url = ""
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._thread = threading.Thread(target=self._work, name="pipway", daemon=True)

    def __enter__(self) -> Own:
        """PipwayError when it cannot start."""
        sys.setswitchinterval(application.SWITCH_SECONDS)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._stop is not None
        loop, stop = self._stop
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    def offer(self, via: str) -> Server:
        """See `offer`."""
        return offer(self._url, health(self._url), self._settings, via)

    def summary(self) -> list[str]:
        """What it did; to be asked when it has ended."""
        return self._tally.lines()

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=platforms.loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as error:  # whatever it is, the thread that waits has to know
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        stop = asyncio.Event()
        trace = Trace()
        trace.listen(self._tally.event)
        trace.listen_requests(self._tally.answered)
        environ = dict(os.environ)
        async with application.building(self._settings, environ=environ, typed=self._typed, trace=trace) as built:
            self._url = built[1]
            self._stop = asyncio.get_running_loop(), stop
            self._ready.set()
            await stop.wait()


def _for_one_command(settings: Settings) -> Settings:
    """On a free port of loopback; and what an operator reads in the log would be noise in the command's output."""
    log = settings.log
    if settings.origins.get("log.level", "default") == "default" and log.file is None:
        log = replace(log, level="error")
    if settings.origins.get("log.format", "default") == "default" and log.file is None:
        log = replace(log, format="human")
    access = type(settings.access)()  # nobody else reaches it
    return replace(settings, log=log, access=access, server=replace(settings.server, listen=Address("127.0.0.1", 0)))
