"""Which commands a log holds and how each ended."""

from __future__ import annotations

import pytest

from pipway.doctor.attempts import Outcome, attempts, told

RETRY = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'RemoteDisconnected()': /simple/"
FAILED = f"{RETRY}parcel/\nERROR: No matching distribution found for parcel\n"
WORKED = "Collecting parcel\nSuccessfully installed parcel-1.0\n"
UV_FAILED = "Using CPython 3.11.7\nerror: Failed to fetch: `https://index.example/simple/parcel/`\n  cause: no\n"
UV_WORKED = "Resolved 1 package in 5ms\nInstalled 1 package in 1ms\n + parcel==1.0\n"


def outcomes(text: str) -> list[str]:
    return [each.outcome.value for each in attempts(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (FAILED, ["failed"]),
        (WORKED, ["succeeded"]),
        (UV_FAILED, ["failed"]),
        (UV_WORKED, ["succeeded"]),
        ("hello\n", ["unknown"]),
        (f"{RETRY}parcel/\n", ["unknown"]),
        (FAILED + FAILED, ["failed", "failed"]),
        (FAILED + WORKED, ["failed", "succeeded"]),
        (WORKED + FAILED, ["succeeded", "failed"]),
        (UV_WORKED + UV_FAILED + FAILED + WORKED, ["succeeded", "failed", "failed", "succeeded"]),
        ("Requirement already satisfied: parcel in ./lib\n", ["succeeded"]),
        ("Requirement already satisfied: parcel in ./lib\nERROR: Cannot install x\n", ["failed"]),
        ("Writing lock file\n  - Installing parcel (1.0): Failed\n", ["succeeded", "failed"]),
        ("ERROR: Failed building wheel for parcel\nSuccessfully installed parcel-1.0\n", ["succeeded"]),
    ],
)
def test_how_each_ended(text: str, wanted: list[str]) -> None:
    assert outcomes(text) == wanted


def test_attempts_are_the_whole_text_in_order() -> None:
    text = UV_WORKED + UV_FAILED + FAILED + WORKED
    found = attempts(text)
    assert "".join(text[each.begin : each.end] for each in found) == text


def test_retries_for_what_came_later_are_passed_over() -> None:
    text = f"{RETRY}parcel/\nCollecting parcel>=1\n{RETRY}other/\nERROR: No matching distribution found for other\n"
    (only,) = attempts(text)
    said = told(text, only)
    assert len(said) == len(text)
    assert "/simple/parcel/" not in said
    assert "/simple/other/" in said


def test_retries_of_a_file_that_came_later_are_passed_over() -> None:
    retry = RETRY.replace("/simple/", "/files/my_parcel-1.0-py3-none-any.whl")
    text = f"Collecting other\n{retry}\nDownloading my_parcel-1.0-py3-none-any.whl (1 kB)\nERROR: Exception:\n"
    assert "Retrying" not in told(text, attempts(text)[0])


def test_of_what_worked_only_what_was_installed_is_told() -> None:
    text = f"{RETRY}parcel/\n{WORKED}{RETRY}pip/\n"
    assert told(text, attempts(text)[0]).split() == ["Successfully", "installed", "parcel-1.0"]


def test_there_is_an_end_to_attempts() -> None:
    found = attempts(FAILED * 500)
    assert len(found) < 50
    assert (found[0].begin, found[-1].end) == (0, len(FAILED) * 500)
    assert found[-1].outcome is Outcome.FAILED
