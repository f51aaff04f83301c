"""What in an installer's configuration stops it, or will be the reason when something else fails. Pure.

The configuration probe and the conditions of `explain` ask the same questions here, so both name the same causes. Each
judge gives the values that its cause's texts are filled with, or None when the configuration is free of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipway.clients.base import ConfigFile, Effective, Entry, Setting
from pipway.clients.proxies import Understanding, by_pip, by_uv, traps
from pipway.dial.base import Target
from pipway.dial.route.dialects import matches
from pipway.findings import Finding, Severity
from pipway.wire.proxy_url import ProxyUrl

Values = Mapping[str, str]
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]+){3}|::1")
_CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_STOPS = re.compile(r"^.{0,300}?(?:refuses to start|stops pip)(?= in line|: )(?::| in)? ")
_FILE_VARIABLES = ("PIP_CONFIG_FILE", "UV_CONFIG_FILE")
_ALL = "names reach proxy connect login portal tls index download clients"
_WAY = "names reach proxy connect login portal"


@dataclass(frozen=True, slots=True)
class View:
    """One installer as it is set up."""

    tool: str
    version: str = ""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    effective: Mapping[Setting, Effective] = field(default_factory=dict, repr=False)
    findings: Sequence[Finding] = ()  #: what its client says of its files
    files: Sequence[ConfigFile] = ()
    asked: str = field(default="", repr=False)  #: the index that is asked, where it is not the configured one

    @property
    def index(self) -> str:
        """The index that is asked."""
        return self.asked or self.value(Setting.INDEX)

    def value(self, setting: Setting) -> str:
        """The one value of a setting, "" for none."""
        found = self.effective.get(setting)
        return found.value if found else ""

    def entry(self, setting: Setting) -> Entry | None:
        """Who said so."""
        found = self.effective.get(setting)
        return found.entries[0] if found and found.entries else None

    def shadows(self, setting: Setting) -> tuple[Entry, ...]:
        """Who said something else, without effect."""
        found = self.effective.get(setting)
        return found.shadows if found else ()

    def said(self, setting: Setting) -> dict[str, str]:
        """Where a setting comes from: `whence`, and `variable` or `option` or `key`, whichever it is."""
        entry = self.entry(setting)
        return whence(entry) if entry else {}


def whence(entry: Entry) -> dict[str, str]:
    """Where something is said: `whence`, and `variable`, or `option`, or `key` and `file`."""
    found = {"whence": str(entry.place)}
    if entry.key.startswith("-"):
        return found | {"option": entry.key}
    if _VARIABLE.fullmatch(entry.key) and entry.place.line is None:
        return found | {"variable": entry.key}
    return found | {"key": entry.key, "file": entry.place.name}


def dialect(tool: str) -> str:
    """How it reads NO_PROXY (`dial.route.dialects`): all but uv are requests, or read like it."""
    return "uv" if tool == "uv" else "requests"


def read_proxy(tool: str, url: str) -> Understanding:
    """What the tool makes of a proxy's URL."""
    return by_uv(url) if tool == "uv" else by_pip(url)


def proxy_of(view: View) -> ProxyUrl | None:
    """The proxy that it sends requests for its index to; None for none, and where it cannot read the URL."""
    url = view.value(Setting.PROXY)
    read = read_proxy(view.tool, url) if url else None
    if read is None or not read.works or read.port is None:
        return None
    login = (read.user, read.password) if read.login else (None, None)
    return ProxyUrl("socks5h" if read.scheme == "socks" else read.scheme, read.host, read.port, *login)  # type: ignore[arg-type]


def target_of(url: str) -> Target:
    """Whom a URL leads to."""
    parts = urlsplit(url)
    clear = parts.scheme == "http"
    return Target(parts.hostname or "", _port(url) or (80 if clear else 443), clear)


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def excepted(view: View) -> bool:
    """Whether it asks its index without the proxy."""
    text = view.value(Setting.NO_PROXY)
    return bool(text) and matches(dialect(view.tool), text, target_of(view.index))


# -- what stops an install -------------------------------------------------------------------------------------------


def _trapped(code: str) -> Callable[[View], Values | None]:
    def judge(view: View) -> Values | None:
        url = view.value(Setting.PROXY)
        if not url or read_proxy(view.tool, url).works:
            return None
        severe = [trap.code for trap in traps(url) if trap.severe]
        named = next((each for each in severe if each in _TRAPS), "")
        return view.said(Setting.PROXY) if named == code else None

    return judge


_TRAPS = ("backslash", "cut", "at")


def _unreadable_proxy(view: View) -> Values | None:
    url = view.value(Setting.PROXY)
    if not url:
        return None
    read = read_proxy(view.tool, url)
    severe = [trap for trap in traps(url) if trap.severe]
    known = any(trap.code in (*_TRAPS, "no-password") for trap in severe)
    return None if read.works or known else {**view.said(Setting.PROXY), "reason": read.text}


def _unreadable_index(view: View) -> Values | None:
    index = view.index
    parts = urlsplit(index)
    if not index or parts.scheme == "file" or (parts.scheme in ("http", "https") and parts.hostname):
        return None
    return {**view.said(Setting.INDEX), "index": index}


def _ignored_index(view: View) -> Values | None:
    """pip asks http only where it is told to trust the host; loopback needs no such word."""
    parts = urlsplit(view.index)
    host, port = (parts.hostname or "").lower(), _port(view.index)
    if view.tool != "pip" or parts.scheme != "http" or _LOOPBACK.fullmatch(host):
        return None
    trusted = view.effective.get(Setting.TRUSTED_HOSTS)
    names = {name.lower() for name in (trusted.values if trusted else ())}
    if names & {host, f"{host}:{port}", "*"}:
        return None
    return {**view.said(Setting.INDEX), "index": view.index, "host": host}


def _no_index(view: View) -> Values | None:
    if view.value(Setting.NO_INDEX).lower() not in ("yes", "true", "1", "on"):
        return None
    links = view.effective.get(Setting.FIND_LINKS)
    return {
        **view.said(Setting.NO_INDEX),
        "links": ", ".join(links.values) if links and links.values else "nothing else",
    }


def _offline(view: View) -> Values | None:
    on = view.environ.get("UV_OFFLINE", "").lower() in ("1", "true", "yes", "on", "y", "t")
    return {"variable": "UV_OFFLINE", "whence": "UV_OFFLINE"} if view.tool == "uv" and on else None


def _stopped(view: View) -> Values | None:
    """The client's own word: a file that keeps it from starting."""
    for each in view.findings:
        if each.place is None or each.place.name in _CA_VARIABLES:  # it starts, and then believes nobody
            continue
        if each.id in ("PW702", "PW703") and each.severity >= Severity.HIGH:
            line = {"line": str(each.place.line)} if each.place.line else {}
            reason = _STOPS.sub("", each.what)
            return {"file": each.place.name, "reason": reason, "whence": str(each.place), **line}
    return None


# -- what explains a failure -----------------------------------------------------------------------------------------


def _other_case(view: View) -> Values | None:
    """The same variable in both cases, with different values."""
    entry = view.entry(Setting.PROXY)
    if entry is None or entry.layer != "environment":
        return None
    for other in view.shadows(Setting.PROXY):
        if other.key != entry.key and other.key.lower() == entry.key.lower() and other.value != entry.value:
            return {"variable": entry.key, "other": other.key, "whence": entry.key}
    return None


def _lost_exception(view: View) -> Values | None:
    """pip's own proxy option takes NO_PROXY's exceptions away."""
    entry = view.entry(Setting.PROXY)
    if view.tool != "pip" or entry is None or view.value(Setting.NO_PROXY):
        return None
    target = target_of(view.index)
    if not any(matches("requests", each.value, target) for each in view.shadows(Setting.NO_PROXY)):
        return None
    return {**whence(entry), "host": target.host}


def _other_scheme(view: View) -> Values | None:
    """Only http_proxy is there, and the index is https."""
    if view.value(Setting.PROXY) or urlsplit(view.index).scheme != "https":
        return None
    for name in ("HTTP_PROXY", "http_proxy"):
        if view.environ.get(name):
            wanted = "HTTPS_PROXY" if name.isupper() else "https_proxy"
            return {"variable": name, "wanted": wanted, "whence": name}
    return None


def _no_password(view: View) -> Values | None:
    url = view.value(Setting.PROXY)
    if not url or not any(trap.code == "no-password" for trap in traps(url)):
        return None
    return view.said(Setting.PROXY)


def _without_simple(view: View) -> Values | None:
    parts = urlsplit(view.index)
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or "simple" in path.split("/"):
        return None
    root = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path).geturl().rstrip("/")
    return {**view.said(Setting.INDEX), "index": root, "simple": f"{root}/simple/"}


def _user_alone(view: View) -> Values | None:
    """A user in the index's URL and no password: a client that may not ask gets no further."""
    parts = urlsplit(view.index)
    if not parts.username or parts.password:
        return None
    host = (parts.hostname or "").lower()
    index = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return {**view.said(Setting.INDEX), "user": parts.username, "host": host, "index": index}


def _never_read(view: View) -> Values | None:
    for each in view.findings:
        if each.id == "PW701" and each.place is not None and each.place.name not in _FILE_VARIABLES:
            right = next((file for file in reversed(view.files) if file.scope == "user"), None)
            found = {"file": each.place.name, "reason": each.why, "whence": each.place.name}
            movable = right is not None and not right.exists and str(right.path) != each.place.name
            return found | ({"right": str(right.path), "folder": str(right.path.parent)} if right and movable else {})
    return None


def _missing_file(view: View) -> Values | None:
    """PIP_CONFIG_FILE leads nowhere, and pip goes on without it."""
    for each in view.findings:
        if each.id == "PW701" and each.place is not None and each.place.name in _FILE_VARIABLES:
            name = each.place.name
            return {"variable": name, "missing": view.environ.get(name, ""), "whence": name}
    return None


def _hashes(view: View) -> Values | None:
    """Asked for in a file or a variable, so that it holds for every command."""
    entry = view.entry(Setting.HASHES)
    if entry is None or entry.layer == "command line" or view.value(Setting.HASHES).lower() not in ("yes", "true", "1"):
        return None
    return whence(entry)


def extra_index(view: View) -> Values | None:
    extra = view.effective.get(Setting.EXTRA_INDEXES)
    others = [url for url in (extra.values if extra else ()) if url.rstrip("/") != view.index.rstrip("/")]
    if not others:
        return None
    assert extra is not None
    said = whence(extra.entries[0]) if extra.entries else {}
    return {**said, "index": view.index, "extra": others[0]}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A cause that can be seen in the configuration."""

    cause: str
    judge: Callable[[View], Values | None]
    explains: frozenset[str] = frozenset()  #: causes and steps; empty: it stops every install by itself
    quiet: bool = False  #: no word of it while everything works


def _suspect(cause: str, judge: Callable[[View], Values | None], explains: str = "", *, quiet: bool = False) -> Suspect:
    return Suspect(cause, judge, frozenset(explains.split()), quiet)


#: The ones that stop an install, then those that explain a failure, the most telling first.
SUSPECTS: tuple[Suspect, ...] = (
    _suspect("config-stops-client", _stopped),
    _suspect("proxy-url-backslash", _trapped("backslash")),
    _suspect("proxy-url-cut", _trapped("cut")),
    _suspect("proxy-url-at", _trapped("at")),
    _suspect("proxy-url-unreadable", _unreadable_proxy),
    _suspect("index-url-unreadable", _unreadable_index),
    _suspect("index-switched-off", _no_index),
    _suspect("client-offline", _offline),
    _suspect("index-http-ignored", _ignored_index),
    _suspect("no-proxy-lost", _lost_exception, _ALL),
    _suspect("proxy-variables-differ", _other_case, _WAY),
    _suspect("proxy-for-http-only", _other_scheme, _WAY),
    _suspect("proxy-user-alone", _no_password, "connect login proxy-login-required", quiet=True),
    _suspect("index-user-alone", _user_alone, "index-wants-login index-login-refused", quiet=True),
    _suspect("index-url-without-simple", _without_simple, "index clients", quiet=True),
    _suspect("hashes-everywhere", _hashes, "hashes-everywhere"),
    _suspect("config-file-missing", _missing_file, _ALL),
    _suspect("config-never-read", _never_read, _ALL),
)
