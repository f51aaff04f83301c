"""Kerberos (RFC 4559) from the ticket cache, a keytab or a password, through the system's GSSAPI.

`choose` makes schemes of it. A password or keytab that the KDC judges wrong is a rejection, asked once; everything
else (no ticket, clock, unknown service, no KDC) only makes Kerberos unusable for now.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.complaints import is_verdict, understood
from pipway.dial.negotiate.gssapi import Gssapi, GssError, load
from pipway.dial.negotiate.patience import Patience
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable
from pipway.wire.auth.tokens import Step

_KDC_REST = 120.0  # seconds: a KDC that does not answer costs every connection its patience
_PATIENCE = 4.0  # seconds for the library and its KDC: less than limits.connect, so that the reason gets told


class Kerberos:
    """Makes security contexts for one parent and one credential; keeps the ticket it got for a password."""

    def __init__(
        self,
        parent: Parent,
        credential: Credential | None,
        *,
        gssapi: Callable[[], Gssapi] = load,
        clock: Callable[[], float] = time.monotonic,
        patience: float = _PATIENCE,
    ) -> None:
        """Nothing is loaded or asked before the first login. `patience` and `clock` are in seconds."""
        self._parent = parent
        self._credential = credential
        self._load = gssapi
        self._clock = clock
        self._patience = patience
        self._asking = Patience(patience)
        self._held: Any = None
        self._rests_until = 0.0
        self._verdicts = 0  # how often the KDC said no
        self._verdict = ""
        self._unheard = False  # whether the last no came after everybody had left

    def begin(self, asked: Asked) -> Step:
        """A step function for one connection."""
        context: Any = None

        def step(received: bytes | None) -> bytes:
            nonlocal context
            if context is not None:
                return self._next(context, received)
            context, token = self._first(asked.channel)
            return token

        return step

    def _first(self, channel: bytes) -> tuple[Any, bytes]:
        """What a KDC may have to be asked for, and what may show it the password."""
        if self._unheard:
            raise self._said()
        self._check_rest()
        verdicts = self._verdicts

        def question() -> tuple[Any, bytes]:
            # Those who waited for their turn do not repeat what the one before them learnt.
            self._check_rest()
            if self._verdicts != verdicts:
                raise self._said()
            return self._opened(channel)

        try:
            return self._asking.ask(question, self._late)
        except TimeoutError:
            if self._asking.busy:
                self._rests_until = self._clock() + _KDC_REST
            raise self._silence() from None

    def _late(self, error: BaseException | None) -> None:
        """A no must not get lost, or the next connection would ask again with the same password."""
        self._unheard = isinstance(error, Rejected)

    def _said(self) -> Rejected:
        self._unheard = False
        return Rejected(f"the KDC says: {self._verdict}")

    def _check_rest(self) -> None:
        if self._clock() < self._rests_until:
            raise self._silence()

    def _silence(self) -> Unusable:
        return Unusable(
            f"Kerberos: no KDC answers within {self._patience:.0f} seconds",
            "check the network or VPN, and /etc/krb5.conf",
        )

    def _opened(self, channel: bytes) -> tuple[Any, bytes]:
        held = self._held
        try:
            context = self._context(channel)
            token = context.step(None)
        except GssError as error:
            text = str(error)
            # A password, or a keytab that is out of date; a ticket from the cache proves nothing of either.
            if self._credential is not None and is_verdict(text):
                self._held = None
                self._verdict, self._verdicts = text, self._verdicts + 1
                raise self._said() from None
            complaint = understood(text, self._spn)
            if complaint.kind not in ("service", "kdc"):
                self._held = None
            if complaint.kind == "expired" and held is not None:
                return self._opened(channel)  # the ticket that was kept: get another
            if complaint.kind == "kdc":
                self._rests_until = self._clock() + _KDC_REST
            raise Unusable(complaint.why, complaint.fix) from None
        self._rests_until = 0.0
        return context, token

    def _next(self, context: Any, received: bytes | None) -> bytes:
        """The KDC gave its ticket already: whatever the parent says now, the password is not wrong."""
        try:
            token: bytes = context.step(received)
        except GssError as error:
            complaint = understood(str(error), self._spn)
            raise Unusable(complaint.why, complaint.fix) from None
        if not token:
            raise Unusable("it takes the Kerberos ticket and lets us in no more for it", "ask its administrator")
        return token

    @property
    def _spn(self) -> str:
        return self._parent.spn or f"HTTP/{self._parent.host}"

    def _context(self, channel: bytes) -> Any:
        credential = self._credential
        if credential is not None and credential.keytab is None and credential.password is None:
            raise Unusable("Kerberos cannot use an NT hash alone")
        gssapi = self._load()
        if self._held is None:
            self._held = self._acquire(gssapi)
        service = (
            gssapi.name(self._parent.spn, hostbased=False)
            if self._parent.spn
            else gssapi.name(f"HTTP@{service_host(self._parent)}", hostbased=True)
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
        assert credential.password is not None
        if any("\ud800" <= char <= "\udfff" for char in credential.user + credential.password):
            raise Unusable("Kerberos cannot carry broken UTF-8", "store the password again")
        return gssapi.password_credential(principal(credential.user), credential.password)


def service_host(parent: Parent) -> str:
    """The host of the parent's service principal. It may ask the DNS."""
    if not parent.canonicalize:
        return parent.host
    try:
        return socket.getaddrinfo(parent.host, None, flags=socket.AI_CANONNAME)[0][3] or parent.host
    except OSError:
        return parent.host


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
