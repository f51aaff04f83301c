"""What `explain` makes of a log: the most telling cause, the line that shows it, and no guess."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from pipway.doctor.explain import explain, named, tool_of

RETRY = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by "
REFUSED = f"""Looking in indexes: https://index.example/simple
{RETRY}'OSError('Tunnel connection failed: 407 Proxy Authentication Required')': /simple/parcel/
ERROR: Could not find a version that satisfies the requirement parcel (from versions: none)
ERROR: No matching distribution found for parcel
"""


def test_the_line_that_shows_it_is_given_with_its_number() -> None:
    found = explain(REFUSED)[0]
    assert found.cause.id == "proxy-login-required"
    assert found.number == 2
    assert found.line.startswith("WARNING: Retrying")


def test_what_nobody_knows_is_not_guessed() -> None:
    assert explain("Segmentation fault\n") == []
    assert explain("") == []
    assert named([]) == ""


def test_colours_and_carriage_returns_do_not_hide_it() -> None:
    painted = REFUSED.replace("WARNING", "\x1b[33mWARNING\x1b[0m").replace("407", "\x1b[1m407").replace("\n", "\r\n")
    assert named(explain(painted)) == "proxy-login-required"


def test_numbers_hold_where_the_middle_of_a_long_log_is_left_out() -> None:
    text = "Collecting parcel\n" * 200_000 + REFUSED
    found = explain(text)[0]
    assert text.splitlines()[found.number - 1] == found.line


def test_who_printed_it() -> None:
    assert tool_of(REFUSED) == "pip"
    assert tool_of("error: Failed to fetch: `https://index.example/simple/parcel/`\n") == "uv"
    assert tool_of("Resolving dependencies...\n") == "poetry"
    assert tool_of("hello\n") == ""


def test_a_signature_of_one_tool_is_not_seen_in_the_output_of_another() -> None:
    text = "Looking in indexes: https://index.example/simple\ntunnel error: proxy authorization required\n"
    assert named(explain(text, tool="pip")) == ""
    assert named(explain(text, tool="uv")) == "proxy-login-required"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=2000))
def test_anything_is_read(text: str) -> None:
    explain(text)


def test_a_hostile_log_takes_no_long_time() -> None:
    began = time.process_time()
    for piece in ("(", "ERROR: " * 3, "Retrying (Retry(", "a" * 50, "': /", "for url: https://a/ "):
        explain(piece * (200_000 // len(piece)))
        explain((piece + "\n") * (200_000 // len(piece)))
    assert time.process_time() - began < 20  # generous: a pattern that backtracks would take minutes
