"""File URLs as a reversible prefix swap: the upstream's `https://host/p/x.whl` is our `/files/https/host/p/x.whl`.

`web.simple` writes these into pages, `web.files` reads them back; uv.lock and pylock keep them, so they must stay the
same for ever and be mapped back by cutting a prefix. Nothing is decoded, encoded or normalised on the way: every byte
of authority, path and query is kept, and a URL whose meaning clients would not keep has no link at all. (pip spells
"+" as %2B and the like when it asks; the index's look-up knows that both are one file.)

Pages carry the relative form `../../files/…`: it resolves from `/simple/<anything>/` whatever host, port, scheme or
path prefix a reverse proxy puts in front, so pages need no knowledge of the outside and are the same for everyone.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

PREFIX = "/files/"

#: From a project's page, two levels below the root, to the root.
_UP = "../.."

#: DNS name, IPv4 or bracketed IPv6 literal, and a port (RFC 3986 §3.2); userinfo is refused because URLs are printed.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

#: pchar and "/" (RFC 3986 §3.3). pip (urllib3) and uv (the WHATWG parser) rewrite backslash, space, controls and
#: non-ASCII, each in its own way, and they would come back as another URL.
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+")
#: In a query the WHATWG parser also rewrites the apostrophe.
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")

#: "." and ".." also in their encoded spellings, which the WHATWG parser removes like the plain ones.
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)

_LONGEST = 8192

#: What nearly every file URL looks like, in one look: no percent sign, no query, nothing that begins with a dot.
_ORDINARY = re.compile(
    r"(https?)://([A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::[0-9]{1,5})?)((?:/[A-Za-z0-9_][A-Za-z0-9._~!$&'()*+,;=:@-]*)+)"
)


def link(url: str) -> str | None:
    """Our absolute path (with query) for an upstream file URL without fragment; None when it can have none.

    None: not http or https, userinfo, dot segments, no path, an empty query, longer than 8192 characters, or a
    character that RFC 3986 forbids. The inverse is `unlink`.
    """
    if len(url) > _LONGEST:
        return None
    if ordinary := _ORDINARY.fullmatch(url):
        return f"{PREFIX}{ordinary[1]}/{ordinary[2]}{ordinary[3]}"
    scheme, _, rest = url.partition("://")
    authority, slash, tail = rest.partition("/")
    path, mark, query = (slash + tail).partition("?")
    if not _sound(scheme, authority, path, query) or (mark and not query):
        return None
    return f"{PREFIX}{scheme}/{_escape(authority)}{path}{mark}{query}"


def relative(url: str) -> str | None:
    """The link as a project's page carries it; None as for `link`."""
    path = link(url)
    return None if path is None else _UP + path


def unlink(path: str, query: str) -> str | None:
    """The upstream URL that a request's path (still encoded) and query (without "?") name; None when it names none."""
    if not path.startswith(PREFIX) or len(path) + len(query) > _LONGEST + len(PREFIX):
        return None
    scheme, _, rest = path[len(PREFIX) :].partition("/")
    authority, slash, tail = rest.partition("/")
    authority = unquote(authority)  # pip sends every ":" of a path as %3A; what comes out is checked like any other
    if not _sound(scheme, authority, slash + tail, query):
        return None
    return f"{scheme}://{authority}{slash}{tail}{'?' if query else ''}{query}"


def _escape(authority: str) -> str:
    """Brackets may not stand in a path (RFC 3986 §3.3): urllib3 would encode them anyway, uv would not."""
    return authority.replace("[", "%5B").replace("]", "%5D")


def _sound(scheme: str, authority: str, path: str, query: str) -> bool:
    return (
        scheme in ("http", "https")
        and _AUTHORITY.fullmatch(authority) is not None
        and _PATH.fullmatch(path) is not None
        and _DOTS.search(f"/{authority}{path}") is None
        and _QUERY.fullmatch(query) is not None
    )
