"""One task per key, owned by nobody who waits."""

from __future__ import annotations

import asyncio

import pytest

from pipway.errors import NotFound, Unavailable
from pipway.index.recent import Recent
from pipway.index.shared import Shared


async def test_one_task_for_many_and_a_new_one_afterwards() -> None:
    shared: Shared[str, int] = Shared()
    runs = 0

    async def work() -> int:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        return runs

    results = await asyncio.gather(*(shared.join("a", work) for _ in range(10)))
    assert [value for value, _ in results] == [1] * 10
    assert [started for _, started in results].count(True) == 1
    assert await shared.join("a", work) == (2, True)


async def test_everyone_gets_the_error_and_its_traceback_does_not_grow() -> None:
    shared: Shared[str, int] = Shared()

    async def work() -> int:
        await asyncio.sleep(0)
        raise NotFound("gone", "it is gone")

    results = await asyncio.gather(*(shared.join("a", work) for _ in range(100)), return_exceptions=True)
    assert len({id(error) for error in results}) == 1
    depth, frame = 0, results[0].__traceback__ if isinstance(results[0], BaseException) else None
    while frame is not None:
        depth, frame = depth + 1, frame.tb_next
    assert 0 < depth < 20


async def test_a_waiter_that_is_cancelled_leaves_the_work_alone() -> None:
    shared: Shared[str, int] = Shared()
    done = asyncio.Event()

    async def work() -> int:
        await done.wait()
        return 1

    first = asyncio.create_task(shared.join("a", work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert "a" in shared
    done.set()
    assert await shared.join("a", work) == (1, False)


async def test_closing_tells_those_who_wait_and_refuses_the_rest() -> None:
    shared: Shared[str, int] = Shared()
    waiting = asyncio.create_task(shared.join("a", lambda: asyncio.sleep(3600, 1)))
    await asyncio.sleep(0)
    await shared.aclose()
    for attempt in (waiting, shared.join("b", lambda: asyncio.sleep(0, 1))):
        with pytest.raises(Unavailable) as caught:
            await attempt
        assert caught.value.code == "stopping"


def test_recent_is_bounded_by_weight_and_tells_what_leaves() -> None:
    dropped: list[str] = []
    recent: Recent[int, str] = Recent(10, dropped.append)
    recent.put(1, "a", 4)
    recent.put(2, "b", 4)
    assert recent.get(1) == "a"
    recent.put(3, "c", 4)
    assert (dropped, recent.weight) == (["b"], 8)
    recent.put(1, "A", 1)
    assert (dropped, recent.weight) == (["b", "a"], 5)
    recent.put(4, "huge", 100)
    assert (recent.get(4), len(recent)) == ("huge", 1)
