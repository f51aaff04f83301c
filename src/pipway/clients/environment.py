"""The variables that lead one command, and whatever it starts, through pipway.

Pure; `cli.run` calls it. What was set to lead elsewhere is replaced or left out, and named so that a person is told:
names only, because the values hold passwords.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

#: variable → whose: each takes the index's address. None of them adds an index to others.
INDEX: Mapping[str, str] = MappingProxyType(
    {
        "PIP_INDEX_URL": "pip, and what calls it: pipx, build, tox, hatch",
        # Empty would leave an extra index of pip.conf standing; pip asks an index that is named twice once.
        "PIP_EXTRA_INDEX_URL": "pip",
        "UV_DEFAULT_INDEX": "uv from 0.4.23",
        "UV_INDEX_URL": "older uv; newer ones prefer the one above",
        "PDM_PYPI_URL": "PDM",
        "PIPENV_PYPI_MIRROR": "pipenv, for sources that are the default index",
        "POETRY_PYPI_MIRROR_URL": "Poetry with poetry-plugin-pypi-mirror; without it Poetry is led by the proxy",
    }
)

#: Both cases: curl and Python read lower case first, uv and Go upper case first. PIP_PROXY joins them, for it is what
#: overrides `proxy` in pip.conf; pip then asks the index through the proxy, too, which for us is the same port.
PROXY = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")
NO_PROXY = ("no_proxy", "NO_PROXY")

#: What each tool reads its certificate authorities from. SSL_CERT_FILE replaces all roots for uv and OpenSSL.
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")

#: Left out, because they take packages from somewhere else, or keep the index from being asked or reached.
MISLEADING = (
    *("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_PROXY"),
    *("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_TORCH_BACKEND"),
)

#: Left out without a word: what a build script has no business to know. So are settings with a login in a URL.
SECRETS = ("PIPWAY_PARENT_PASSWORD", "PIPWAY_PARENT_NT_HASH", "PIPWAY_TOKEN")
_OURS, _LOGIN = "PIPWAY_", re.compile(r"//[^/?#\s\"']*@")

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Server:
    """What a command shall use of a pipway."""

    url: str  #: its address, as http://127.0.0.1:3141/
    index: bool = True  #: its index
    proxy: bool = False  #: its forward proxy
    bundle: str | None = None  #: a file with every certificate authority to believe, when it shows certificates itself


@dataclass(frozen=True, slots=True)
class Changes:
    """How an environment has to change."""

    given: Mapping[str, str]
    left_out: tuple[str, ...]
    replaced: tuple[str, ...]  #: of `given`: those that had another value, by name
    remarks: tuple[str, ...]  #: for people, one line each, without values

    def applied(self, environ: Mapping[str, str], *, secrets: bool = True) -> dict[str, str]:
        """The environment for a command; without `secrets` what it has no business to know is left out, too."""
        gone = {*self.left_out}
        if not secrets:
            gone |= {*SECRETS, *(name for name in environ if name.startswith(_OURS) and _LOGIN.search(environ[name]))}
        return {name: value for name, value in environ.items() if name not in gone} | dict(self.given)


def changes(server: Server, environ: Mapping[str, str], *, keep: Iterable[str] = ()) -> Changes:
    """What to change in `environ` for a command that shall go through `server`; `keep` names what stays as it is."""
    kept = set(keep)
    given: dict[str, str] = {}
    if server.index:
        given |= dict.fromkeys(INDEX, f"{server.url.rstrip('/')}/simple/")
        given |= _trusted_host(server.url)
    if server.proxy:
        given |= dict.fromkeys((*PROXY, "PIP_PROXY"), server.url.rstrip("/"))
    given |= dict.fromkeys(NO_PROXY, no_proxy(server.url, environ))
    if server.bundle:
        given |= dict.fromkeys(TRUST, server.bundle)
    given = {name: value for name, value in given.items() if name not in kept}
    left_out = tuple(name for name in MISLEADING if environ.get(name) and name not in kept and name not in given)
    replaced = tuple(
        name for name in given if name not in NO_PROXY and environ.get(name) and environ[name] != given[name]
    )
    return Changes(given, left_out, replaced, tuple(_remarks(server, environ, left_out, replaced)))


def no_proxy(url: str, environ: Mapping[str, str]) -> str:
    """The user's own exceptions and this machine, so that the index is never asked through a proxy.

    `*` stays alone: most tools understand it only so. What holds a login is dropped, it matches nothing.
    """
    mine = [entry.strip() for name in NO_PROXY for entry in _CONTROL.sub("", environ.get(name, "")).split(",")]
    if "*" in mine:
        return "*"
    entries = [entry for entry in mine if entry and "@" not in entry]
    host = urlsplit(url).hostname or ""
    return ",".join(dict.fromkeys([*entries, *_LOOPBACK, host]))


def _trusted_host(url: str) -> dict[str, str]:
    """pip refuses plain http unless the host is loopback or declared trusted."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost" or _is_loopback(host):
        return {}
    return {"PIP_TRUSTED_HOST": parts.netloc}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _remarks(
    server: Server, environ: Mapping[str, str], left_out: tuple[str, ...], replaced: tuple[str, ...]
) -> Iterable[str]:
    said = []
    if replaced:
        said.append(f"replaced for this command: {', '.join(replaced)}")
    if left_out:
        said.append(f"left out: {', '.join(left_out)}")
    if said:
        yield "; ".join(said) + " (--keep NAME keeps one, and may lead past pipway)"
    if server.proxy and no_proxy(server.url, environ) == "*":
        yield "NO_PROXY is *: whatever does not use the index goes past pipway"


def _in_single_quotes(text: str, escaped: str) -> str:
    return "'" + text.replace("'", escaped) + "'"


def _sh(changes: Changes) -> list[str]:
    gone = [f"unset {name}" for name in changes.left_out]
    return gone + [f"export {name}=" + _in_single_quotes(value, "'\\''") for name, value in changes.given.items()]


def _fish(changes: Changes) -> list[str]:
    def quoted(value: str) -> str:
        return _in_single_quotes(value.replace("\\", "\\\\"), "\\'")

    gone = [f"set -e {name}" for name in changes.left_out]
    return gone + [f"set -gx {name} {quoted(value)}" for name, value in changes.given.items()]


def _powershell(changes: Changes) -> list[str]:
    gone = [f"Remove-Item Env:{name} -ErrorAction Ignore" for name in changes.left_out]
    return gone + [f"$env:{name} = " + _in_single_quotes(value, "''") for name, value in changes.given.items()]


def _github(changes: Changes) -> list[str]:
    """For $GITHUB_ENV, which cannot unset: the tools take an empty variable for none."""
    gone = [f"{name}=" for name in changes.left_out]
    return gone + [f"{name}={value}" for name, value in changes.given.items()]


def _json(changes: Changes) -> list[str]:
    return [json.dumps({"set": dict(changes.given), "unset": list(changes.left_out)}, indent=2)]


#: name of a form → its lines
FORMS: Mapping[str, Callable[[Changes], list[str]]] = MappingProxyType(
    {"sh": _sh, "fish": _fish, "powershell": _powershell, "github": _github, "json": _json}
)
