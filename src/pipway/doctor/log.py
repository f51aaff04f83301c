"""A log as it was kept, turned into what the installer wrote: decoded, without colours and without others' prefixes.

`explain` reads the result. Pure; the number of each line in the log as it was given is kept.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from dataclasses import dataclass

_HEAD, _TAIL = 262_144, 1_835_008  # characters kept of a long log: its beginning and its end
_LONGEST_LINE = 8192
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[\]_P^X][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])|\x1b|[\x00\x07\ufeff]"
)

_DAY = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_STREAM = r"(?: \d\d[OE](?:\+|(?= |$)))?"  # GitLab
#: What continuous integration, containers, journals and shells put in front of a line; several may follow one another.
_PREFIX = re.compile(
    "|".join(
        (
            rf"\[?{_DAY}[T ]{_TIME}(?:Z|[+-]\d\d:?\d\d)?\]?{_STREAM}(?: |\t|$|(?<=\+))",  # GitHub, pip --log
            rf"\[?{_TIME}\]?(?:  ?|\t|$)",  # Jenkins' timestamper
            rf"[A-Z][a-z]{{2}} [ \d]\d {_TIME} \S{{1,100}} [^\s\[:]{{1,60}}(?:\[\d{{1,9}}\])?: ",  # syslog, journalctl
            r"section_(?:start|end):\d{1,12}:\S{1,100}",  # GitLab
            r"##\[[a-z]{1,20}\]|::(?:error|warning|notice|debug)(?: [^:\n]{0,200})?::",  # GitHub and Azure
            r"#\d{1,5} (?:\d{1,6}\.\d{1,3} )?|\d{1,6}\.\d{3} ",  # docker build
            r"[A-Za-z0-9][\w.-]{0,60} {1,30}\| ",  # docker compose
            r"\[[A-Za-z][\w .-]{0,60}\] (?=[A-Z][a-z]+ing |WARNING: |ERROR: |error: |Looking in )",  # branches
            r"[^\t\n]{1,80}\t[^\t\n]{1,80}\t(?=\ufeff?\d{4}-)",  # gh run view --log: job, step
            r"(?:python|pip|uv|poetry|pipenv|conda)[\d.]{0,6}(?:\.exe)? : ",  # PowerShell 5
            r"[ \t]{2,14}(?=(?:ERROR|WARNING): |Looking in (?:indexes|links)|No matching)",  # pip below pip
        )
    )
)
_PROGRESS = re.compile(r"\d%|[━█╸╺]|\d [kMG]?i?B/s|\beta \d|^[\s\\|/⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏-]*$")
_PREFIXES = 4  # in front of one line


@dataclass(frozen=True, slots=True)
class Log:
    """What was written, and where each line of it stands in the log."""

    text: str
    _starts: tuple[int, ...]
    _numbers: tuple[int, ...]

    def number(self, position: int) -> int:
        """The line, 1-based, of the log as it was given."""
        return self._numbers[bisect_right(self._starts, position) - 1]

    def line(self, position: int) -> str:
        """That line, as the installer wrote it."""
        start = self._starts[bisect_right(self._starts, position) - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].strip()


def decoded(data: bytes) -> str:
    """Text of a file: UTF-8, or UTF-16 as PowerShell's `>` writes it, with or without its mark."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[2:].decode(encoding, "replace")
    head = data[:4096]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) > 3 and head[first::2].count(0) > len(head) * 0.4:
            return data.decode(encoding, "replace")
    return data.decode("utf-8-sig", "replace")


def read(text: str) -> Log:
    """The log without what is not the installer's; of a very long one, the beginning and the end."""
    left_out = 0
    if len(text) > _HEAD + _TAIL:
        left_out = text.count("\n", _HEAD, len(text) - _TAIL)
        text = text[:_HEAD] + text[-_TAIL:]
    kept = text.count("\n", 0, _HEAD) if left_out else 0
    lines: list[str] = []
    starts: list[int] = []
    numbers: list[int] = []
    position = 0
    for number, line in enumerate(text.split("\n")):
        for piece in _pieces(line):
            lines.append(piece)
            starts.append(position)
            numbers.append(number + 1 + (left_out if number > kept else 0))
            position += len(piece) + 1
    return Log("\n".join(lines), tuple(starts), tuple(numbers))


def _pieces(line: str) -> list[str]:
    """One line as a terminal got it: a progress bar writes over itself with carriage returns, and is left out."""
    line = line.rstrip("\r")
    if "\x1b" in line or "\x00" in line or "\x07" in line or "\ufeff" in line:
        line = _ESCAPES.sub("", line)
    pieces = [line]
    if "\r" in line:
        pieces = [each for each in line.split("\r") if not _PROGRESS.search(each[:1000])] or [""]
    return [_without_prefix(each[:_LONGEST_LINE]) for each in pieces]


def _without_prefix(line: str) -> str:
    for _ in range(_PREFIXES):
        found = _PREFIX.match(line)
        if found is None:
            break
        line = line[found.end() :]
    return line
