"""Questions that hang hold up nobody for longer than was said, and their answers do not get lost."""

from __future__ import annotations

import threading
import time

import pytest

from pipway.dial.negotiate.patience import Patience


def never(error: BaseException | None) -> None:
    pytest.fail(f"late: {error}")


def fail() -> None:
    raise LookupError("no")


def test_an_answer() -> None:
    assert Patience(5).ask(lambda: 7, never) == 7


def test_an_error_is_raised_and_the_turn_given_back() -> None:
    patience = Patience(5)
    for _ in range(2):
        with pytest.raises(LookupError):
            patience.ask(fail, never)
    assert not patience.busy


def test_a_time_out_of_the_question_itself_is_no_impatience() -> None:
    def question() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        Patience(5).ask(question, never)


def test_one_at_a_time() -> None:
    patience, inside, most = Patience(5), [], []

    def question() -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.002)
        inside.pop()

    threads = [threading.Thread(target=patience.ask, args=(question, never)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


@pytest.mark.parametrize("error", [None, LookupError("no")])
def test_who_hangs_is_left_alone_and_heard_late(error: Exception | None) -> None:
    patience, go, heard = Patience(0.02), threading.Event(), []
    told = threading.Event()

    def question() -> None:
        go.wait(10)
        if error is not None:
            raise error

    def late(said: BaseException | None) -> None:
        heard.append(said)
        told.set()

    with pytest.raises(TimeoutError):
        patience.ask(question, late)
    assert patience.busy
    with pytest.raises(TimeoutError):  # another one's turn does not come
        patience.ask(fail, never)
    go.set()
    assert told.wait(10)
    assert heard == [error]
    assert Patience.ask(patience, lambda: 1, never) == 1
