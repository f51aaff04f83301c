"""Logs as they are kept: encodings, prefixes of continuous integration, progress bars; and the number of each line."""

from __future__ import annotations

import codecs

import pytest

from pipway.doctor.log import decoded, read

LINE = "ERROR: No matching distribution found for parcel"
STAMP = "2026-11-21T10:00:00"


@pytest.mark.parametrize(
    "prefix",
    [
        f"{STAMP}.0000000Z ",
        f"build\tRun pip install\t{STAMP}.1234567Z ",
        f"{STAMP}.1234567Z ##[error]",
        f"{STAMP}.123456Z 00O ",
        f"{STAMP}.123456Z 01E+",
        f"{STAMP},123 ",
        f"[{STAMP}.123Z] ",
        f"[{STAMP}.123Z] [pip] ",
        "10:00:00  ",
        "[10:00:00] ",
        "2026-11-21 10:00:00+0100 ",
        "#12 3.456 ",
        "3.456 ",
        "web-1  | ",
        f"web-1  | {STAMP}Z ",
        "Nov 21 10:00:00 host.example build[123]: ",
        "      ",
        "pip.exe : ",
        "\x1b[31m",
        f"\x1b_bk;t=1795255200000\x07{STAMP}Z \x1b[1;31m",
        "section_start:1795255200:step_script\r\x1b[0K",
    ],
)
def test_what_others_put_in_front_is_taken_away(prefix: str) -> None:
    log = read(f"hello\n{prefix}{LINE}\r\nbye\n")
    at = log.text.index("ERROR: ")
    assert log.text[at - 1] == "\n", log.text
    assert log.line(at) == LINE
    assert log.number(at) == 2


@pytest.mark.parametrize(
    "line",
    [
        "  cause: Connection refused (os error 111)",
        "             Got        495667f6",
        "    | HTTPSConnectionPool(host='index.example', port=443)",
        "╰─> ('Unable to connect to proxy', OSError())",
        "[Errno 111] Connection refused",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
        " + parcel==1.0",
        "3.11 parcel",
    ],
)
def test_what_an_installer_writes_is_left_alone(line: str) -> None:
    assert read(line).text == line


def test_a_progress_bar_is_as_many_lines_as_it_wrote_over_itself_and_has_one_number() -> None:
    log = read("one\n 10%\r 50%\rWARNING: late\nthree\n")
    assert log.number(log.text.index("WARNING")) == 2
    assert log.line(log.text.index("WARNING")) == "WARNING: late"
    assert log.number(log.text.index("three")) == 3


@pytest.mark.slow
def test_numbers_are_those_of_the_whole_log() -> None:
    text = "".join(f"line {number}\n" for number in range(1, 400_001))
    log = read(text)
    assert len(log.text) < len(text)
    for wanted in ("line 1\n", "line 2000\n", "line 399000\n", "line 400000\n"):
        assert log.number(log.text.index(wanted)) == int(wanted.split()[1])


@pytest.mark.parametrize(
    "data",
    [
        LINE.encode(),
        codecs.BOM_UTF8 + LINE.encode(),
        codecs.BOM_UTF16_LE + LINE.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + LINE.encode("utf-16-be"),
        LINE.encode("utf-16-le"),
        LINE.encode("utf-16-be"),
    ],
)
def test_encodings(data: bytes) -> None:
    assert decoded(data) == LINE


def test_bytes_that_are_no_text_are_kept_as_they_can_be() -> None:
    assert decoded(b"Verbindungsaufbau \xe4\xf6 " + LINE.encode()).endswith(LINE)
    assert decoded(b"") == ""
    assert decoded(codecs.BOM_UTF16_LE + b"a\x00b") == "a\ufffd"
