"""Who is asked for a version, and when."""

from __future__ import annotations

from collections.abc import Iterator

from pipway.clients.base import Installed
from pipway.clients.found import Found

PIPS = [Installed("pip", (f"/{number}/pip",), f"{number}.0") for number in range(3)]


def asking(asked: list[str]) -> Iterator[Installed]:
    for one in PIPS:
        asked.append(one.version)
        yield one


def test_who_wants_the_first_asks_the_first() -> None:
    asked: list[str] = []
    found = Found(asking(asked))
    assert asked == []
    assert next(iter(found), None) == found[0] == PIPS[0]
    assert found
    assert asked == ["0.0"]


def test_it_is_a_sequence_of_all_and_each_is_asked_once() -> None:
    asked: list[str] = []
    found = Found(asking(asked))
    assert found[1] == PIPS[1]
    assert list(found) == list(found) == PIPS
    assert (len(found), found[-1], list(found[:2]), list(found[-2:2])) == (3, PIPS[2], PIPS[:2], PIPS[1:2])
    assert asked == ["0.0", "1.0", "2.0"]


def test_nobody() -> None:
    found = Found([])
    assert not found
    assert next(iter(found), None) is None
    assert list(found) == []
