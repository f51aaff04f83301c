"""Small work is done at once, large work in a thread."""

from __future__ import annotations

import threading

import pytest

from pipway.offload import SMALL, offload


@pytest.mark.parametrize(("weight", "here"), [(0, True), (SMALL, True), (SMALL + 1, False)])
async def test_where_work_happens(weight: int, here: bool) -> None:
    main = threading.current_thread()
    assert (await offload(weight, threading.current_thread) is main) is here


@pytest.mark.parametrize("weight", [0, SMALL + 1])
async def test_errors_arrive(weight: int) -> None:
    def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await offload(weight, fail)
