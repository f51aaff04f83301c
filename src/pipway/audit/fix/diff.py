"""What a repair would change, as a unified diff that `patch` applies, unless something in it had to be hidden.

`pipway audit --diff` prints it. Every line goes through the same veil as a finding, those around a change as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator

from pipway.audit.fix.apply import OTHERS, Mended
from pipway.clients.diff import hide
from pipway.redact import HIDDEN, printable

WIDEST = 4000  #: characters of a line; of a longer one only its length is shown
NO_PATCH = "# something in this file is hidden: it shows the change, and does not apply as a patch\n"
_MARK = "\ufeff"

Hide = Callable[[str], str]


def unified(changed: Iterable[Mended], veil: Hide) -> str:
    """All files that change, "" when none does."""
    return "".join("".join(_file(each, veil)) for each in changed)


def _file(each: Mended, veil: Hide) -> Iterator[str]:
    path = printable(hide(each.source.path)).replace("\n", "\N{REPLACEMENT CHARACTER}")
    if each.closed and (mode := each.source.mode) is not None:
        yield f"# {path}: mode {mode:04o} becomes {mode & ~OTHERS:04o}\n"
        if each.after == each.source.text:
            return
    plain = (_lines(each.source.text), _lines(each.after))
    veiled = (_veiled(plain[0], veil), _veiled(plain[1], veil))
    lines = list(difflib.unified_diff(*veiled, path, path))
    if lines != list(difflib.unified_diff(*plain, path, path)):
        yield NO_PATCH
    if not lines:
        yield f"--- {path}\n+++ {path}\n# only what is hidden here differs\n"
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Only what `patch` takes for a line's end ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    return lines if lines[-1] else lines[:-1]


def _veiled(lines: list[str], veil: Hide) -> list[str]:
    """Each line, and what is a secret only beside the one before it."""
    ends = ["\r\n" if line.endswith("\r\n") else "\n" if line.endswith("\n") else "" for line in lines]
    shown = [_one(line[: len(line) - len(end)], veil) for line, end in zip(lines, ends, strict=True)]
    mark = _MARK if shown and lines[0].startswith(_MARK) else ""
    together = hide("\n".join(shown)).split("\n")
    if len(together) != len(shown):
        together = [HIDDEN] * len(shown)
    return [*(mark * (not at) + line + end for at, (line, end) in enumerate(zip(together, ends, strict=True)))]


def _one(line: str, veil: Hide) -> str:
    if len(line) > WIDEST:
        return f"[a line of {len(line)} characters]"
    return veil(line.removeprefix(_MARK))
