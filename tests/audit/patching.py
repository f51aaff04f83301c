"""What `patch` does with a unified diff, for tests that hold a diff against what is written."""

from __future__ import annotations

import re

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@\n")


def applied(diff: str, path: str, text: str) -> str:
    """`text`, the file at `path`, with its part of a diff; every line that the diff names has to be there."""
    head = f"--- {path}\n+++ {path}\n"
    if head not in diff:
        return text
    part = re.split(r"(?<=\n)(?=--- |# )", diff.partition(head)[2])[0]
    old = [line for line in re.split(r"(?<=\n)", text) if line]
    new: list[str] = []
    at, lines = 0, re.split(r"(?<=\n)", part)
    for number, line in enumerate(lines):
        bare = number + 1 < len(lines) and lines[number + 1].startswith("\\ No newline")
        said = line[1:].removesuffix("\n") if bare else line[1:]
        if hunk := _HUNK.fullmatch(line):
            begin = int(hunk[1]) - (hunk[2] != "0")
            new += old[at:begin]
            at = begin
        elif line[:1] in (" ", "-"):
            assert old[at] == said
            new += [said] if line[0] == " " else []
            at += 1
        elif line[:1] == "+":
            new.append(said)
    return "".join(new + old[at:])
