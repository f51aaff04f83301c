"""The account of guesses."""

from __future__ import annotations

from tests.index.conftest import Clock

from pipway.index.credit import Credit


def account(limit: int = 1000) -> tuple[Credit, Clock]:
    clock = Clock()
    return Credit(limit, clock=clock.monotonic), clock


def test_wrong_guesses_use_it_up_and_right_ones_do_not() -> None:
    credit, _ = account()
    for number in range(100):
        assert credit.spend(number, 400)
        assert credit.give_back(number)
    assert credit.left == 1000
    assert credit.spend("wrong", 800)
    assert not credit.spend("too much", 400)
    assert credit.left == 200


def test_time_pays_back_but_no_more_than_the_limit() -> None:
    credit, clock = account()
    assert credit.spend("wrong", 1000)
    clock.advance(300)
    assert credit.left == 500
    clock.advance(10_000)
    assert credit.left == 1000


def test_a_guess_is_paid_once_and_returned_once() -> None:
    credit, _ = account()
    assert credit.spend("a", 300)
    assert credit.spend("a", 500)
    assert credit.left == 500
    assert credit.give_back("a")
    assert not credit.give_back("a")
    assert credit.left == 1000
