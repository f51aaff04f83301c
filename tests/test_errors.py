"""Errors say what, why and the fix; their class says what a server answers and what the command line returns."""

from __future__ import annotations

import pytest

from pipway import errors
from pipway.errors import PipwayError, ProtocolError, Unavailable, UsageError


def every() -> list[type[PipwayError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PipwayError)]


def test_the_text_joins_what_is_known() -> None:
    """Empty parts leave no trace."""
    assert str(PipwayError("broken", "it broke", why="it was old", fix="buy a new one")) == (
        "it broke; it was old; buy a new one"
    )
    assert str(PipwayError("broken", "it broke")) == "it broke"


@pytest.mark.parametrize("kind", every())
def test_every_class_says_what_to_answer(kind: type[PipwayError]) -> None:
    """A status that is an error, an exit code that is a failure."""
    assert 400 <= kind.http_status <= 599
    assert 1 <= kind.exit_code <= 125
    error = kind("some-code", "what")
    assert (error.code, error.what, error.why, error.fix) == ("some-code", "what", "", "")


def test_an_outage_is_never_a_404() -> None:
    """Unavailable is 503 and says when to come back (RFC 9110 §10.2.3)."""
    assert Unavailable.http_status == 503
    assert Unavailable("gone", "upstream is down").retry_after > 0
    assert not issubclass(Unavailable, errors.NotFound)


def test_wrong_usage_is_told_apart_by_its_exit_code() -> None:
    """2 is what shells and other tools use for it."""
    assert UsageError.exit_code == 2


def test_a_protocol_error_carries_its_own_status() -> None:
    """Such as 431 for too many headers (RFC 6585 §5)."""
    assert ProtocolError("too-big", "header too large", status=431).status == 431


def test_the_hierarchy_stays_shallow() -> None:
    """At most two levels: a subclass exists only where someone catches it differently."""
    assert all(kind.__mro__.index(PipwayError) <= 2 for kind in every())
    assert len(every()) <= 9
