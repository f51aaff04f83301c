"""Reads the configuration of cntlm and of px: whose login they use, and which proxies.

`pipway credentials import` calls it. It gives credentials to keep and the settings that replace the rest; what cannot
be taken over is said in remarks.
"""

from __future__ import annotations

import configparser
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipway.dial.credentials.base import Credential
from pipway.dial.parent import Parent
from pipway.errors import PipwayError, UsageError
from pipway.wire.proxy_url import ProxyUrl, parse_proxy_url

_LONGEST = 1 << 18  # bytes

#: As cntlm reads a line: a value in quotes is taken as it is, any other ends at a #.
_CNTLM_LINE = re.compile(r'\s*(?P<word>[A-Za-z0-9]+)\s+(?![#;])(?:"(?P<quoted>[^"]*)"|(?P<plain>[^"#][^#]*))')


@dataclass(frozen=True, slots=True)
class Imported:
    """What was found."""

    credentials: tuple[tuple[Parent, Credential], ...]
    settings: str  #: TOML for pipway.toml, without secrets
    remarks: tuple[str, ...] = ()


def read_configuration(path: Path, *, px_password: Callable[[str], str | None] | None = None) -> Imported:
    """Read cntlm.conf, cntlm.ini or px.ini. UsageError when it is neither; `px_password` asks px's keyring entry."""
    try:
        data = path.read_bytes()[: _LONGEST + 1]
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError("import-unreadable", f"cannot read {path}", why=error.strerror or "", fix="check it") from None
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # what cntlm itself would take
    if len(data) > _LONGEST:
        raise UsageError("import-too-big", f"{path} is too large for such a file", fix="check the path")
    if re.search(r"(?mi)^\s*\[(proxy|client|settings)\]", text):
        return _px(text, px_password or _px_keyring)
    if re.search(r"(?mi)^\s*(username|proxy)\s+\S", text):
        return _cntlm(text)
    raise UsageError(
        "import-unknown",
        f"{path} is neither a cntlm nor a px configuration",
        fix="give cntlm.conf, cntlm.ini or px.ini",
    )


def _cntlm(text: str) -> Imported:
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if found := _CNTLM_LINE.match(line):
            value = found["quoted"] if found["quoted"] is not None else found["plain"].strip()
            if value:
                fields.setdefault(found["word"].lower(), []).append(value)
    remarks: list[str] = []
    user = _last(fields, "username")
    domain = _last(fields, "domain") or _last(fields, "workgroup")
    if "@" in user:
        user, _, domain = user.partition("@")
    who = f"{domain}\\{user}" if domain and user else user
    parents = [_parent(entry.replace(" ", ":"), who, remarks) for entry in fields.get("proxy", [])]
    credential = _cntlm_secret(fields, who, remarks)
    kept = tuple((parent, credential) for parent in parents if parent and credential)
    return Imported(kept, _settings([p for p in parents if p], _last(fields, "noproxy")), tuple(remarks))


def _cntlm_secret(fields: Mapping[str, list[str]], who: str, remarks: list[str]) -> Credential | None:
    if password := _last(fields, "password"):
        return Credential(who, password=password)
    digits = _last(fields, "passnt")
    if re.fullmatch(r"[0-9A-Fa-f]{32}", digits):
        return Credential(who, nt_hash=bytes.fromhex(digits))
    if _last(fields, "passntlmv2"):
        # It is HMAC-MD5 of the NT hash over user and domain (MS-NLMP §3.3.2): the NT hash cannot be had from it.
        remarks.append("PassNTLMv2 cannot be taken over; store the password itself: pipway credentials add")
    elif who:
        remarks.append("no password and no PassNT stands there; store it: pipway credentials add")
    return None


def _px(text: str, ask: Callable[[str], str | None]) -> Imported:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise UsageError("import-broken", "px.ini cannot be read", why=type(error).__name__, fix="check it") from None
    remarks: list[str] = []
    proxy = parser["proxy"] if parser.has_section("proxy") else {}
    who = proxy.get("username", "")
    servers = [entry.strip() for entry in proxy.get("server", "").split(",") if entry.strip()]
    parents = [parent for entry in servers if (parent := _parent(entry, who, remarks)) is not None]
    password = ask(who) if who else None
    if who and password is None:
        remarks.append("px's password is not in the keyring; store it: pipway credentials add")
    kept = tuple((parent, Credential(who, password=password)) for parent in parents if password is not None)
    return Imported(kept, _settings(parents, proxy.get("noproxy", ""), proxy.get("pac", "")), tuple(remarks))


def _px_keyring(user: str) -> str | None:
    """Px keeps it under the service "Px"."""
    try:
        found: str | None = importlib.import_module("keyring").get_password("Px", user)
    except Exception:  # absent, locked, without a backend: there is a remark about it
        return None
    return found


def _parent(text: str, user: str, remarks: list[str]) -> Parent | None:
    try:
        url: ProxyUrl = parse_proxy_url(text)
    except PipwayError as error:
        remarks.append(f"a proxy there cannot be used: {error.why}")
        return None
    return Parent(url.scheme, url.host, url.port, user or None, named=True)


def _settings(parents: list[Parent], no_proxy: str, pac: str = "") -> str:
    lines = []
    if parents:
        urls = ", ".join(
            f'"{parent.scheme}://{parent.account}"' if parent.user else f'"{parent}"' for parent in parents
        )
        lines += ["[parent]", f"url = [{urls}]", ""]
    quoted = {
        name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in (("no_proxy", no_proxy), ("pac", pac))
    }
    if no_proxy or pac:
        lines += ["[outbound]", *(f'{name} = "{value}"' for name, value in quoted.items() if value)]
    return "\n".join(lines).strip() + "\n"


def _last(fields: Mapping[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[-1]
