"""The lab's passwords, in every form in which one could be printed; tests/conftest.py looks for them in all output."""

from __future__ import annotations

from base64 import b64encode
from functools import cache

from tests.lab.kerberos import Kdc
from tests.lab.others import Dante, Microsocks, Tinyproxy
from tests.lab.squid import BasicSquid, DigestSquid, PeopleSquid
from tests.lab.winbind import Winbind

from pipway.dial.negotiate.ntlm import nt_hash

LOGINS = [(str(kind.user), str(kind.password)) for kind in (BasicSquid, DigestSquid, Tinyproxy, Microsocks)]
LOGINS += [(Winbind.user, Winbind.password), (Kdc.user, Kdc.password), ("dante", Dante.password)]
LOGINS += PeopleSquid.people.items()


@cache
def forms() -> frozenset[str]:
    """As they are, as NT hashes, and as Basic sends them."""
    hashes = [nt_hash(password).hex() for _, password in LOGINS]
    basic = [b64encode(f"{user}:{password}".encode()).decode() for user, password in LOGINS]
    return frozenset([*(password for _, password in LOGINS), *hashes, *(text.upper() for text in hashes), *basic])


def leaked(text: str) -> bool:
    """Whether one of them stands there."""
    return any(form in text for form in forms()) if text else False
