"""Refuses secrets on the command line: everybody on the machine can read them in the process list.

Verbs that take a URL call it before they do anything else. It repeats nothing of what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipway.errors import UsageError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NAME = re.compile(r"[^=:/]*=")  # of an upstream, before its URL


_KEPT = "PIPWAY_PARENT or the settings file, or better: pipway credentials add"


def no_passwords(option: str, proxies: Iterable[str], *, instead: str = _KEPT) -> None:
    """UsageError when one of these proxies' URLs holds a password; a user alone is fine."""
    for text in proxies:
        # The last "@" ends the userinfo, as `parse_proxy_url` has it; an empty password is none.
        if _SCHEME.sub("", text.strip(), count=1).rpartition("@")[0].partition(":")[2]:
            raise _secret(option, instead)


def no_logins(option: str, addresses: Iterable[str], *, instead: str, file: str = " or the settings file") -> None:
    """UsageError when one of these web addresses holds a login: without a password the user is a token."""
    for text in addresses:
        rest = _SCHEME.sub("", _NAME.sub("", text.strip(), count=1), count=1)
        if "@" in re.split(r"[/?#]", rest, maxsplit=1)[0]:
            raise _secret(option, f"{instead}{file}")


def _secret(option: str, instead: str) -> UsageError:
    return UsageError(
        "password-in-argument",
        f"{option} must not hold a password: everybody on this machine can read arguments",
        fix=f"put it into {instead}. Consider this one known, and change it.",
    )
