"""Secrets on command lines: `-p VALUE` of twine, `-u NAME:VALUE` of curl, `poetry config http-basic.…`.

`report.Veil` asks it for every line that is shown, also for lines of which no fact is known. It errs on the side of
hiding; what only names where a value comes from (`$TOKEN`) stays.
"""

from __future__ import annotations

import re

from pipway.audit.queries.logins import is_filled_in
from pipway.redact import HIDDEN

_VALUE = r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"'|;&]+)"
_BEFORE = r"[^\n|;&]{0,400}?"
_NAMED = r"(?:password|passwd|passphrase|token|secret|api-?key|auth|credentials?)"
_UPLOADS = (
    r"(?:uv|twine|flit|poetry|pdm|hatch)[ \t]+(?:publish|upload)|uv[ \t]+auth|sshpass|"
    r"(?:docker|podman|buildah|nerdctl|helm[ \t]+registry)[ \t]+login"
)
_SETTING = r"(?:http-basic\.\S{1,100}[ \t]+\S{1,100}|\S{0,100}(?:token|password)\S{0,100})"
_KNOWN = tuple(
    re.compile(f"(?P<lead>{lead}){_VALUE}", re.IGNORECASE)
    for lead in (
        rf"(?<![\w-])--(?:\w{{1,30}}-){{0,3}}{_NAMED}(?:=|[ \t]+)(?![-=])",
        rf"\b(?:curl|wget|https?)\b{_BEFORE}[ \t](?:-u|--user|--proxy-user)(?:=|[ \t]*)[\"']?[^\s:\"']*:",
        rf"\b(?:{_UPLOADS})\b{_BEFORE}[ \t]-[pta][ \t=]*(?![-=])",
        rf"\bconfig[ \t]+(?:--?[\w-]+[ \t]+|set[ \t]+){{0,5}}{_SETTING}[ \t]+",
        r"(?<![\w$])(?:\w{1,40}_)?PW=",
        r"(?<!\w)(?:machine[ \t]+\S+|default|login[ \t]+\S+)[ \t]+(?:password|account)[ \t]+",
    )
)
_SIGNS = re.compile(r"(?i)--|[ \t]-[uptaPU]|config|pw=|password[ \t]|account[ \t]")


def hide_arguments(text: str) -> str:
    """`text`, one line, without the secrets that a program is given by name."""
    if not _SIGNS.search(text):
        return text
    for pattern in _KNOWN:
        for _ in range(3):  # several of one command
            shown = pattern.sub(_hidden, text)
            if shown == text:
                break
            text = shown
    return text


def _hidden(found: re.Match[str]) -> str:
    value = found["value"].strip("\"'")
    return found[0] if HIDDEN in value or is_filled_in(value) else f"{found['lead']}{HIDDEN}"
