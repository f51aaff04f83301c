"""Named events: logs, metrics, doctor and the live view all listen here.

Everyone may emit; nobody who emits knows who listens. Ordinary events are delivered at once. Requests are
too many for that: they are appended to a batch (one tuple each) and handed over together a few times a second.
Facts never hold secrets: what is emitted may be printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

Facts = Mapping[str, Any]
Listener = Callable[[str, Facts], None]


class Answered(NamedTuple):
    """What was asked and answered: the part of a record that is the same each time an answer is repeated."""

    method: str
    target: str  #: as sent, without userinfo
    status: int
    sent: int  #: body bytes written
    outcome: str  #: "hit", "miss", "joined", "stale", "forward", "tunnel", "error", "other"
    client: str  #: User-Agent, at most 200 characters


class Details(NamedTuple):
    """What is known of a request that was more than one look-up and one write."""

    first: float  #: seconds until its answer began to leave (a tunnel: until it stood)
    route: str = ""  #: how it was fetched, and why that way; empty when nothing was fetched by its own task
    reason: str = ""  #: why it was refused or failed, as the client was told


class RequestRecord(NamedTuple):
    """One answered request, as the access log and the metrics need it."""

    when: float  #: seconds since the epoch, when the answer was complete
    seconds: float  #: from the request's last byte to the answer's last byte handed to the kernel
    peer: str  #: address of the client
    answered: Answered
    details: Details | None = None  #: None: it left at once and whole, or nothing is known


class Journey:
    """What a request's own tasks learn on the way to its answer; tasks that they start carry it along."""

    __slots__ = ("route",)

    def __init__(self) -> None:
        self.route = ""


#: Whose answer is being made; work that is nobody's (guesses, housekeeping) sets it to None.
journey: ContextVar[Journey | None] = ContextVar("journey", default=None)

RequestListener = Callable[[Sequence[RequestRecord]], None]


class Trace:
    """Hands events to listeners. Not thread-safe: emit from the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._request_listeners: list[RequestListener] = []
        self._batch: list[RequestRecord] = []
        #: Append a `RequestRecord`; a bound method so that the hot path pays one call.
        self.request: Callable[[RequestRecord], None] = self._batch.append

    def listen(self, listener: Listener) -> None:
        """Call `listener(name, facts)` for every event from now on."""
        self._listeners.append(listener)

    def listen_requests(self, listener: RequestListener) -> None:
        """Call `listener(records)` for every batch of requests from now on."""
        self._request_listeners.append(listener)

    def emit(self, name: str, **facts: Any) -> None:
        """Deliver one event. Names are dotted nouns: `upstream.request`, `blob.quarantined`."""
        for listener in self._listeners:
            listener(name, facts)

    def flush(self) -> None:
        """Hand the batch of requests to its listeners; called by a timer and at shutdown."""
        if self._batch:
            batch = self._batch[:]
            self._batch.clear()
            for listener in self._request_listeners:
                listener(batch)
