"""URLs of proxies and indexes with a login in them: built right, and read as they were meant.

`pipway url` and the doctor call it. `parse_proxy_url` refuses what is written wrong; here it is understood, mended, and
every mistake named. Neither repeats a secret in what it says.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from pipway.errors import UsageError
from pipway.wire.host_name import host_name

Kind = Literal["proxy", "index"]

SCHEMES: dict[Kind, tuple[str, ...]] = {
    "proxy": ("http", "https", "socks4", "socks4a", "socks5", "socks5h"),
    "index": ("https", "http"),
}
DEFAULT_PORTS = {"http": 80, "https": 443}

_LONGEST = 8192
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_CODE = re.compile(r"%[0-9A-Fa-f]{2}")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_AGAIN = re.compile(r"%(?:2[035F]|3[AF]|40|5C)", re.IGNORECASE)  # space # % / : ? @ \ after one decoding
_PATH_SAFE = "/:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class LoginUrl:
    """Where something is and who we are to it, everything decoded."""

    scheme: str
    host: str  #: lower case, ASCII, IPv6 without brackets
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    path: str = ""  #: as it is written

    def _format(self, password: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        user = "" if self.user is None else quote(self.user, safe="")
        login = "" if self.user is None and self.password is None else f"{user}{password}@"
        return f"{self.scheme}://{login}{host}{port}{self.path}"

    def __str__(self) -> str:
        """The URL without its password, which is said to be hidden."""
        return self._format("" if self.password is None else ":[hidden]")

    def format(self) -> str:
        """The URL with its password. Never to be shown unasked."""
        return self._format("" if self.password is None else f":{quote(self.password, safe='')}")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is written wrong, or that tools understand differently. Says no secret."""

    what: str
    harmful: bool = True  #: False: it works, for the tools that we know

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Reading:
    """What was meant."""

    url: LoginUrl
    mistakes: tuple[Mistake, ...]


def build(
    scheme: str,
    host: str,
    port: int | None = None,
    *,
    user: str | None = None,
    password: str | None = None,
    path: str = "",
    kind: Kind = "proxy",
) -> LoginUrl:
    """Put one together from what people type, unencoded. UsageError ("bad-url") when a part is unfit."""
    scheme = scheme.lower()
    scheme = "socks5h" if scheme == "socks" else scheme
    if scheme not in SCHEMES[kind]:
        raise _bad(f"its scheme is not one that {'a proxy' if kind == 'proxy' else 'an index'} has", _one_of(kind))
    for name, text in (("user", user), ("password", password)):
        if text is not None and not _sound(text):
            raise _bad(f"the {name} has control characters, or what is no text", "leave them out")
    if port is not None and not 0 < port < 65536:
        raise _bad("its port is not a number from 1 to 65535", "write host and port as proxy:8080")
    if kind == "proxy" and path not in ("", "/"):
        raise _bad("a proxy's URL has no path", "leave it out")
    return LoginUrl(scheme, _host(host), port, user, password, "" if kind == "proxy" else _path(path))


def read(text: str, kind: Kind = "proxy") -> Reading:
    """What `text` was meant to say. UsageError ("bad-url") when that cannot be told."""
    mistakes: list[Mistake] = []
    stripped = text.strip().strip("\"'")
    if stripped != text:
        mistakes.append(Mistake("quotes or white space stand around it"))
    if not stripped or len(stripped) > _LONGEST or any(ord(char) < 32 or ord(char) == 127 for char in stripped):
        raise _bad(f"it is empty, longer than {_LONGEST} characters, or has control characters")
    scheme, rest = _scheme(stripped, kind, mistakes)
    userinfo, authority, path = _split(rest, kind)
    user = password = None
    if userinfo is not None:
        user, password = _login(userinfo, mistakes)
    host, port = _host_and_port(authority, mistakes)
    if kind == "proxy":
        if path not in ("", "/"):
            mistakes.append(Mistake("something follows the host and port: a proxy's URL ends there"))
        if port is None:
            taken = DEFAULT_PORTS.get(scheme, 1080)
            mistakes.append(Mistake(f"it has no port: tools take {taken}, proxies often have 3128 or 8080", False))
    else:
        path = _index_path(path, mistakes)
    path = path if kind == "index" else ""
    return Reading(build(scheme, host, port, user=user, password=password, path=path, kind=kind), tuple(mistakes))


def _scheme(text: str, kind: Kind, mistakes: list[Mistake]) -> tuple[str, str]:
    found = _SCHEME.match(text)
    if found is None:
        scheme = "http" if kind == "proxy" else "https"
        if kind == "proxy":
            mistakes.append(Mistake("it has no scheme: pip and uv take it as http://, other tools refuse it", False))
        else:
            mistakes.append(Mistake("it has no scheme: write https://"))
        return scheme, text.removeprefix("//")
    scheme = found[1]
    if scheme != scheme.lower():
        mistakes.append(Mistake("its scheme is in upper case: some tools know it in lower case only", False))
    if scheme.lower() == "socks":
        mistakes.append(Mistake("socks:// is not known to pip: write socks5h://, which leaves names to the proxy"))
    if scheme.lower() == "socks5":
        mistakes.append(Mistake("socks5:// looks names up on this machine: socks5h:// leaves that to the proxy", False))
    return scheme.lower(), text[found.end() :]


def _split(rest: str, kind: Kind) -> tuple[str | None, str, str]:
    """Userinfo, host with port, and what follows them.

    The last "@" ends the userinfo (RFC 3986 §3.2.1 wants others encoded; people forget, and mean the last). In the path
    of an index an "@" may stand, too: there only what begins a host that makes no sense is taken for a login.
    """
    end = _end(rest)
    login, at, host = rest[:end].rpartition("@")
    later = rest.rfind("@", end)
    if later >= 0:
        no_host = re.search(r":(?!\d*$)", host) is not None or "\\" in host
        if kind == "proxy" or rest[end] in "#?" or no_host:
            after = rest[later + 1 :]
            return rest[:later], after[: _end(after)], after[_end(after) :]
    if not at and "\\" in host:
        raise _bad("it has a backslash and no @", "write http://DOMAIN%5Cuser@proxy:8080")
    return (login if at else None), host, rest[end:]


def _end(text: str) -> int:
    found = re.search(r"[/?#]", text)
    return found.start() if found else len(text)


#: As it stands in a login → how it is written, and what it does otherwise.
_UNFIT = {
    "\\": ("%5C", "pip takes what stands before it for the host and prints the password; uv goes without the proxy"),
    "#": ("%23", "what follows is cut off, and the user is taken for the host"),
    "?": ("%3F", "what follows is cut off, and the user is taken for the host"),
    "/": ("%2F", "what follows is cut off, and the user is taken for the host"),
    "@": ("%40", "some tools take what follows the first one for the host"),
    " ": ("%20", "many tools refuse it"),
}


def _login(userinfo: str, mistakes: list[Mistake]) -> tuple[str, str | None]:
    for char, (code, consequence) in _UNFIT.items():
        if char in userinfo:
            mistakes.append(
                Mistake(f"its user or password has '{char}' as it is, which is written {code}: {consequence}")
            )
    user, colon, password = userinfo.partition(":")
    if ":" in password:
        mistakes.append(Mistake("its password has ':' as it is, which is written %3A", False))
    if not userinfo.isascii():
        mistakes.append(
            Mistake("its user or password has letters that are not ASCII: they are written as %XX, in UTF-8")
        )
    if _STRAY.search(userinfo):
        mistakes.append(Mistake("its user or password has a % that begins no code, which is written %25"))
    decoded_user, decoded_password = _decoded(user, mistakes), _decoded(password, mistakes)
    if _ENCODED_AGAIN.search(decoded_user):
        mistakes.append(Mistake("it was encoded twice (%25 where % belongs)"))
        return _decoded(decoded_user, mistakes), _decoded(decoded_password, mistakes) if colon else None
    if _ENCODED_AGAIN.search(decoded_password):
        mistakes.append(
            Mistake("its password may have been encoded twice: decoded once, it still has a code such as %40", False)
        )
    return decoded_user, decoded_password if colon else None


def _decoded(text: str, mistakes: list[Mistake]) -> str:
    raw = unquote_to_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        mistakes.append(Mistake("its user or password is encoded, but not in UTF-8: proxies and indexes expect that"))
        return raw.decode("latin-1")


def _host_and_port(authority: str, mistakes: list[Mistake]) -> tuple[str, int | None]:
    host, colon, port = authority.rpartition(":")
    if authority.startswith("[") and (authority.endswith("]") or not colon):
        host, port = authority, ""
    elif authority.count(":") > 1 and not authority.startswith("["):
        try:
            ipaddress.IPv6Address(authority)
        except ValueError:
            pass
        else:
            host, port = authority, ""
        mistakes.append(Mistake("its IPv6 address stands without brackets: [::1]:8080"))
    elif not colon:
        host, port = authority, ""
    if port and not (port.isascii() and port.isdigit() and len(port) < 6):
        raise _bad("its port is not a number from 1 to 65535", "write host and port as proxy:8080")
    return host, int(port) if port else None


def _host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    if ":" in bare:
        try:
            return str(ipaddress.IPv6Address(bare))
        except ValueError:
            raise _bad("its IPv6 address is malformed", "write it as http://[2001:db8::1]:8080") from None
    try:
        return host_name(text)
    except ValueError as error:
        raise _bad(str(error)) from None


def _index_path(path: str, mistakes: list[Mistake]) -> str:
    path, mark, _ = path.partition("#")
    if mark:
        mistakes.append(Mistake("it has a #, and what follows that is never sent"))
    path, mark, _ = path.partition("?")
    if mark:
        mistakes.append(Mistake("it has a ?, and behind that tools put the names of projects, unseen by an index"))
    last = path.rstrip("/").rpartition("/")[2]
    if last not in ("simple", "+simple"):
        mistakes.append(Mistake("its path does not end in /simple/, as that of most indexes does", False))
    return path


def _path(path: str) -> str:
    """Encoded where it has to be; what is encoded already stays."""
    if not _sound(path):
        raise _bad("its path has control characters", "leave them out")
    path = path if not path or path.startswith(("/", "?")) else f"/{path}"
    pieces, position = [], 0
    for code in _CODE.finditer(path):
        pieces += [quote(path[position : code.start()], safe=_PATH_SAFE + "?"), code[0]]
        position = code.end()
    return "".join([*pieces, quote(path[position:], safe=_PATH_SAFE + "?")])


def _sound(text: str) -> bool:
    return not any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in text)


def _one_of(kind: Kind) -> str:
    return f"use one of {', '.join(SCHEMES[kind])}"


def _bad(why: str, fix: str = "write it as http://user@proxy:8080") -> UsageError:
    return UsageError("bad-url", "this URL cannot be used", why=why, fix=fix)
