"""Secrets on command lines: `-p VALUE` of twine, `-u NAME:VALUE` of curl, `poetry config http-basic.…`, a header, a
variable in quotes, a token that everybody knows by its beginning.

`report.Veil` asks it for every line that is shown, also for lines of which no fact is known. It errs on the side of
hiding; what only names where a value comes from (`$TOKEN`) stays.
"""

from __future__ import annotations

import re

from pipway.audit.queries.logins import is_filled_in
from pipway.redact import HIDDEN

# In a string of JSON or YAML a quote has a backslash before it. What follows a quoted piece at once belongs to it.
_QUOTED = r"(?:\\\"(?:[^\"\\]|\\[^\"])*+\\\"|\"[^\"]*\"|'[^']*')"
_PLAIN = r"[^\s\"'|;&]"
_WORD = rf"(?:{_QUOTED}(?:{_QUOTED}|[^\s\"'|;&,\])\\}}])*+|(?:(?!\\[\"']){_PLAIN})++(?:\"[^\"\s,:]*\")?)"
_GIVEN = r"(?:\$\w+|\$\{\w+\}|\$\{\{[^}]{0,200}\}\})"
#: not what is hidden already, nor only a name: a further option of the same command is looked for behind it
_NEW = rf"(?!\\?[\"']?\[hidden\])(?!\\?[\"']?{_GIVEN}\\?[\"']?(?:[\s;|&),]|$))"
_BEFORE = r"[^\n|;&]{0,400}?"
_NAMED = r"(?:password|passwd|passphrase|token|secret|api-?key|auth|credentials?|bearer)"
_UPLOADS = (
    r"(?:uv|twine|flit|poetry|pdm|hatch)[ \t]+(?:publish|upload)|uv[ \t]+auth|sshpass|"
    r"(?:docker|podman|buildah|nerdctl|helm[ \t]+registry)[ \t]+login"
)
_SETTING = r"(?:http-basic\.\S{1,100}[ \t]+\S{1,100}|\S{0,100}(?:token|password)\S{0,100})"
_GAP = r"(?:=|[ \t]+|\\?[\"'],[ \t]*(?=\\?[\"']))"  # of a list in JSON, too
_BLANK = r"(?:[ \t]|\\{1,4}[nt])+"  # as echo -e and printf write it
_STDIN = r"[ \t]*\|[^\n|]{0,400}?(?:--password-stdin|\bkeyring\b[^\n|]{0,200}\bset\b|--stdin)"
_KNOWN = tuple(
    re.compile(f"(?P<lead>{lead}){_NEW}(?P<value>{value})", re.IGNORECASE)
    for lead, value in (
        (rf"(?<![\w-])--(?:\w{{1,30}}-){{0,3}}{_NAMED}{_GAP}(?![-=])", _WORD),
        (rf"\b(?:curl|wget|https?(?!:))\b{_BEFORE}[ \t](?:-u|--user|--proxy-user)(?:=|[ \t]*)[\"']?[^\s:\"']*:", _WORD),
        (rf"\b(?:{_UPLOADS})\b{_BEFORE}[ \t]-[pta][ \t=]*(?![-=])", _WORD),
        (rf"\bconfig[ \t]+(?:--?[\w-]+[ \t]+|set[ \t]+){{0,5}}{_SETTING}[ \t]+(?:--[ \t]+)?(?!--[ \t])", _WORD),
        (
            r"(?:password|passwd|passphrase|passwort|token|secret|credentials?|(?<![a-z0-9$])(?:pw|pat|pass)|(?<=\w)pwd)=",
            _WORD,
        ),
        (
            rf"(?:(?<!\w)|(?<=\\[nt]))(?:machine{_BLANK}[^\s\\]+|default|login{_BLANK}[^\s\\]+){_BLANK}(?:password|account){_BLANK}",
            rf"(?:(?!\\{{1,4}}n){_PLAIN})+",
        ),
        (
            r"(?<![\w-])(?:-H|--header)(?:=|[ \t]*)\\?[\"']?[\w-]*"
            r"(?:token|key|auth|api|secret|session|password)[\w-]*[ \t]*:[ \t]*",
            r"[^\"'\\\n]+",
        ),
        (r"(?:\bkeyring\b|--password-stdin\b)[^\n|;&]{0,400}?<<<[ \t]*", _WORD),
        (r"\b(?:echo|printf)[ \t]+(?:-\w+[ \t]+){0,3}", rf"{_WORD}(?={_STDIN})"),
        (r"^[ \t]*\"(?:[ \t]|\\t)*(?:password|account)[ \t]+", rf"(?:(?!\\n){_PLAIN})+(?=(?:\\n)?\",?\s*$)"),
        (r"\w://[^\s/\"'<>]+/t/", r"[^\s/\"'<>]{8,}(?=/)"),
        (r"\w://[^\s/:@\"'<>\[\]]+:(?!\d{1,5}(?:\D|$)|port\b)(?![^\s\"'<>]*@)", r"[^\s/\"'<>]+"),
        (
            r"(?<![\w-])",
            r"(?:pypi-Ag[\w-]{8,}|gh[pousr]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|eyJ[\w-]{16,}\.eyJ[\w.-]{16,})",
        ),
    )
)
_SIGNS = re.compile(
    r"(?i)--|[ \t]-[uptaPUH]|config|[swt\ndp]=|password[ \t\\]|account[ \t\\]|<<<|/t/|\w://[^\s/:@]+:|\|.*keyring|"
    r"pypi-Ag|gh[pousr]_|github_pat_|glpat-|eyJ"
)
_DEFAULT = re.compile(r"\$\{\w+:?[-=+][^}]+\}")


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
    value = found["value"].replace("\\", "").strip("\"'")
    known = HIDDEN in value or (is_filled_in(value) and not _DEFAULT.search(value))
    return found[0] if known else f"{found['lead']}{HIDDEN}"
