"""Reading values: what people write, what is refused, and that showing gives no secret away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.settings import Address, Upstream
from pipway.settings.values import (
    ADDRESS,
    COUNT,
    DURATION,
    OPTIONAL_PATH,
    PATH,
    SIZE,
    SWITCH,
    UPSTREAMS,
    Kind,
    choice,
)

FOLDER = Path("/folder")
ALL = (ADDRESS, COUNT, DURATION, OPTIONAL_PATH, PATH, SIZE, SWITCH, UPSTREAMS, choice("a", "b"))


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (DURATION, 600, 600.0),
        (DURATION, 0.5, 0.5),
        (DURATION, "600", 600.0),
        (DURATION, "90s", 90.0),
        (DURATION, "10m", 600.0),
        (DURATION, "1h30m", 5400.0),
        (DURATION, "1h 30m", 5400.0),
        (DURATION, "250ms", 0.25),
        (DURATION, "7D", 604800.0),
        (DURATION, "0", 0.0),
        (SIZE, 1024, 1024),
        (SIZE, "1024", 1024),
        (SIZE, "20GiB", 20 * 2**30),
        (SIZE, "20 gib", 20 * 2**30),
        (SIZE, "2GB", 2 * 10**9),
        (SIZE, "1.5k", 1536),
        (COUNT, 3, 3),
        (COUNT, "3", 3),
        (SWITCH, True, True),
        (SWITCH, "off", False),
        (SWITCH, "YES", True),
        (ADDRESS, "127.0.0.1:0", Address("127.0.0.1", 0)),
        (ADDRESS, "[::1]:3141", Address("::1", 3141)),
        (ADDRESS, "localhost:3141", Address("localhost", 3141)),
        (PATH, "cache", Path("/folder/cache")),
        (PATH, "/srv/cache", Path("/srv/cache")),
        (OPTIONAL_PATH, "", None),
        (OPTIONAL_PATH, "x.log", Path("/folder/x.log")),
        (choice("human", "json"), "JSON", "json"),
        (UPSTREAMS, "https://index.example/simple", (Upstream("index.example", "https://index.example/simple/"),)),
        (UPSTREAMS, ["corp=http://u:p@index.example:8080/x/"], (Upstream("corp", "http://u:p@index.example:8080/x/"),)),
        (
            UPSTREAMS,
            "a=https://one.example/simple/, b=https://two.example/simple/",
            (Upstream("a", "https://one.example/simple/"), Upstream("b", "https://two.example/simple/")),
        ),
        (UPSTREAMS, [{"name": "A", "url": "https://one.example/"}], (Upstream("a", "https://one.example/"),)),
        (UPSTREAMS, "https://[::1]:8080/simple/", (Upstream("1", "https://[::1]:8080/simple/"),)),
    ],
)
def test_what_people_write_is_understood(kind: Kind[Any], raw: object, value: object) -> None:
    """Each kind takes TOML's own types and text, as an environment variable has only text."""
    assert kind.read(raw, FOLDER) == value


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        (DURATION, "soon", "duration"),
        (DURATION, "1h30", "unit"),
        (DURATION, "10m or so", "duration"),
        (DURATION, -1, "between"),
        (DURATION, True, "expected"),
        (DURATION, "", "duration"),
        (DURATION, float("nan"), "between"),
        (SIZE, "20 elephants", "size"),
        (SIZE, -1, "between"),
        (SIZE, "9" * 400, "between"),
        (COUNT, 0, "at least 1"),
        (COUNT, True, "whole number"),
        (COUNT, "many", "whole number"),
        (SWITCH, "perhaps", "true or false"),
        (SWITCH, 2, "true or false"),
        (ADDRESS, "3141", "HOST:PORT"),
        (ADDRESS, ":3141", "HOST:PORT"),
        (ADDRESS, "::1:3141", "brackets"),
        (ADDRESS, "localhost:65536", "HOST:PORT"),
        (ADDRESS, "localhost:٣", "HOST:PORT"),
        (ADDRESS, "localhost:1\nx", "printable"),
        (PATH, "", "path"),
        (PATH, 3, "text"),
        (PATH, "x" * 5000, "at most"),
        (choice("human", "json"), "xml", "one of human, json"),
        (UPSTREAMS, "ftp://index.example/", "http"),
        (UPSTREAMS, "index.example/simple", "http"),
        (UPSTREAMS, "https:///simple", "http"),
        (UPSTREAMS, "https://index.example:port/", "cannot be read"),
        (UPSTREAMS, "https://index.example/?x=1", "query"),
        (UPSTREAMS, "my index=https://index.example/", "letters"),
        (UPSTREAMS, [{"uri": "https://index.example/"}], "not 'uri'"),
        (UPSTREAMS, [{"name": "x"}], "needs url"),
        (UPSTREAMS, {"url": "https://index.example/"}, "list"),
        (UPSTREAMS, "https://index.example/a/,https://index.example/b/", "name of its own"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(kind: Kind[Any], raw: object, reason: str) -> None:
    """The reason is for a person: it says what was expected."""
    with pytest.raises(ValueError, match=reason):
        kind.read(raw, FOLDER)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()), st.none()))
def test_nothing_but_valueerror_comes_out(raw: object) -> None:
    """Whatever a file or a variable holds, the fault is reported like every other."""
    for kind in ALL:
        try:
            kind.read(raw, FOLDER)
        except ValueError as error:
            assert str(error)


@given(st.floats(0, 10**8).map(lambda seconds: round(seconds, 3)))
def test_a_shown_duration_reads_back(seconds: float) -> None:
    """What `settings show` prints can be pasted into a file, to six digits."""
    assert DURATION.read(DURATION.show(seconds), FOLDER) == pytest.approx(seconds, rel=1e-5, abs=1e-6)


@given(st.integers(0, 2**59))
def test_a_shown_size_reads_back(size: int) -> None:
    """What `settings show` prints can be pasted into a file."""
    assert SIZE.read(SIZE.show(size), FOLDER) == size


def test_an_upstream_never_shows_its_password() -> None:
    """Neither in a log of the object, nor in the settings page, nor in an error about it."""
    found = UPSTREAMS.read("corp=https://alice:hunter2@index.example/simple/", FOLDER)
    assert found[0].url == "https://alice:hunter2@index.example/simple/"
    for text in (repr(found), str(found), f"{found[0]}", found[0].shown, str(UPSTREAMS.show(found))):
        assert "hunter2" not in text
        assert "alice" not in text
        assert "index.example" in text
