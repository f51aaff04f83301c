"""What a Kerberos library's complaints mean: a verdict on the password, or why Kerberos cannot be used for now.

`kerberos` has them sorted here. The texts are those of MIT's library, Heimdal's and Apple's; they are never translated,
as nobody sets this process's LC_MESSAGES.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complaint:
    """`kind` is one of service, kdc, clock, expired, ticket, realm, client and other."""

    kind: str
    why: str
    fix: str


#: The KDC looked at the password, or at the account, and said no.
_VERDICT = re.compile(
    r"pre-?authentication failed|password incorrect|decrypt integrity check"
    r"|credentials have been revoked|locked out|client's entry in database has expired|password has expired",
    re.IGNORECASE,
)

#: Kind, what the text contains, why, fix. The first that fits.
_KINDS = (
    (
        "service",
        r"server .*not found in|server not found|server unknown|s_principal_unknown",
        "the KDC does not know the service {spn}",
        "set parent.spn to the proxy's service principal, or parent.canonicalize = true",
    ),
    (
        "kdc",
        r"cannot contact any kdc|unable to reach any kdc|cannot find kdc|cannot locate kdc|find realm"
        r"|cannot resolve (servers|network address)",
        "no KDC answers",
        "check the network or VPN, and /etc/krb5.conf",
    ),
    ("client", r"not found in kerberos database|client unknown", "", "check the user's name and realm: user@REALM"),
    ("clock", r"clock skew|time skew", "this machine's clock differs too much from the KDC's", "set the clock"),
    ("expired", r"expired", "the ticket has expired", "kinit"),
    (
        "ticket",
        r"no kerberos credentials|no credentials|credentials cache|cache file|no such file"
        r"|matching credential not found",
        "there is no ticket",
        "kinit, or store a password with pipway credentials add",
    ),
    (  # Heimdal's SPNEGO, for either
        "ticket",
        r"unsupported mechanism",
        "there is no ticket, or the KDC does not know the service {spn}",
        "kinit, or set parent.spn to the proxy's service principal",
    ),
    (
        "realm",
        r"default realm|cannot determine realm",
        "this machine knows no Kerberos realm",
        "name the user as user@REALM, or set default_realm in /etc/krb5.conf",
    ),
    ("other", r"", "", "pipway route HOST shows the parent; kinit and klist show the tickets"),
)


def is_verdict(text: str) -> bool:
    """Whether the KDC judged the password or the account. Ask of the first step alone: later it is about the ticket."""
    return _VERDICT.search(text) is not None


def understood(text: str, spn: str) -> Complaint:
    """What it means, and what helps."""
    for kind, pattern, why, fix in _KINDS:
        if re.search(pattern, text, re.IGNORECASE):
            return Complaint(kind, f"Kerberos: {why.format(spn=spn) or text}", fix)
    raise AssertionError("the last kind fits everything")
