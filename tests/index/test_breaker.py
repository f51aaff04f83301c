"""Closed, open, half-open."""

from __future__ import annotations

import pytest
from tests.index.conftest import Clock, Events

from pipway.errors import Unavailable
from pipway.index.breaker import Breakers, origin
from pipway.trace import Trace

URL = "http://index.example/simple/foo/"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def breakers(clock: Clock, events: Events) -> Breakers:
    trace = Trace()
    trace.listen(events.hear)
    return Breakers(trace=trace, clock=clock.monotonic, threshold=3, rest=10.0)


def fail(breakers: Breakers, times: int) -> None:
    for _ in range(times):
        breakers.of(URL).enter()
        breakers.of(URL).failure()


def test_it_opens_after_consecutive_failures_only(breakers: Breakers) -> None:
    fail(breakers, 2)
    breakers.of(URL).enter()
    breakers.of(URL).success()
    fail(breakers, 2)
    breakers.of(URL).enter()
    assert breakers.open() == []
    breakers.of(URL).failure()
    assert breakers.open() == ["http://index.example"]


def test_while_open_it_refuses_at_once_and_says_for_how_long(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 3)
    clock.advance(4.5)
    with pytest.raises(Unavailable) as caught:
        breakers.of(URL).enter()
    assert (caught.value.code, caught.value.retry_after) == ("circuit-open", 6)


def test_while_open_it_says_what_failed(breakers: Breakers) -> None:
    fail(breakers, 2)
    breakers.of(URL).enter()
    breakers.of(URL).failure("cannot connect to proxy.example:8080")
    with pytest.raises(Unavailable) as caught:
        breakers.of(URL).enter()
    assert caught.value.why == "cannot connect to proxy.example:8080"


def test_one_probe_decides(breakers: Breakers, clock: Clock, events: Events) -> None:
    fail(breakers, 3)
    clock.advance(10)
    breakers.of(URL).enter()
    with pytest.raises(Unavailable):  # everybody else waits for the probe
        breakers.of(URL).enter()
    breakers.of(URL).success()
    breakers.of(URL).enter()
    assert [name for name, _ in events.seen] == ["breaker.opened", "breaker.closed"]


def test_a_failed_probe_rests_twice_as_long_up_to_a_bound(breakers: Breakers, clock: Clock, events: Events) -> None:
    fail(breakers, 3)
    for _ in range(5):
        clock.advance(1000)
        fail(breakers, 1)
    assert [facts["seconds"] for facts in events.named("breaker.opened")] == [10, 20, 40, 80, 80, 80]


def test_a_probe_that_was_given_up_says_nothing(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 3)
    clock.advance(10)
    breakers.of(URL).enter()
    breakers.of(URL).left()
    breakers.of(URL).enter()


def test_origins_are_separate_and_hold_no_secret(breakers: Breakers) -> None:
    fail(breakers, 3)
    breakers.of("http://files.example/a").enter()
    breakers.of("https://index.example/a").enter()
    with pytest.raises(Unavailable):
        breakers.of("http://user:secret@INDEX.example/other").enter()
    assert origin("https://user:secret@Files.Example:8443/x") == "https://files.example:8443"
