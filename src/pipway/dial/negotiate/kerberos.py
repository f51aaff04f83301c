"""Kerberos (RFC 4559) from the ticket cache, a keytab or a password, through the system's GSSAPI.

`choose` makes schemes of it. What the library says is sorted here: a wrong password is a rejection, everything else
(no ticket, clock, unknown service, no KDC) only makes Kerberos unusable for now.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.gssapi import Gssapi, GssError, load
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable
from pipway.wire.auth.tokens import Step

_KDC_REST = 120.0  # seconds: a KDC that does not answer costs every connection its patience

#: What the library's text contains → why, fix. MIT's words, then Heimdal's.
_UNUSABLE = (
    (
        ("server not found", "server unknown", "s_principal_unknown"),
        "the KDC does not know the service {spn}",
        "set parent.spn to the proxy's service principal, or parent.canonicalize = true",
    ),
    (
        ("cannot contact any kdc", "unable to reach any kdc", "cannot find kdc", "cannot locate kdc", "find realm"),
        "no KDC answers",
        "check the network or VPN, and /etc/krb5.conf",
    ),
    (("clock skew", "time skew"), "this machine's clock differs too much from the KDC's", "set the clock"),
    (("expired",), "the ticket has expired", "kinit"),
    (
        ("no kerberos credentials", "no credentials", "credentials cache", "cache file", "no such file"),
        "there is no ticket",
        "kinit, or store a password with pipway credentials add",
    ),
    (
        ("does not specify default realm", "cannot determine realm", "default realm"),
        "this machine knows no Kerberos realm",
        "name the user as user@REALM, or set default_realm in /etc/krb5.conf",
    ),
)
_REJECTED = (
    ("preauthentication failed", "pre-authentication failed", "password incorrect", "decrypt integrity check"),
    ("credentials have been revoked", "client's entry in database has expired", "password has expired"),
)
_NOT_THE_SECRET = ("client not found", "not found in kerberos database")


class Kerberos:
    """Makes security contexts for one parent and one credential; keeps the ticket it got for a password."""

    def __init__(
        self,
        parent: Parent,
        credential: Credential | None,
        *,
        gssapi: Callable[[], Gssapi] = load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is loaded or asked before the first login."""
        self._parent = parent
        self._credential = credential
        self._load = gssapi
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Any = None
        self._resting: tuple[float, Unusable] | None = None

    def begin(self, asked: Asked) -> Step:
        """A step function for one connection."""
        context: Any = None

        def step(received: bytes | None) -> bytes:
            nonlocal context
            if self._resting is not None and self._clock() < self._resting[0]:
                raise self._resting[1]
            try:
                if context is None:
                    context = self._context(asked.channel)
                return self._stepped(context, received)
            except GssError as error:
                self._held = None
                raise self._sorted(str(error)) from None

        return step

    @staticmethod
    def _stepped(context: Any, received: bytes | None) -> bytes:
        token: bytes = context.step(received)
        if not token:
            raise Rejected("the Kerberos login was refused")
        return token

    def _context(self, channel: bytes) -> Any:
        gssapi = self._load()
        with self._lock:
            if self._held is None:
                self._held = self._acquire(gssapi)
        service = (
            gssapi.name(self._parent.spn, hostbased=False)
            if self._parent.spn
            else gssapi.name(f"HTTP@{self._service_host()}", hostbased=True)
        )
        return gssapi.context(service, self._held, channel)

    def _acquire(self, gssapi: Gssapi) -> Any:
        credential = self._credential
        if credential is None:
            return None  # the ticket cache, looked at anew for each connection: a ticket may appear at any time
        if credential.keytab is not None:
            if not credential.keytab.is_file():
                raise Unusable(
                    f"there is no keytab {credential.keytab}", "store it again with pipway credentials add --keytab"
                )
            return gssapi.keytab_credential(principal(credential.user), str(credential.keytab))
        if credential.password is None:
            raise Unusable("Kerberos cannot use an NT hash alone")
        return gssapi.password_credential(principal(credential.user), credential.password)

    def _service_host(self) -> str:
        host = self._parent.host
        if not self._parent.canonicalize:
            return host
        try:
            return socket.getaddrinfo(host, None, flags=socket.AI_CANONNAME)[0][3] or host
        except OSError:
            return host

    def _sorted(self, text: str) -> Rejected | Unusable:
        lowered = text.lower()
        with_password = self._credential is not None and self._credential.password is not None
        if with_password and any(words in lowered for group in _REJECTED for words in group):
            return Rejected(f"the KDC says: {text}")
        spn = self._parent.spn or f"HTTP/{self._parent.host}"
        for patterns, why, fix in _UNUSABLE:
            if any(words in lowered for words in patterns):
                error = Unusable(f"Kerberos: {why.format(spn=spn)}", fix)
                break
        else:
            if any(words in lowered for words in _NOT_THE_SECRET):
                error = Unusable(f"Kerberos: {text}", "check the user's name and realm: user@REALM")
            else:
                error = Unusable(
                    f"Kerberos: {text}", "pipway route HOST shows the parent; kinit and klist show the tickets"
                )
        if "no KDC answers" in error.why:
            self._resting = (self._clock() + _KDC_REST, error)
        return error


def principal(user: str) -> str:
    """A Kerberos principal of a user as people write it. Unusable for DOMAIN\\user: the realm is not known then."""
    if "\\" in user:
        domain, _, name = user.partition("\\")
        if "." not in domain:
            # Guessing a realm could send the password for another person's account.
            raise Unusable("Kerberos needs the realm, not the domain's short name", "name the user as user@REALM")
        return f"{name}@{domain.upper()}"
    name, at, realm = user.rpartition("@")
    return f"{name}@{realm.upper()}" if at else user
