"""A host's name as it is sent: lower case, ASCII.

Whoever reads a name that a person or a server wrote (URLs, proxies, exceptions) puts it through here, so that all
agree.
"""

from __future__ import annotations

import re

import idna

_LONGEST = 253  # characters without the dot at the end: RFC 1035 §2.3.4 less the length bytes
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")  # the underscore is common in private networks


def host_name(text: str) -> str:
    """`text` as a name server knows it, IDNA by UTS 46. ValueError, in words for people, when it is no name."""
    name = text.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise ValueError("its host is not a valid international name") from None
    if len(name.removesuffix(".")) > _LONGEST or not _NAME.fullmatch(name):
        raise ValueError("its host is missing or malformed")
    return name
