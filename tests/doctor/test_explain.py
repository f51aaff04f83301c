"""What `explain` makes of a log: the most telling cause, the line that shows it, and no guess."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipway.doctor.catalogue import catalogue
from pipway.doctor.explain import explain, named, succeeded, tool_of

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


def test_that_nothing_is_said_is_named_only_where_nothing_is_said() -> None:
    assert "cause-hidden" not in [each.cause.id for each in explain(REFUSED)]
    assert [each.cause.id for each in explain(REFUSED.splitlines()[-1])] == ["cause-hidden"]


def test_what_nobody_knows_is_not_guessed() -> None:
    assert explain("Segmentation fault\n") == []
    assert explain("") == []
    assert named([]) == ""


def test_colours_and_carriage_returns_do_not_hide_it() -> None:
    painted = REFUSED.replace("WARNING", "\x1b[33mWARNING\x1b[0m").replace("407", "\x1b[1m407").replace("\n", "\r\n")
    assert named(explain(painted)) == "proxy-login-required"


@pytest.mark.slow
def test_numbers_hold_where_the_middle_of_a_long_log_is_left_out() -> None:
    text = "Collecting parcel\n" * 200_000 + REFUSED
    found = explain(text)[0]
    assert text.splitlines()[found.number - 1] == found.line


def test_the_index_is_the_one_that_the_log_names_and_no_proxy_is_taken_for_it() -> None:
    refused = "connection broken by 'NewConnectionError('Failed to establish a new connection: [Errno 111] Refused')'"
    found = explain(f"Looking in indexes: https://****@index.example:8443/simple/\nWARNING: Retrying after {refused}\n")
    assert found[0].finding.what == "the index at index.example:8443 cannot be reached: [Errno 111] Refused"
    refused = refused.replace("'NewC", "'ProxyError('Cannot connect to proxy.', NewC")
    found = explain(f"Looking in indexes: https://index.example:8443/simple/\nWARNING: Retrying after {refused}\n")
    assert "index.example" not in found[0].finding.what


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


@pytest.mark.slow
def test_a_hostile_log_takes_no_long_time() -> None:
    began = time.process_time()
    for piece in ("(", "ERROR: " * 3, "Retrying (Retry(", "a" * 50, "': /", "for url: https://a/ "):
        explain(piece * (200_000 // len(piece)))
        explain((piece + "\n") * (200_000 // len(piece)))
    assert time.process_time() - began < 20  # generous: a pattern that backtracks would take minutes


# -- several commands, and what was overcome ---------------------------------------------------------------------------

LOST = "error: Failed to fetch: https://index.example/simple/\n  cause: tunnel error: proxy authorization required\n"
WORKED = "Collecting parcel\nSuccessfully installed parcel-1.0\n"
FULL = "Collecting parcel\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"


def test_the_last_command_that_failed_counts() -> None:
    assert named(explain(REFUSED + FULL)) == "disk-full"
    assert named(explain(FULL + REFUSED)) == "proxy-login-required"
    assert named(explain(FULL + "Using CPython 3.11.7\n" + LOST)) == "proxy-login-required"
    assert named(explain(FULL + REFUSED + WORKED)) == "proxy-login-required"


def test_what_was_overcome_is_no_cause() -> None:
    retry = f"{RETRY}'ConnectionResetError(104, 'Connection reset by peer')': /simple/parcel/\n"
    assert explain(f"Looking in indexes: https://index.example/simple\n{retry}{WORKED}") == []
    assert succeeded(f"{retry}{WORKED}")
    assert (
        named(explain(f"{retry}Collecting parcel\nERROR: No matching distribution found for other\n")) == "cause-hidden"
    )
    assert named(explain(f"{retry}ERROR: No matching distribution found for parcel\n")) == "connection-reset"


def test_a_warning_after_the_end_is_no_cause() -> None:
    check = f"{RETRY}'OSError('Tunnel connection failed: 407 sorry')': /simple/pip/\n"
    assert explain(f"{WORKED}{check}") == []
    assert named(explain(f"{FULL}{check}")) == "disk-full"


def test_nothing_is_said_to_have_worked_that_did_not() -> None:
    for text in ("", "hello\n", REFUSED, FULL, WORKED + FULL, FULL + WORKED, RETRY):
        assert not succeeded(text), text


# -- logs as they are kept ---------------------------------------------------------------------------------------------

KEPT = {
    "github": lambda line: f"2026-11-21T10:00:00.1234567Z {line}",
    "gitlab": lambda line: f"2026-11-21T10:00:00.123456Z 01E {line}",
    "jenkins": lambda line: f"[2026-11-21T10:00:00.123Z] {line}",
    "docker": lambda line: f"#12 3.456 {line}",
    "compose": lambda line: f"build-1  | {line}",
    "painted": lambda line: f"\x1b[31m{line}\x1b[0m",
    "windows": lambda line: f"{line}\r",
    "progress": lambda line: f" 10%\r 99%\r{line}",
}
SAMPLES = [(cause, sample) for cause in catalogue().values() for sample in cause.samples]


@pytest.mark.slow
@pytest.mark.parametrize("kept", KEPT)
def test_samples_are_named_in_logs_as_they_are_kept(kept: str) -> None:
    for cause, sample in SAMPLES:
        plain = explain(sample.text)
        if named(plain) != cause.id:
            continue  # it takes the configuration as well
        lines = sample.text.split("\n")
        found = explain("\n".join(map(KEPT[kept], lines)))
        assert named(found) == cause.id, (kept, sample.text)
        assert found[0].number == plain[0].number, sample.text
        assert found[0].line == plain[0].line


def test_what_pip_says_below_pip_is_read() -> None:
    """It fetches what a build needs by calling itself, and shows what that said indented."""
    said = REFUSED.replace("\n", "\n      ").rstrip()
    text = f"error: subprocess-exited-with-error\n╰─> [4 lines of output]\n      {said}\n      [end of output]\n"
    assert named(explain(text)) == "proxy-login-required"


@pytest.mark.slow
def test_of_two_failures_the_later_is_named_and_never_a_third() -> None:
    """A sample of each cause behind one of every fourth other; most begin with what tells that a command begins."""
    samples = [cause.samples[0].text.strip() for cause in catalogue().values() if cause.samples]
    alone = {sample: named(explain(sample)) for sample in samples}
    pairs = [(first, second) for first in samples[::4] for second in samples]
    later = 0
    for first, second in pairs:
        found = named(explain(f"{first}\n{second}\n"))
        assert found in (alone[first], alone[second]), f"{first}\n{second}"
        later += found == alone[second]
    assert later > 0.6 * len(pairs)


@pytest.mark.slow
def test_two_megabytes_take_little_time() -> None:
    line = "  Downloading https://files.example/5d/e0/parcel-1.0-py3-none-any.whl (100 kB)\n"
    noise = "      ERROR WARNING cause: gcc -pthread -Wall https://index.example/simple/parcel/ Retrying (from x)\n"
    text = (line + noise) * (2_000_000 // len(line + noise)) + REFUSED
    explain(REFUSED)  # the catalogue is read
    began = time.process_time()
    assert named(explain(text)) == "proxy-login-required"
    assert time.process_time() - began < 3  # it is half a second; a collection of what pytest keeps takes one
