"""For people: each finding with its line, a caret below what is meant, what follows from it and what to do."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from pipway.audit.report import Entry, Region, Report, Snippet, named
from pipway.findings import Severity

_COLOURS = {"critical": "1;35", "high": "1;31", "medium": "1;33", "low": "1;36", "info": "1;34"}
_TAB = 4


def write(report: Report, *, colour: bool = False) -> str:
    """Blocks in the manner of compilers, and a last line that counts."""
    paint = _coloured if colour else _plain
    blocks = ["\n".join(_block(entry, paint)) for entry in report.findings]
    return "\n\n".join([*blocks, "\n".join(summary(report))]) + "\n"


def summary(report: Report) -> Iterator[str]:
    """How many of what; and what was left out, which must not look like a clean bill."""
    counts: Counter[str] = Counter(entry.severity for entry in report.findings)
    parts = [f"{counts[each.name.lower()]} {each.name.lower()}" for each in sorted(Severity, reverse=True)]
    many = ", ".join(part for part in parts if not part.startswith("0 "))
    files = f"{report.files} file{'' if report.files == 1 else 's'}"
    total = len(report.findings)
    line = f"{total} finding{'' if total == 1 else 's'} in {files}" + (f": {many}" if many else "")
    for number, what in ((report.suppressed, "suppressed"), (report.baseline, "in the baseline")):
        line += f"; {number} {what}" if number else ""
    yield line
    fixes = [entry.fix for entry in report.findings if entry.fix is not None and not entry.outside]
    safe = sum(fix.safe for fix in fixes)
    if safe:
        yield f"--fix mends {safe} of them"
    if len(fixes) > safe:
        yield f"--unsafe-fixes mends {len(fixes) - safe}{' more' if safe else ''}; look at what it did"
    if any(entry.outside and entry.fix is not None for entry in report.findings):
        yield "--fix leaves the files and variables of this machine to you"
    for reason in report.skipped:
        yield f"not looked at: {named(reason)}"


def _plain(text: str, style: str) -> str:
    return text


def _coloured(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"


def _block(entry: Entry, paint: Callable[[str, str], str]) -> Iterator[str]:
    style = _COLOURS[entry.severity]
    number = _number(entry.at, outside=entry.outside)
    width = max(len(number), *(len(_number(each, outside=each.outside)) for each in entry.related), 0)
    margin = " " * width
    yield f"{paint(f'{entry.severity}[{entry.rule}]', style)}: {paint(entry.what, '1')}"
    yield f"{margin}{paint('-->', '34')} {where(entry)}"
    yield from _marked(entry.snippet, number.rjust(width), "^", "", style, paint)
    for each in entry.related:
        yield f"{margin}{paint(':::', '34')} {_named(each, outside=each.outside)}"
        yield from _marked(
            each.snippet, _number(each, outside=each.outside).rjust(width), "-", each.note, "1;34", paint
        )
    for label, said in _notes(entry):
        yield f"{margin} {paint('=', '34')} {paint(label, '1')}: {said}"


def _notes(entry: Entry) -> Iterator[tuple[str, str]]:
    if entry.consequence:
        yield "note", entry.consequence
    if entry.fix is not None:
        yield ("fix" if entry.fix.safe else "unsafe fix"), entry.fix.title
    if entry.advice:
        yield "help", entry.advice
    yield "rule", f"{entry.name}; pipway audit --explain {entry.rule}"


def where(entry: Entry) -> str:
    """File, line and column; of a variable its name."""
    return _named(entry.at, outside=entry.outside)


def places(entry: Entry) -> list[str]:
    """Its further places in words, for formats that have one place for a finding."""
    return [
        f"see {_named(each, outside=each.outside)}{f': {each.note}' if each.note else ''}" for each in entry.related
    ]


def _named(at: Region, *, outside: bool) -> str:
    return at.path if outside and at.path.isidentifier() else f"{named(at.path)}:{at.line}:{at.column}"


def _number(at: Region, *, outside: bool) -> str:
    return "" if outside and at.path.isidentifier() else str(at.line)


def _marked(
    snippet: Snippet, number: str, sign: str, note: str, style: str, paint: Callable[[str, str], str]
) -> Iterator[str]:
    """A line, and what is meant of it underlined."""
    text, start, width = aligned(snippet)
    bar, margin = paint("|", "34"), " " * len(number)
    yield f"{margin} {bar}"
    yield f"{paint(number, '34')} {bar} {text}"
    yield f"{margin} {bar} {' ' * start}{paint(sign * width + (f' {note}' if note else ''), style)}"


def aligned(snippet: Snippet) -> tuple[str, int, int]:
    """The line with tabs as spaces; the caret's column and width as a terminal counts them."""
    shown, start, end = "", 0, 0
    cells = 0
    for at, char in enumerate(snippet.text):
        if at == snippet.start:
            start = cells
        piece = " " * (_TAB - cells % _TAB) if char == "\t" else char
        shown += piece
        cells += len(piece) if char == "\t" else _cells(char)
        if at < snippet.end:
            end = cells
    if snippet.start >= len(snippet.text):
        start = cells
    return shown, start, max(end - start, 1)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
