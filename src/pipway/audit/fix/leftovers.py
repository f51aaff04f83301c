"""What a deletion leaves behind: an instruction that sets nothing, an empty block, a comma before nothing.

`edits.removal` asks for one deletion, `apply.mended` for all of a file together: two that are right alone may leave
`ENV ` between them. It looks at the text around a deletion, never at a whole file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import PurePosixPath

from pipway.audit.fix.shell_leftovers import block, segment

Piece = tuple[int, int, str]  #: from, to, what comes there

NEAR = 2000  #: characters on each side of a deletion that are looked at
_ROUNDS = 5  # a key goes, then the key above it

#: a line of which only the keyword is left
_BARE = re.compile(
    r"(?i)(?:[ \t]|\\\r?\n)*(?:-[ \t]+)?"
    r"(?:ENV|ARG|RUN|Environment[ \t]*=|export|set|setx|declare -x|readonly|setenv|\$env:)?(?:[ \t\r]|\\\r?\n)*"
)
#: indentation, dashes, the key, and `|` or `>` of a block; nothing else
_YAML_KEY = re.compile(r"( *)((?:- +)*)([\w.\"'-]+):[ \t]*([|>][-+]?)?[ \t]*\r?\n")
_ITEM = re.compile(r"- (?![ ]*[\w-]+:[ \t]*$)|#|[ ]")
_PIP_LIST = re.compile(r"[ ]*-[ ]+pip:[ \t]*(?:#.*)?$")
_SHELL_KEYS = frozenset({"run", "script", "bash", "before_script", "after_script", "command", "commands"})
_INI_KEY = re.compile(r"[ \t]*[\w.-]+[ \t]*[=:][ \t]*\r?\n?")
#: `name = [` before the place and `]` behind it
_TOML_OPEN = re.compile(r"(?m)^[ \t]*([\w-]+)[ \t]*=[ \t]*\[\s*\Z")
_TOML_CLOSE = re.compile(r"\s*,?\s*\][ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
#: lists whose absence says the same as their emptiness; a group of dependencies is another thing
_LISTS = frozenset(
    ("allow-insecure-host", "extra-index-url", "extra-index-urls", "find-links", "ignore-error-codes", "trusted-host")
) | {"dependency-links", "no-binary", "no-binary-package", "no-build-isolation-package"}

_INI = frozenset({".conf", ".ini", ".cfg", ".pypirc", ".pydistutils"})
_JSON = frozenset({".json", ".ipynb", ".lock"})
_NO_SHELL = _INI | _JSON | {".toml", ".txt", ".in", ".py", ".env", ".service", ".condarc"}
_NO_BOURNE_SHELL = frozenset({".ps1", ".psm1", ".bat", ".cmd"})


def swept(path: str, text: str, at: int, gone: str) -> Piece | None:
    """What is to be done at `at`, where `gone` was taken away; None when nothing is left over."""
    pure = PurePosixPath(path)
    suffix, found = pure.suffix.lower() or pure.name, None
    if suffix in (".yml", ".yaml"):
        found = _empty_key(text, at, gone)
    elif suffix in _INI:
        found = _empty_value(text, at, gone)
    elif suffix == ".toml":
        found = _empty_list(text, at)
    elif suffix in _JSON:
        found = _last_comma(text, at)
    if found is None and _is_shell(pure, suffix, text, at, gone):
        found = segment(text, at, gone) or block(text, at, gone)
        if found is not None and ":" in found[2] and suffix in _NO_BOURNE_SHELL:
            return None
    return found or _bare(text, at, gone)


def _is_shell(path: PurePosixPath, suffix: str, text: str, at: int, gone: str) -> bool:
    """Whether a shell reads what stands there: not what conda hands on to pip, and of JSON only commands."""
    if suffix in (".yml", ".yaml"):
        return not _in_pip_list(text, at)
    if suffix == ".json":  # a string of such a file may be a command; a key with its value is none
        return "devcontainer" in path.name and '"' not in gone
    return suffix not in _NO_SHELL


def _in_pip_list(text: str, at: int) -> bool:
    """Whether it is an item of the list `pip:` of an environment.yml."""
    start, _ = _line(text, at)
    depth = _depth(text[start:at])
    above = text[:start].splitlines()
    key = next((line for line in reversed(above) if line.strip() and not _ITEM.match(line[depth:])), "")
    return bool(_PIP_LIST.match(key))


def window(path: str, text: str, at: int, gone: str) -> Piece | None:
    """As `swept`, of a long text: what is far away is not looked at."""
    low = text.rfind("\n", 0, max(0, at - NEAR)) + 1
    low = low if at - low <= 2 * NEAR else at - NEAR
    found = swept(path, text[low : at + NEAR], at - low, gone)
    return None if found is None else (found[0] + low, found[1] + low, found[2])


def settled(path: str, text: str, taken: Iterable[tuple[int, str]]) -> str:
    """`text` without what is left over where something was taken away: places, and what stood there."""
    places = list(taken)
    for _ in range(_ROUNDS):
        found = [(window(path, text, at, gone), at, gone) for at, gone in places]
        pieces = merged({piece for piece, _, _ in found if piece is not None})
        if not pieces:
            break
        moved = shifts(pieces)
        places = [
            (moved(at), gone if piece is None or piece[2] else text[piece[0] : piece[1]] or gone)
            for piece, at, gone in found
        ]
        text = applied(text, pieces)
    return text


def applied(text: str, pieces: Iterable[Piece]) -> str:
    """The text with these pieces, which are in order and apart."""
    parts, at = [], 0
    for start, end, new in pieces:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def shifts(pieces: Sequence[Piece]) -> Callable[[int], int]:
    """Where a place of the old text is in the new one."""
    starts = [start for start, _, _ in pieces]
    added = [0, *accumulate(len(new) - (end - start) for start, end, new in pieces)]

    def moved(place: int) -> int:
        number = bisect_right(starts, place)
        if number and place < pieces[number - 1][1]:  # within what went
            return starts[number - 1] + added[number - 1]
        return place + added[number]

    return moved


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """In order; those that share something are one."""
    whole: list[Piece] = []
    for piece in sorted(pieces):
        last = whole[-1] if whole else None
        if last is not None and piece[0] < last[1]:
            whole[-1] = (last[0], max(last[1], piece[1]), last[2] or piece[2])
        else:
            whole.append(piece)
    return whole


def _line(text: str, at: int) -> tuple[int, int]:
    """Where the line begins and where the next one does."""
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end + 1


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _empty_key(text: str, at: int, gone: str) -> Piece | None:
    """A key without its only child would be null, which few readers take for empty; a step has to have a command."""
    start, end = _line(text, at)
    if at != start:
        return _empty_scalar(text, start, end)
    top = start
    while top > 0:
        above, _ = _line(text, top - 1)
        if not text[above:top].strip().startswith("#") and text[above:top].strip():
            break
        top = above
    else:
        return None
    key = _YAML_KEY.fullmatch(text, above, top)
    child = gone.lstrip("\r\n")
    if key is None or (key[4] and key[3] not in _SHELL_KEYS):
        return None
    depth, inside = len(key[1]) + len(key[2]), _depth(child)
    listed = child.lstrip(" ").startswith("- ")
    following = next((line for line in text[at:].splitlines() if line.strip() and not _is_comment(line)), "")
    same = inside == depth and listed and following.lstrip(" ").startswith("- ")
    if inside < depth or (inside == depth and not listed) or same or (following and _depth(following) > depth):
        return None
    if key[3] in _SHELL_KEYS and (listed or key[4]):
        return at, at, " " * inside + ('- ":"\n' if listed else ":\n")
    if key[2] and following and _depth(following) == depth and not following.lstrip(" ").startswith("- "):
        return key.end(2), at + depth, ""  # the next key takes its place behind the dash
    return above, at, ""


def _empty_scalar(text: str, start: int, end: int) -> Piece | None:
    """`run: ` has lost its command."""
    key = re.fullmatch(r"[ ]*(?:- +)?([\w-]+):[ ]*(export[ ]*|set[ ]*)?[ ]*(\r?\n)?", text[start:end])
    if key is None or key[1] not in _SHELL_KEYS:
        return None
    from_ = start + (key.start(2) if key[2] else len(key[0].rstrip()))
    return from_, start + (key.start(3) if key[3] else len(key[0])), '":"' if key[2] else ' ":"'


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _empty_value(text: str, at: int, gone: str) -> Piece | None:
    """A key of an INI file whose values all went."""
    start, end = _line(text, at)
    if at == start and gone[:1] in (" ", "\t") and start > 0:
        start, end = _line(text, start - 1)
    if _INI_KEY.fullmatch(text, start, end) is None or text[end : end + 1] in (" ", "\t"):
        return None
    return start, end, ""


def _empty_list(text: str, at: int) -> Piece | None:
    opened = _TOML_OPEN.search(text[:at])
    closed = _TOML_CLOSE.match(text, at)
    if opened is None or closed is None or opened[1].replace("_", "-") not in _LISTS:
        return None
    return opened.start(), closed.end(), ""


def _last_comma(text: str, at: int) -> Piece | None:
    """JSON has none behind the last one."""
    before = text[:at].rstrip()
    if before.endswith(",") and text[at:].lstrip()[:1] in ("}", "]"):
        return len(before) - 1, len(before), ""
    return None


def _bare(text: str, at: int, gone: str) -> Piece | None:
    """An instruction whose last variable went."""
    if gone.endswith("\n"):
        return None
    start, end = _line(text, at)
    while start > 1 and text[:start].rstrip("\r\n").endswith("\\") and text[start - 1] == "\n":
        start = _line(text, start - 1)[0]
    while end < len(text) and text[:end].rstrip("\r\n").endswith("\\"):
        end = _line(text, end)[1]
    said = text[start:end].rstrip("\n")
    return (start, end, "") if said.strip() and _BARE.fullmatch(said) else None
