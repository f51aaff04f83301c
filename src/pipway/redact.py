"""Takes secrets out of text before a person or a file sees it, and what would do something to a terminal.

Whoever prints what came from outside (settings, log, errors) calls `redact`. It errs on the side of hiding:
what looks like a credential is replaced, never shortened.
"""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

# RFC 3986 §3.2.1: everything between "//" and the last "@" of the authority is userinfo. White space and quotes
# end a URL in running text, so a greedy match up to the last "@" cannot swallow the next word.
# What our own advice says of how to write one, http://DOMAIN%5Cuser@proxy:8080, is no secret.
_EXAMPLE = r"(?!(?:DOMAIN%5C)?(?:user|USER(?::PASSWORD)?)@[^\s/?#\"'<>@]*(?:[\s/?#\"'<>]|$))"
_USERINFO = re.compile(rf"(?<=//){_EXAMPLE}[^\s/?#\"'<>]*@")
# A password with a raw # or ? goes on behind them, and behind a backslash requests writes a slash.
_RAW = re.compile(r"(?<=//)(?:[^\s/?#\"'<>@:]+:[^\s/\"'<>@]*[#?][^\s/\"'<>]*|[^\s/?#\"'<>@]+/%5[cC][^\s/?#\"'<>]*)@")
# urllib3 complains of such a URL with the first half of the password.
_HALF = re.compile(r"(?<=Failed to parse: ')[^'\s]+(?=' is not a valid host or port)")
# RFC 9110 §11.6: Authorization and Proxy-Authorization carry "scheme credentials"; cookies are as good as a login.
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key)(\"?'?\s*[:=]\s*\"?'?)([^\r\n\"']+)")
# The scheme and token without the header's name, as in a fact called `challenge`. A word of prose after the scheme is
# not a token: a token has a digit, a capital or a sign.
_SCHEME = re.compile(
    r"\b((?i:basic|bearer|digest|negotiate|ntlm))\s+(?=[a-z]*[A-Z0-9+/_~=])([A-Za-z0-9+/_.~-]{8,}=*|\w+=\S+)"
)
# Names that say what they hold, in a query or a form.
# Bounded, as a target may be made of hyphens only; "monkey" is no key, "X-Amz-Security-Token" is a token, and so is
# "accessToken".
_PAIR = re.compile(
    r"(?i)\b((?:[a-z0-9]{1,20}[_-]){0,4}"
    r"(?:[a-z0-9]{0,20}(?:token|password|passwd|passphrase|secret|signature|credentials?)"
    r"|(?:api|auth)?key|sig|hmac|jwt|pwd|pass|auth|session(?:_?id)?))=([^&\s\"']+)"
)


# Cheap to look for, so that text without any of them pays only for the looking.
_SIGNS = (
    *("@", "authorization", "cookie", "x-api-key", "password", "passwd", "token", "secret", "key=", "sig", "hmac="),
    *("failed to parse: '", "credential", "jwt=", "session", "pwd=", "pass=", "passphrase=", "auth="),
    *("basic ", "bearer ", "digest ", "negotiate ", "ntlm "),
)


def redact(text: str) -> str:
    """Give `text` with URL userinfo, Authorization-like values and password-like parameters replaced."""
    lowered = text.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return text
    text = _RAW.sub(f"{HIDDEN}@", _USERINFO.sub(f"{HIDDEN}@", text))
    text = _HALF.sub(HIDDEN, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _PAIR.sub(rf"\1={HIDDEN}", text)
    return _SCHEME.sub(rf"\1 {HIDDEN}", text)


def printable(text: str) -> str:
    """What a terminal shows of `text` and does not obey; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(sign if sign in "\n\t" or sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
