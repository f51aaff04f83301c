"""Who may see what of the site: logins for installers, and a browser's borders for the pages made for people.

`web.app` asks it before anything is answered that was not answered to the same bytes before. A page of somebody else's
can make a browser ask us anything, and by DNS rebinding read the answer under a name of its own; so pages are served
under our own names only, to nobody's scripts but ours, and what changes something wants a token and a method that no
form can send.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit

from pipway.errors import ProtocolError, Refused
from pipway.wire.answer import Request
from pipway.wire.meant import meant

_SAFE = frozenset(("GET", "HEAD"))
#: What changes something is asked with these: a form or a script of another site cannot send them without asking first
#: (Fetch §2.2.1, §4.8), and we never allow it.
_CHANGING = frozenset(("PUT", "PATCH", "DELETE"))


#: What browsers send and installers do not. A script can change the language that is asked for, but not take it away.
_BROWSERS = frozenset((b"accept-language", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"))


class Doorkeeper(Protocol):
    """Decides by a login; `access.Access` conforms."""

    @property
    def asks_login(self) -> bool:
        """Whether anybody must show one."""

    def enter(self, login: str | None) -> None:
        """Whether this login may come in; without tokens everybody may. LoginNeeded."""

    def proven(self, login: str | None) -> bool:
        """Whether it shows a token that is valid."""


class Guard:
    """The rules for every request that reaches the site."""

    def __init__(self, doorkeeper: Doorkeeper, *, names: Collection[str] = ()) -> None:
        """`names` are ours beside localhost; every address is, for nobody can make another page's name of one."""
        self._doorkeeper = doorkeeper
        self._asks = doorkeeper.asks_login
        self._names = frozenset(name.lower().rstrip(".") for name in names)

    def installer(self, request: Request) -> None:
        """`/simple/` and `/files/`: under whatever name installers reach us, for browsers as pages. As `page`."""
        if any(name in _BROWSERS for name, _ in request.headers):
            self._borders(request)
        if self._asks:
            self._doorkeeper.enter(request.header(b"authorization"))

    def page(self, request: Request) -> None:
        """Everything else. ProtocolError, Refused, LoginNeeded."""
        self._borders(request)
        if request.method in _SAFE:
            self._doorkeeper.enter(request.header(b"authorization"))
        else:
            self._changing(request)

    def _borders(self, request: Request) -> None:
        host = request.header(b"host") or ""
        if host and not self._is_ours(host):
            raise _wrong_name(host)
        self._same_site(request, host)

    def _is_ours(self, authority: str) -> bool:
        name = _host(authority)
        if name is None:
            return False
        try:
            found = meant(name)
        except ValueError:
            return False
        if not isinstance(found, str):
            return True
        return found == "localhost" or found.endswith(".localhost") or found in self._names  # RFC 6761 §6.3

    def _same_site(self, request: Request, host: str) -> None:
        """Fetch metadata where the browser sends it, Origin everywhere else; a link from elsewhere may lead here."""
        site = request.header(b"sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            linked = request.header(b"sec-fetch-mode") == "navigate" and request.method in _SAFE
            if not linked or request.header(b"sec-fetch-dest") != "document":
                raise _foreign("a page of another site asked for it")
        origin = request.header(b"origin")
        if origin is not None:
            theirs = _authority(origin)
            if theirs is None or (theirs != host.lower() and _host(theirs) not in self._names):
                raise _foreign("its Origin is another site")

    def _changing(self, request: Request) -> None:
        if request.method not in _CHANGING:
            raise ProtocolError("method-not-allowed", f"{request.method[:20]} is not possible here", status=405,
                                fix="use GET or HEAD")  # fmt: skip
        login = request.header(b"authorization")
        self._doorkeeper.enter(login)
        if not self._doorkeeper.proven(login):
            raise Refused(
                "token-needed",
                "changing something here needs a token",
                why="this server has none, so nobody could be told apart",
                fix="make one (pipway access add NAME) and set access.tokens_file",
            )


def _host(authority: str) -> str | None:
    """The host of `host[:port]`, in lower case."""
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None


def _authority(origin: str) -> str | None:
    """`host[:port]` of an Origin, in lower case; None for `null` and nonsense."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc and "@" not in origin else None


def _wrong_name(host: str) -> ProtocolError:
    shown = host[:80]
    return ProtocolError(
        "unknown-host",
        f"pages are not served under the name {shown}",
        status=421,  # RFC 9110 §15.5.20
        why="another site's name could lead a browser here (DNS rebinding)",
        fix="use the address or localhost, or add the name to access.hosts",
    )


def _foreign(why: str) -> Refused:
    return Refused("foreign-origin", "only pages of this server may ask for that", why=why, fix="open it directly")
