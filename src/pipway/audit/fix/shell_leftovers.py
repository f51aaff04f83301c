"""What a deletion leaves behind in a shell: `export && pip …`, `then ; fi`, a function without a body.

`leftovers` asks. What sets nothing any more goes with the sign that joined it; where a command has to stand, `:` does.
"""

from __future__ import annotations

import re

Piece = tuple[int, int, str]

#: before the place: what sets variables, and sets none any more
_WORD = re.compile(r"(?:(?<![\w-])(?:export|set|declare -x|readonly|setenv)|\$env:)\Z", re.IGNORECASE)
#: a line up to its first command, in a Dockerfile, a YAML file or a Makefile
_STARTS = re.compile(
    r"[ \t]*(?:RUN\b(?:[ \t]+--\S+)*|(?:-[ ]+)?(?:run|script|bash|command):|-|@)?[ \t]*", re.IGNORECASE
)
#: before the place: what joins commands or opens a list of them
_SIGN = re.compile(r"(?:&&|\|\||;|\||[({'\"]|(?<![\w-])(?:then|do|else))\Z")
#: behind the place: what joins commands or ends them, past continued lines
_AFTER = re.compile(r"(?:[ \t]|\\\r?\n)*(&&|\|\||;(?!;)|\||[)'\"]|\r?\n|\Z)[ \t]*")
#: the end of a block, and its beginning: with nothing between them the shell finds an error
_ENDS = re.compile(r"\s*(?:(?:fi|done|else|elif)(?![\w-])|\})")
_OPENS = re.compile(r"(?:(?<![\w-])(?:then|do|else)|\)[ \t]*\{)[ \t]*(?:#[^\n]*)?\r?\n\Z")
_LONGEST = 500  # characters of the line above


def segment(text: str, at: int, gone: str) -> Piece | None:
    """The rest of a command of which everything that it set was taken away."""
    behind = _AFTER.match(text, at)
    if gone.endswith("\n") or behind is None:
        return None
    left, sign_start, start = _before(text, at)
    right = behind[1].strip()
    if left is None or (left == "" and right not in ("&&", ";", "||", "|")):
        return None
    if right in ("&&", ";") and left not in ("||", "|") and not _ENDS.match(text, behind.end()):
        return _with_sign(text, start, behind.end(), left)
    if (right in ("", ")", "'", '"') and left in ("&&", ";")) or (right == "||" and left == "&&"):
        return sign_start, at, " " if text[at : at + 1] == "|" else ""
    if left in ("(", "{", "'", '"') and right in ("", ")", "'", '"') and start == at:
        return None  # nothing of a shell
    return start, at, f"{_blank(text, start)}:"


def _blank(text: str, at: int) -> str:
    """What has to stand between a word and the next."""
    return "" if at == 0 or text[at - 1] in " \t\n('\"@" else " "


def _with_sign(text: str, start: int, end: int, left: str) -> Piece:
    """It goes with the sign behind it; with its line, when nothing else is there."""
    line = text.rfind("\n", 0, start) + 1
    more = re.compile(r"\\?\r?\n").match(text, end)
    if left and more is not None and not text[line:start].strip():
        return line, more.end(), ""
    return start, end, _blank(text, start) if left else ""


def _before(text: str, at: int) -> tuple[str | None, int, int]:
    """The sign before a command ("": it is the first of its line; None: there is something else), where that begins
    with its blanks, and where the command does."""
    end = _back(text, at)
    word = _WORD.search(text, max(0, end - 12), end)
    start = at if word is None else word.start()
    end = end if word is None else _back(text, word.start())
    line = text.rfind("\n", 0, end) + 1
    if _STARTS.fullmatch(text, line, end) is not None:
        return "", end, start
    sign = _SIGN.search(text, max(0, end - 5), end)
    if sign is None:
        return None, end, start
    return sign[0], _back(text, sign.start()), start


def _back(text: str, at: int) -> int:
    """Before blanks and line ends that are no ends."""
    while at > 0:
        if text[at - 1] in " \t":
            at -= 1
        elif text[at - 1] == "\n" and (cut := text[:at].removesuffix("\n").removesuffix("\r")).endswith("\\"):
            at = len(cut) - 1
        else:
            break
    return at


def block(text: str, at: int, gone: str) -> Piece | None:
    """`then` without a command is an error."""
    if not gone.endswith("\n") or not _ENDS.match(text, at):
        return None
    if _OPENS.search(text, max(0, at - _LONGEST), at) is None:
        return None
    indentation = gone[: len(gone) - len(gone.lstrip(" \t"))]
    return at, at, f"{indentation}:\n"
