"""Representations: made once, shared, bounded, and never outliving their page."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from tests.web.site import demo_page

from pipway.errors import PipwayError
from pipway.web.representations import Representations

LARGE = 1_000_000  #: bytes that are worth a thread


async def test_many_clients_one_making() -> None:
    shelf, page, made = Representations(1000), demo_page(), []
    gate = threading.Event()

    def build() -> bytes:
        gate.wait(10)
        made.append(threading.current_thread() is threading.main_thread())
        return b"page"

    waiting = [asyncio.create_task(shelf.get(page, "json", build, weight=LARGE)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever began it may leave
    gate.set()
    bodies = [(await task).body for task in waiting[1:]]
    assert bodies == [b"page"] * 19
    assert made == [False], "made once, and not on the event loop's thread"


async def test_another_page_object_is_made_anew_even_while_the_old_one_is_being_made() -> None:
    shelf, old, new = Representations(1000), demo_page(), demo_page()
    gate = threading.Event()

    def slow() -> bytes:
        gate.wait(10)
        return b"old"

    first = asyncio.create_task(shelf.get(old, "json", slow, weight=LARGE))
    await asyncio.sleep(0)
    assert (await shelf.get(new, "json", lambda: b"new", weight=LARGE)).body == b"new"
    gate.set()
    assert (await first).body == b"old"
    assert (await shelf.get(new, "json", lambda: b"never", weight=LARGE)).body == b"new"
    assert shelf.size == 3


async def test_the_least_recently_used_goes_first() -> None:
    shelf = Representations(250)
    pages = [demo_page(name=name) for name in ("a", "b", "c")]
    for page in pages[:2]:
        await shelf.get(page, "json", lambda: bytes(100), weight=LARGE)
    await shelf.get(pages[0], "json", lambda: b"", weight=LARGE)
    await shelf.get(pages[2], "json", lambda: bytes(100), weight=LARGE)
    assert shelf.size == 200
    assert (await shelf.get(pages[0], "json", lambda: b"anew", weight=LARGE)).body == bytes(100)
    assert (await shelf.get(pages[1], "json", lambda: b"anew", weight=LARGE)).body == b"anew"


async def test_a_page_larger_than_the_shelf_is_served_and_not_kept() -> None:
    shelf = Representations(10)
    assert len((await shelf.get(demo_page(), "json", lambda: bytes(100), weight=LARGE)).body) == 100
    assert shelf.size == 0


async def test_a_failure_reaches_everyone_and_is_not_remembered() -> None:
    shelf, page = Representations(1000), demo_page()

    def fail() -> bytes:
        raise PipwayError("broken", "broken")

    answers = await asyncio.gather(
        *(shelf.get(page, "json", fail, weight=LARGE) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(answer, PipwayError) for answer in answers)
    assert (await shelf.get(page, "json", lambda: b"good", weight=LARGE)).body == b"good"


@pytest.mark.slow
async def test_pages_are_not_kept_alive() -> None:
    shelf, page = Representations(1000), demo_page()
    await shelf.get(page, "json", lambda: b"x", weight=LARGE)
    del page
    gc.collect()
    assert (await shelf.get(demo_page(), "json", lambda: b"y", weight=LARGE)).body == b"y"


@pytest.mark.parametrize("other", ["html", "json"])
async def test_the_digest_tells_bytes_apart(other: str) -> None:
    shelf, page = Representations(1000), demo_page()
    first = await shelf.get(page, "json", lambda: b"1", weight=LARGE)
    second = await shelf.get(page, other, lambda: b"2", weight=LARGE)
    assert (first == second) is (other == "json")
