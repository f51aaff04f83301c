"""What pip and uv understand of a proxy's URL, and the proxy variables that do not say what somebody meant.

Pure; the clients, `pipway url --check` and doctor call it. What is said here was tried with pip 25.0.1 and 26.3
(urllib3 1.26 and 2.8) and uv 0.13.8, and tests/clients/test_proxies.py asks them again. Nothing here prints a login.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import unquote

from pipway.errors import UsageError
from pipway.wire.login_url import read

_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})
_SOCKS = ("socks4", "socks4a", "socks5", "socks5h")

# RFC 3986 appendix B. urllib3 ends the authority at a backslash, too, and takes for a scheme what has no dot in it.
_PARTS = re.compile(r"(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?://([^\\/?#]*))?([^?#]*)", re.DOTALL)
_HAS_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+-]*:|/")
_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\[\]:\s@]*)(?::([0-9]*))?")
# RFC 3986 §3.2 without what hyper's Uri refuses in an authority: anything but ASCII and a few signs.
_AUTHORITY = re.compile(r"[A-Za-z0-9!$&'()*+,\-.:;=@_~%\[\]]+")
_ODD = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:%-]")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Understanding:
    """What one tool makes of a proxy's URL."""

    works: bool  #: the proxy that is written there is asked, with the login that is written there
    text: str  #: what happens, in a sentence without the login
    scheme: str = ""
    host: str = field(default="", repr=False)  #: may be a piece of the login when it does not work, as may the port
    port: int | None = field(default=None, repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)  #: as it is sent
    login: bool = False  #: a login is sent at once


@dataclass(frozen=True, slots=True)
class Trap:
    """Something in a proxy's URL that does not mean what somebody meant."""

    code: str
    what: str  #: after "the proxy's URL"
    severe: bool = False  #: no tool, or one of them, gets through


def understood(url: str) -> Mapping[str, Understanding]:
    """What each tool makes of `url`, by the tool's name: pip, uv."""
    return {"pip": by_pip(url), "uv": by_uv(url)}


def by_pip(url: str) -> Understanding:
    """pip 20.3 to 26.3: requests and urllib3."""
    return _of_what_is_meant(url, "pip", _by_urllib3(url))


def by_uv(url: str) -> Understanding:
    """uv 0.13.8: reqwest and hyper-util. What they cannot read is ignored, without a word."""
    return _of_what_is_meant(url, "uv", _by_hyper(url))


def _of_what_is_meant(url: str, tool: str, said: Understanding) -> Understanding:
    """Where host or port are a piece of the login, the password even (`http://ann:31415#x@proxy:8080`): it does not
    work, and the sentence repeats neither."""
    _, at, meant = url.rpartition("@")
    host = _HOST.fullmatch(re.split(r"[/?#\\]", meant, maxsplit=1)[0].strip())
    if not at or not said.host:
        return said
    port = _PORTS.get(said.scheme, 1080)
    if host is not None and (host[1].strip("[]").lower(), int(host[2] or port)) == (said.host, said.port):
        return said
    return replace(said, works=False, text=f"{tool} takes a piece of the login for the host", login=False)


def _by_urllib3(url: str) -> Understanding:
    if not url:
        return Understanding(False, "empty: no proxy is used")
    match = _PARTS.match(url if _HAS_SCHEME.match(url) else f"//{url}")
    assert match is not None  # every part may be empty
    scheme, authority = match[1], match[2]
    if not authority and scheme:
        why = "the part before the first colon is taken for a scheme"
        return Understanding(False, f"pip stops: {why} (write http:// in front)")
    login, _, address = (authority or "").rpartition("@")
    host = _HOST.fullmatch(address)
    if host is None or not host[1]:
        return Understanding(False, "pip stops with InvalidURL or a traceback: it finds no host and port")
    scheme = (scheme or "http").lower()
    if scheme not in (*_PORTS, *_SOCKS):
        return Understanding(False, f"pip stops: it knows no scheme {scheme}")
    port = int(host[2]) if host[2] else _PORTS.get(scheme, 1080)
    if port > 65535:
        return Understanding(False, "pip stops: there is no such port", scheme, host[1])
    name = host[1].strip("[]").lower()
    if "\\" in url:
        return Understanding(False, "pip asks another host, for a backslash ends the host's name", scheme, name, port)
    if "[" in login or "]" in login:
        return Understanding(False, "pip stops with a traceback: a bracket begins an IPv6 address", scheme, name, port)
    user, colon, password = login.partition(":")
    text = f"pip asks {_shown(scheme, name, port)}"
    if login and not colon:
        return Understanding(False, f"{text}, without a login: there is no password", scheme, name, port)
    if scheme in _SOCKS:
        text += ", if PySocks is installed in the environment pip itself runs in"
    elif scheme == "https":
        text += ", and talks TLS to the proxy itself"
    if any(quoted in name for quoted in "'\""):
        return Understanding(False, f"{text}: the quote belongs to the name", scheme, name, port)
    return Understanding(
        True, _with_login(text, login), scheme, name, port, unquote(user), unquote(password), login=bool(login)
    )


def _by_hyper(url: str) -> Understanding:
    ignored = "uv ignores it and connects directly"
    if not url:
        return Understanding(False, "empty: no proxy is used")
    scheme, marker, rest = url.partition("://")
    if marker and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        scheme = scheme.lower()
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    else:
        scheme, authority = "http", url  # and nothing may follow it
    if scheme not in (*_PORTS, *_SOCKS):
        return Understanding(False, f"{ignored}: it knows no scheme {scheme}")
    if not _AUTHORITY.fullmatch(authority):
        return Understanding(False, f"{ignored}: it holds what must be percent-encoded")
    before, at, after = authority.partition("@")
    login, address = (before, after) if at else ("", authority)
    host = _HOST.fullmatch(address.rpartition("@")[2])
    if host is None and ":" in authority and not at:
        name = authority.partition(":")[0]
        return Understanding(False, "uv asks for the address of another host: it ends at / ? or #", scheme, name)
    if host is None or not host[1] or "[" in login or "]" in login:
        return Understanding(False, f"{ignored}: it finds no host and port")
    port = int(host[2]) if host[2] else _PORTS.get(scheme, 1080)
    if port > 65535:
        return Understanding(False, f"{ignored}: there is no such port", scheme, host[1])
    name = host[1].strip("[]").lower()
    user, _, password = (unquote(part) for part in login.partition(":")) if at else ("", "", "")
    text = f"uv asks {_shown(scheme, name, port)}"
    if at and "@" in address:
        text += ", with a password that ends at the first @"
        return Understanding(False, text, scheme, name, port, user, password, login=True)
    if scheme == "https":
        text += ", and talks TLS to the proxy itself"
    return Understanding(True, _with_login(text, login), scheme, name, port, user, password, login=bool(at))


def traps(url: str) -> list[Trap]:
    """What is wrong with a proxy's URL, or will surprise, the worst first."""
    if not url:
        return []
    if url != url.strip() or url.strip("'\"") != url:
        return [Trap("wrapped", "begins or ends with a space or a quote", severe=True)]
    scheme, _, rest = url.partition("://") if "://" in url else ("", "", url.removeprefix("//"))
    login, _, address = rest.rpartition("@")
    found = [*_login_traps(login), *_scheme_traps(scheme, url)]
    if not any(trap.severe for trap in found) and not by_pip(url).works:
        found.append(Trap("unreadable", "cannot be read as SCHEME://HOST:PORT", severe=True))
    elif re.fullmatch(r"[^:]*|\[.*\]", address.split("/")[0]) and not any(trap.severe for trap in found):
        found.append(Trap("no-port", f"names no port, so {_PORTS.get(scheme.lower() or 'http', 1080)} is meant"))
    return sorted(found, key=lambda trap: not trap.severe)


def _login_traps(login: str) -> list[Trap]:
    found = []
    if "\\" in login:
        found.append(Trap("backslash", "holds a backslash: pip asks another host, uv goes past the proxy", severe=True))
    cut = [sign for sign in "#/?" if sign in login]
    if cut:
        found.append(Trap("cut", f"holds {' '.join(cut)} in its login, where the host's name ends for it", severe=True))
    if "@" in login:
        found.append(Trap("at", "holds @ in its login: uv sends only what is before it", severe=True))
    odd = set(_ODD.findall(login)) - set("\\#/?@")
    if odd:
        found.append(Trap("unencoded", "holds a character in its login that uv cannot read", severe=True))
    if _PERCENT.search(login):
        found.append(Trap("percent", "holds % in its login that begins no %XX"))
    if login and ":" not in login:
        found.append(Trap("no-password", "names a user without a password, so pip sends no login", severe=True))
    return found


def _scheme_traps(scheme: str, url: str) -> list[Trap]:
    if not scheme:
        severe = not (by_pip(url).works and by_uv(url).works)
        return [
            Trap("no-scheme", "has no scheme" + (", which not every tool can read" if severe else ""), severe=severe)
        ]
    lowered = scheme.lower()
    if lowered == "https":
        return [Trap("https", "says https://, so TLS is spoken to the proxy itself, which few proxies do")]
    if lowered in _SOCKS:
        return [Trap("socks", "is a SOCKS proxy's: pip needs PySocks in its own environment")]
    if lowered != "http":
        return [Trap("scheme", f"has a scheme that no tool knows: {scheme}", severe=True)]
    return []


def corrected(url: str) -> str | None:
    """The URL as somebody meant it (`login_url.read`), its login percent-encoded; None when that cannot be told."""
    try:
        fixed = read(url).url.format()
    except UsageError:
        return None
    return fixed if by_pip(fixed).works and by_uv(fixed).works else None


#: what `sed` does to a proxy's URL to encode one sign of its login; a shell then need not show the password
_SED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "\\": (r"s/\\/%5C/g",),
        "#": ("s/#/%23/g",),
        "?": ("s/?/%3F/g",),
        " ": ("s/ /%20/g",),
        "/": (":s", r"s|\(//.*\)/\(.*@\)|\1%2F\2|", "ts"),
        "@": (":a", r"s/@\(.*@\)/%40\1/", "ta"),
    }
)


def shell_correction(name: str, url: str) -> tuple[str, ...]:
    """What a person pastes into a POSIX shell so that the variable `name` says `corrected(url)`, without its secret.

    () when that is not a matter of a few signs.
    """
    meant = corrected(url)
    if meant is None or meant == url:
        return ()
    if "@" not in url:
        return (f"export {name}={meant}",)
    login = url.partition("://")[2].rpartition("@")[0] if "://" in url else url.rpartition("@")[0]
    steps = [] if "://" in url else ["s|^|http://|"]
    steps += [step for sign, program in _SED.items() if sign in login for step in program]
    if not steps or set(_ODD.findall(login)) - set(_SED) or _PERCENT.search(login):
        return ()
    program = " ".join(f"-e '{step}'" for step in steps)
    return (f'export {name}="$(printf %s "${name}" | sed {program})"',)


def _shown(scheme: str, host: str, port: int | None) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _with_login(text: str, login: str) -> str:
    return f"{text}, with the login" if login else text
