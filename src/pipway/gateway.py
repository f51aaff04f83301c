"""The forward proxy's way out: access rules decide, routes and dialers open. `app` builds it and gives it to `server`.

It conforms to `server.outside.Outside`. What it dials itself is judged by the address that a name resolved to; what a
parent resolves is judged by its name alone, for nobody here knows more.
"""

from __future__ import annotations

from pipway.access import Access
from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.http import Client
from pipway.server.outside import Caller, Forwarded, Reply


class Gateway:
    """Lets callers out."""

    def __init__(self, access: Access, dialer: Dialer, client: Client) -> None:
        """`dialer` and `client` refuse addresses that `access.rule` forbids."""
        self._access = access
        self._dialer = dialer
        self._client = client

    def admit(self, caller: Caller) -> None:
        """See `server.outside.Outside`."""
        self._access.admit(caller)

    def allow(self, host: str, port: int) -> None:
        """See `server.outside.Outside`."""
        self._access.allow(host, port)

    async def dial(self, host: str, port: int, *, caller: Caller) -> Stream:
        """See `server.outside.Outside`."""
        return await self._dialer.dial(Target(host, port))

    async def exchange(self, request: Forwarded, *, caller: Caller) -> Reply:
        """See `server.outside.Outside`."""
        return await self._client.exchange(request)
