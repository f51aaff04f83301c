"""Writes the trace down: short coloured lines for a person, JSON lines for a machine.

`app` builds one `Log` and lets it listen; nobody else writes logs. Writing happens in a thread of its own, so that a
full disk or a reader that pauses never stalls a connection; what cannot be kept is dropped and counted.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar, cast

import msgspec
import structlog

from pipway.redact import HIDDEN, redact
from pipway.trace import Answered, Facts, RequestRecord

T = TypeVar("T")
Style = Literal["auto", "human", "json"]
Level = Literal["debug", "info", "warning", "error"]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_BACKLOG = 256  # chunks that wait for a slow disk or reader; a chunk is one batch, at most a few hundred kilobytes
_LAST_WORDS = 2.0  # seconds that closing waits for the rest to be written
_SECRET_NAMES = frozenset({"authorization", "proxy_authorization", "cookie", "password", "secret", "token"})
_RESERVED = frozenset({"event", "level", "timestamp", "logger"})

#: Events that follow every request: of interest to whoever looks for a fault.
_DEBUG = {"upstream.request", "page.hit", "page.miss", "page.revalidated", "file.hit", "file.miss", "file.joined"}
_DEBUG |= {
    "upstream.response",
    "upstream.asked",
    "route.dialled",
    "forward.request",
    "metadata.fetched",
    "metadata.backfilled",
    "projects.fetched",
}

#: The last word of an event's name says how bad it is; without one of these it is information.
_LEVEL_OF_LAST = {
    **dict.fromkeys(("failed", "retry", "stale", "unstored", "opened", "resumed", "impossible"), "warning"),
    **dict.fromkeys(("distrusted", "uncovered", "incomplete"), "warning"),
    **dict.fromkeys(("mismatch", "quarantined", "rebuilt", "broken", "error"), "error"),
}


def level_of(name: str) -> str:
    """The level of an event by its name: "debug", "info", "warning" or "error"."""
    return "debug" if name in _DEBUG else _LEVEL_OF_LAST.get(name.rpartition(".")[2], "info")


class Log:
    """Listens to a `Trace`: give `event` to `listen` and `requests` to `listen_requests`. Close it to flush."""

    def __init__(self, *, style: Style = "auto", level: Level = "info", file: Path | None = None) -> None:
        """Write to `file` (appended) or standard error. OSError when the file cannot be opened."""
        stream = _open(file)
        colours = file is None and stream is not None and stream.isatty()
        human = style == "human" or (style == "auto" and colours)
        lost = b"%d batches of log lines were dropped\n" if human else b'{"event":"log.dropped","batches":%d}\n'
        self._out = _Out(stream, lost)
        self._threshold = _LEVELS[level]
        colours = colours and not os.environ.get("NO_COLOR")
        self._access = _HumanAccess(colours) if human else _JsonAccess()
        self._logger = structlog.wrap_logger(
            structlog.BytesLogger(cast(BinaryIO, self._out)),
            processors=_human_chain(colours) if human else _json_chain(),
            wrapper_class=structlog.make_filtering_bound_logger(self._threshold),
            context_class=dict,
        )

    def event(self, name: str, facts: Facts) -> None:
        """Write one event, at the level its name implies."""
        level = level_of(name)
        if _LEVELS[level] < self._threshold:  # most are for debugging, and some come with every tunnel
            return
        safe = {f"{key}_" if key in _RESERVED else key: value for key, value in facts.items()}
        getattr(self._logger, level)(name, **safe)

    def requests(self, records: Sequence[RequestRecord]) -> None:
        """Write one line for each answered request; one write for the batch."""
        if self._threshold <= _LEVELS["info"]:
            self._out.write(self._access(records))

    def close(self) -> None:
        """Write what waits, for at most two seconds, and close."""
        self._out.close()


def _open(file: Path | None) -> BinaryIO | None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("ab", buffering=0)
    try:
        # A copy of the descriptor: closing the log leaves the program's own standard error alone.
        return os.fdopen(os.dup(sys.stderr.fileno()), "wb", buffering=0)
    except (OSError, ValueError, AttributeError):
        return None  # there is no standard error (a service without one, a test that replaced it)


class _Out:
    """A file-like object that writes in a thread of its own and forgets what nobody can take."""

    def __init__(self, stream: BinaryIO | None, lost: bytes) -> None:
        self._stream = stream
        self._lost = lost
        self._queue: queue.Queue[bytes | None] = queue.Queue(_BACKLOG)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="pipway-log", daemon=True)
        if stream is not None:
            self._thread.start()

    def write(self, data: bytes) -> int:
        """Hand `data` over; never waits."""
        if self._stream is not None:
            try:
                self._queue.put_nowait(data)
            except queue.Full:
                self._dropped += 1
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered on this side."""

    def close(self) -> None:
        """Wait for the rest, but not for a reader that has stopped reading."""
        if self._stream is None:
            return
        deadline = time.monotonic() + _LAST_WORDS
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_LAST_WORDS)
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive():
            self._stream.close()
        self._stream = None

    def _run(self) -> None:
        stream = self._stream
        assert stream is not None  # the thread is started only with one
        told = 0
        while (data := self._queue.get()) is not None:
            dropped = self._dropped  # counted by the other side, which never sets it back: no lock is needed
            if dropped > told:
                data = self._lost % (dropped - told) + data
                told = dropped
            with contextlib.suppress(OSError, ValueError):  # a closed pipe or a full disk: this line is lost
                view = memoryview(data)
                while view:
                    view = view[stream.write(view) or len(view) :]


# Access lines: formatted a batch at a time, as they are the only ones written at the rate of requests (about a
# microsecond each). What repeats from record to record, the second and the client, is made once.


_PLAIN = re.compile(r"[A-Za-z0-9/._~%+:,=-]+").fullmatch


class _Known(dict[Answered, T]):
    """Answers and how they are shown. Most answers are repeated, and their part of the line with them."""

    def __init__(self, show: Callable[[Answered], T]) -> None:
        self._show = show

    def __missing__(self, answered: Answered) -> T:
        if len(self) >= 4096:  # whoever asks for something new each time
            self.clear()
        shown = self[answered] = self._show(answered)
        return shown


def _quoted(text: str) -> str:
    return _ENCODER.encode(text).decode()


def _printable(text: str) -> str:
    """What a client sends must not move the cursor of whoever reads the log."""
    return text if text.isprintable() else ascii(text)[1:-1]


_ENCODER = msgspec.json.Encoder(enc_hook=lambda value: redact(str(value)))


class _JsonAccess:
    """The names are those of the other JSON lines. Made by hand: an object each costs more than its line."""

    def __init__(self) -> None:
        self._known = _Known(_as_json)

    def __call__(self, records: Sequence[RequestRecord]) -> bytes:
        known, lines = self._known, []
        second, stamp = -1, ""
        for when, seconds, peer, answered, _ in records:
            if (whole := int(when)) != second:
                second, stamp = whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
            lines.append(
                f'{{"timestamp":"{stamp}.{int((when - whole) * 1000):03d}Z","level":"info","event":"request"'
                f',"peer":"{peer}","seconds":{seconds:.6f},{known[answered]}}}\n'
            )
        return "".join(lines).encode()


def _as_json(answered: Answered) -> str:
    method, target, status, sent, outcome, client = answered
    # A plain path holds no secret and needs no escape.
    shown = f'"{target}"' if _PLAIN(target) else _quoted(redact(target))
    return (
        f'"method":{_quoted(method)},"target":{shown},"status":{status},"sent":{sent},"outcome":"{outcome}"'
        f',"client":{_quoted(redact(client))}'
    )


_WIDE = 64  # characters of a target shown to a person; a file URL is longer, and its ends say enough
_HUES = {2: "32", 3: "36", 4: "33", 5: "31"}


class _HumanAccess:
    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._known = _Known(self._as_words)

    def __call__(self, records: Sequence[RequestRecord]) -> bytes:
        known, lines = self._known, []
        second, stamp = -1, ""
        for when, seconds, peer, answered, _ in records:
            if (whole := int(when)) != second:
                second, stamp = whole, time.strftime("%H:%M:%S", time.localtime(whole))
            before, after = known[answered]
            lines.append(f"{stamp} {before} {seconds * 1000:.1f} ms  {peer} {after}\n")
        return "".join(lines).encode()

    def _as_words(self, answered: Answered) -> tuple[str, str]:
        """What stands before the milliseconds and the peer, and what after."""
        method, target, status, sent, outcome, client = answered
        code = f"\x1b[{_HUES.get(status // 100, '0')}m{status}\x1b[0m" if self._colours else str(status)
        shown = target if _PLAIN(target) else _printable(redact(target))
        if len(shown) > _WIDE:
            shown = f"{shown[: shown.find('/', 1) + 1]}…/{shown.rpartition('/')[2]}"
        size = f"{sent} B" if sent < 1000 else f"{sent / 1000:.1f} kB" if sent < 1e6 else f"{sent / 1e6:.1f} MB"
        tool = _printable(redact(client.partition(" ")[0])) or "-"
        return f"{code} {outcome:<6} {_printable(method)} {shown}  {size}", tool


# Ordinary events: structlog's pipeline of processors.

_Event = MutableMapping[str, Any]


def _hide(logger: object, method: str, event: _Event) -> _Event:
    """Take secrets out of every fact."""
    for key, value in event.items():
        event[key] = HIDDEN if key.lower() in _SECRET_NAMES else _safe(value)
    return event


def _safe(value: Any, depth: int = 3) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth and isinstance(value, (list, tuple)):
        return [_safe(item, depth - 1) for item in value]
    return redact(str(value))


def _to_json(logger: object, method: str, event: _Event) -> bytes:
    head = {key: event.pop(key) for key in ("timestamp", "level", "event")}  # first, as in access lines
    return _ENCODER.encode({**head, **event})


class _ToHuman:
    def __init__(self, colours: bool) -> None:
        hues = {"debug": "2", "info": "0", "warning": "33", "error": "31"}
        self._levels = {
            level: f"\x1b[{hue}m{level:<7}\x1b[0m" if colours else f"{level:<7}" for level, hue in hues.items()
        }

    def __call__(self, logger: object, method: str, event: _Event) -> bytes:
        moment, level, name = event.pop("timestamp"), event.pop("level"), event.pop("event")
        facts = " ".join(
            f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in event.items()
        )
        return f"{moment} {self._levels[level]} {_printable(f'{name}  {facts}'.rstrip())}".encode()


def _json_chain() -> list[Any]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [structlog.processors.add_log_level, stamp, _hide, _to_json]


def _human_chain(colours: bool) -> list[Any]:
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    return [structlog.processors.add_log_level, stamp, _hide, _ToHuman(colours)]
