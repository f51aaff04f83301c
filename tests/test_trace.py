"""Events reach everyone who listens; requests come in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipway.trace import Answered, Facts, RequestRecord, Trace


def record(target: str) -> RequestRecord:
    return RequestRecord(1.0, 0.1, "127.0.0.1", Answered("GET", target, 200, 10, "hit", "pip/26.0"))


def test_every_listener_gets_every_event_at_once() -> None:
    """In the order in which they began to listen."""
    trace = Trace()
    seen: list[tuple[str, str, dict[str, Any]]] = []

    def first(name: str, facts: Facts) -> None:
        seen.append(("first", name, dict(facts)))

    def second(name: str, facts: Facts) -> None:
        seen.append(("second", name, dict(facts)))

    trace.emit("too.early")
    trace.listen(first)
    trace.listen(second)
    trace.emit("upstream.request", status=200)
    assert seen == [("first", "upstream.request", {"status": 200}), ("second", "upstream.request", {"status": 200})]


def test_requests_are_handed_over_together() -> None:
    """Nothing happens per request; an empty batch is not delivered; a listener may keep what it got."""
    trace = Trace()
    batches: list[Sequence[RequestRecord]] = []
    trace.listen_requests(batches.append)
    trace.flush()
    append = trace.request
    append(record("/a"))
    append(record("/b"))
    assert batches == []
    trace.flush()
    append(record("/c"))  # the same bound method keeps working after a flush
    trace.flush()
    trace.flush()
    assert [[item.answered.target for item in batch] for batch in batches] == [["/a", "/b"], ["/c"]]


def test_requests_that_come_while_a_batch_is_delivered_wait_for_the_next() -> None:
    """A listener may cause a request itself."""
    trace = Trace()
    batches: list[list[str]] = []

    def listener(records: Sequence[RequestRecord]) -> None:
        batches.append([item.answered.target for item in records])
        if len(batches) == 1:
            trace.request(record("/late"))

    trace.listen_requests(listener)
    trace.request(record("/first"))
    trace.flush()
    trace.flush()
    assert batches == [["/first"], ["/late"]]
