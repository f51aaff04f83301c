"""Changes as people read them: unified, and without secrets.

`configure --dry-run` and `doctor` print it. Secrets are hidden before lines are compared, so a diff shows none at all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from pipway.clients.base import Change
from pipway.redact import HIDDEN, printable, redact

# Stricter than `redact`, which reads running text: in configuration "//" begins a URL and an "@" on the same line ends
# its userinfo, whatever unencoded characters (space, #, /) somebody left in the password.
_URL = re.compile(r"(?<=//)[^\n\"'<>]*@(?=[^\n\s/@]*)")
# But for a revision: git+https://host/path@v1. Its host has a dot and no port, and no path follows, as after a login.
_REVISION = re.compile(
    r"((?<![\w+.-])(?:git|hg|svn|bzr)\+[a-z]{2,5}://(?:[\w-]{1,40}@)?[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}/[^\s:@\"'<>]{1,400})"
    r"@(?=[\w.+-]{1,100}(?![^\s\"'#;,)\]}]))"
)
_AT = "\0"  # what stands for the @ of a revision while logins are looked for; no text that is shown has it
_BARE = re.compile(r"(?m)(?<![^\s=:,\"'])[^\s\"'/=:@]+:(?!//)[^\s\"']*@(?=[\w\[])")  # user:password@host, no scheme
_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|(?:\w+[-_.])?(?:token|secret|api[-_]?key|password)|account)"
_KEY = re.compile(rf"(?im)^([ \t]*(?:[\w.\"'-]*?)\b{_NAMES}[\"']?[ \t]*[=:][ \t]*)(\S[^\n]*)$")
_INLINE = re.compile(
    rf"(?i)([{{,][ \t]*[\"']?(?:[\w-]*[-_])?{_NAMES}[\"']?[ \t]*[=:][ \t]*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,}}]+)"
)
_NETRC = re.compile(r"(?i)(?<!\S)((?:password|account)\s+)(?![=:])(\"[^\"\n]*\"|\S+)")
_OF_NETRC = re.compile(r"(?im)^[ \t]*(?:machine|default|login|password|account)\s")  # not a sentence about passwords


def hide(text: str) -> str:
    """What a configuration file, or a value of one, says, without its secrets, and harmless to a terminal. Line breaks
    stay where they are."""
    text = _REVISION.sub(rf"\1{_AT}", text)
    text = _URL.sub(f"{HIDDEN}@", text).replace(_AT, "@")
    text = _BARE.sub(f"{HIDDEN}@", text)
    text = _KEY.sub(rf"\1{HIDDEN}", text)
    text = _INLINE.sub(rf"\1{HIDDEN}", text)
    if _OF_NETRC.search(text):
        text = _NETRC.sub(rf"\1{HIDDEN}", text)
    return printable(redact(text))


def diff(changes: Iterable[Change]) -> str:
    """A unified diff of all `changes`, "" when nothing changes."""
    return "".join(filter(None, map(_one, changes)))


def _one(change: Change) -> str:
    if change.before == change.after:
        return ""
    before, after = _lines(change.before), _lines(change.after)
    old = "/dev/null" if change.before is None else str(change.path)
    new = "/dev/null" if change.after is None else str(change.path)
    lines = list(difflib.unified_diff(before, after, old, new))
    if not lines:
        return f"--- {old}\n+++ {new}\n# only what is hidden here, or the line ends, differ\n"
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(content: bytes | None) -> list[str]:
    """As shown: an encoding that is not UTF-8 becomes readable."""
    text = (content or b"").decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return hide(text).splitlines(keepends=True)
