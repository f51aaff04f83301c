"""Files after an accident, or after an enemy was there: one of the seeds, and what is done to its bytes.

A change is four numbers, so that hypothesis can make them small and a long run can draw them quickly.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.audit.casefile import Case, read

from pipway.audit.collect import Collector, collectors
from pipway.audit.collect.files import modules

HERE = Path(__file__).parent
Change = tuple[int, int, int, int]  #: what, from where, how much, which piece

#: What a reader of some kind stumbles over. All of them meet all kinds.
PIECES: tuple[str | bytes, ...] = (
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b"\t", b"\x0b\x0c\x85", b"\xc2\x85"),
    *("\u2028", "\u00a0", "\N{ROCKET}", "\u0130", "e\u0301", "\u202e", "\x1b[2J", "\\ud800", "\\u0041", "\\U0010ffff"),
    *('"', "'", '"""', "'''", "`", "\\", "\\\n", "$(", "$((", "))", "${", "}", "`x`", "$'\\x41'", "<<EOF\n", "EOF\n"),
    *("<(", "((", "$x", "$((1 +", "$'", "case x in\n", "esac", "; do", "&& ", " | ", "#", " # x", "%(x)s", "%%"),
    *("[", "]", "{", "}", "[[a]]\n", "[a.b.c]\n", "a.b.c = 1\n", "[" * 70, "{a:" * 70, "- " * 70, "$(" * 70, "(" * 70),
    *("&a ", "*a", "<<: *a\n", "!!python/object:x ", "!x ", "? ", "--- ", "...\n", "|+2\n", ">-\n",),
    *("{{ x }}", "${{ x }}"),
    *("= {", "= [", "1e999", "9" * 5000, "0x" + "f" * 400, "-0", "nan", "1979-05-27", "x" * 70_000, " " * 3000),
    *("# escape=`\n", "# syntax=x\n", "--mount=type=x ", "ONBUILD ", "ENV a", "FROM x\n", "COPY <<a <<b /\n", "!"),
    *("%%bash\n", " ;", "-e ", "--", "true"),
    *("machine h", "default", "macdef x\n", "-r other.txt\n", "-r seed\n", "--hash=sha256:00 ", "@ "),
    *("http://u:pass word@h/", "https://[::1", "http://[x]/", "//", "://", ":", "=", "==", ",", ", ", "@", "file:///x"),
    *("http://nexus.corp/simple/", "--index-url ", "--trusted-host ", "--pre", "PIP_INDEX_URL=", "index-url = "),
    *('{"cells": 1}', '{"cells": [1, {"source": {"a": [[]]}}]}', "null", "/*", "//", "a:\n  - b:\n"),
    *("# pipway: ignore[PW101] ", "# pipway: ignore", "allow PW101 until=2020-01-01"),
    *("global", "[global]\n", "-----BEGIN CERTIFICATE-----\n"),
)  # fmt: skip
BYTES = tuple(piece.encode() if isinstance(piece, str) else piece for piece in PIECES)


@cache
def seeds() -> dict[str, tuple[tuple[str, bytes], ...]]:
    """For each collector, by the name of its module, files that it reads: of all cases, and those of seeds.case."""
    files = {(name, text) for case in _cases() for name, text in (*case.files.items(), *case.fixed.items())}
    found: dict[str, tuple[tuple[str, bytes], ...]] = {}
    for collector in collectors():
        mine = ((name, text.encode()) for name, text in sorted(files) if _matches(collector, name, text))
        found[module(collector)] = tuple(mine)
    return found


def _cases() -> list[Case]:
    return [read(path) for path in (HERE / "seeds.case", *sorted(HERE.parent.glob("cases/*/*.case")))]


def _matches(collector: Collector, name: str, text: str) -> bool:
    return module(collector) in modules(name, text[:1024])


def module(collector: Collector) -> str:
    """Its name, without the package's."""
    return str(getattr(collector, "__name__", "")).rpartition(".")[2]


def spoiled(raw: bytes, changes: list[Change], others: bytes) -> bytes:
    """What becomes of a file. `others` is a file of another kind, pieces of which get in."""
    for what, start, much, which in changes:
        raw = _spoiled(raw, what % 12, start, much, which, others)
    return raw[: 1 << 18]


def _spoiled(raw: bytes, what: int, start: int, much: int, which: int, others: bytes) -> bytes:
    place = start % (len(raw) + 1)
    if what <= 3:  # a piece comes in, often in the place of something
        size = much % 12 if what % 2 else 0
        return raw[:place] + BYTES[which % len(BYTES)] + raw[place + size :]
    if what == 4:
        return raw[:place] + bytes([which % 256]) + raw[place + 1 :]
    if what == 5:
        return raw[:place] if which % 4 else raw[place:]
    if what == 6:
        return raw[:place] + raw[place + much % 40 :]
    if what == 7:  # a piece comes again and again
        return raw[:place] + raw[place : place + 1 + much % 60] * (which % 60) + raw[place:]
    if what == 8:
        begin = much % (len(others) + 1)
        return raw[:place] + others[begin : begin + which % 200] + raw[place:]
    if what == 9:
        return raw.replace(b"\n", (b"\r\n", b"\r", b"\n\n", b"\\\n", b" \n")[which % 5])
    return _lines(raw, what, start, much, which)


def _lines(raw: bytes, what: int, start: int, much: int, which: int) -> bytes:
    """A line twice, in another's place, in another depth, or gone."""
    lines = raw.splitlines(keepends=True) or [b""]
    one, other = start % len(lines), much % len(lines)
    if what == 10:
        lines[one], lines[other] = lines[other], lines[one]
    elif which % 4 == 0:
        del lines[one]
    elif which % 4 == 1:
        lines.insert(other, lines[one])
    elif which % 4 == 2:
        lines[one] = b" " * (much % 9) + lines[one]
    else:
        lines[one] = lines[one].lstrip()
    return b"".join(lines)
