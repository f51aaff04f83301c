"""What `pipway configure` is asked for: read strictly, and only what is safe to write into a file.

An index over TLS, or on this machine; no login in an argument; authorities that are some.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pipway.cli.arguments import no_logins, no_passwords
from pipway.clients.base import Setting, Wish
from pipway.clients.snippets import Needs
from pipway.errors import UsageError
from pipway.wire.login_url import Kind, LoginUrl, read

if TYPE_CHECKING:
    from pipway.settings import Settings

Via = Literal["index", "proxy", "both"]

#: What leads past the one index, or switches verification off.
BESIDE = frozenset({Setting.EXTRA_INDEXES, Setting.FIND_LINKS, Setting.NO_INDEX, Setting.TRUSTED_HOSTS})
EXTRA = frozenset({Setting.EXTRA_INDEXES, Setting.FIND_LINKS})


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `configure`, as they were typed."""

    index_url: str | None = None
    index_variable: str | None = None
    proxy: str | None = None
    proxy_variable: str | None = None
    no_proxy: bool = False
    ca: Path | None = None
    timeout: int | None = None
    require_virtualenv: bool = False
    via: Via | None = None
    keep_extra: bool = False

    @property
    def elsewhere(self) -> bool:
        """Whether something else than this machine's pipway is meant."""
        given = (self.index_url, self.index_variable, self.proxy, self.proxy_variable, self.ca)
        return self.no_proxy or any(value is not None for value in given)


@dataclass(frozen=True, slots=True)
class Meant:
    """A wish, and what there is to say about it."""

    wish: Wish
    secret: bool = False  #: a login is in it
    pipway: str = ""  #: the address of the pipway that is meant, "" for something else
    remarks: tuple[str, ...] = field(default=())


def meant(asked: Asked, settings: Settings, environ: Mapping[str, str], *, dry_run: bool = False) -> Meant:
    """What to ask of every tool. UsageError when it cannot, or must not, be written."""
    if asked.timeout is not None and not 0 < asked.timeout <= 86400:
        raise UsageError("bad-timeout", "--timeout is no number of seconds", fix="write 1 to 86400")
    if asked.via is not None and asked.elsewhere:
        raise UsageError(
            "configure-what", "--via is about this machine's pipway, the other options about something else",
            fix="leave --via out",
        )  # fmt: skip
    if asked.no_proxy and (asked.proxy or asked.proxy_variable):
        raise UsageError("configure-what", "--proxy and --no-proxy are opposites", fix="leave one of them out")
    index = _index(asked, environ)
    proxy = _proxy(asked, environ)
    ca = None if asked.ca is None else _authorities(asked.ca)
    pipway, remarks = "", []
    if not asked.elsewhere:
        pipway = address(settings)
        via = asked.via or "index"
        index = read(f"{pipway}simple/", "index").url if via != "proxy" else None
        proxy = read(pipway, "proxy").url if via != "index" else None
        if proxy is not None:
            ca = _pipways_authorities(settings, environ, dry_run=dry_run)
    if index is not None:
        _safe(index, ours=bool(pipway))
    if proxy is not None and proxy.password is not None and proxy.scheme != "https" and not loopback(proxy.host):
        remarks.append(
            f"the login goes to {proxy.host} unencrypted; pipway serve --parent can keep and send it instead"
        )
    drop = frozenset[Setting]()
    if index is not None:
        drop |= BESIDE - (EXTRA if asked.keep_extra else frozenset())
    # A proxy elsewhere cannot reach an index on this machine.
    if asked.no_proxy or (proxy is None and index is not None and loopback(index.host)):
        drop |= {Setting.PROXY}
    wish = Wish(
        index=None if index is None else index.format(),
        proxy=None if proxy is None else proxy.format(),
        ca=ca,
        timeout=asked.timeout,
        require_virtualenv=True if asked.require_virtualenv else None,
        drop=drop,
        keep=EXTRA if asked.keep_extra else frozenset(),
    )
    secret = any(url is not None and (url.user, url.password) != (None, None) for url in (index, proxy))
    return Meant(wish, secret, pipway, tuple(remarks))


def needs(asked: Asked, environ: Mapping[str, str]) -> Needs:
    """What a snippet shall say. A login in a URL is left to the secrets of the place. UsageError as for `meant`."""
    if asked.via or asked.no_proxy or asked.timeout is not None or asked.require_virtualenv or asked.keep_extra:
        raise UsageError(
            "configure-what", "a snippet takes an index, a proxy and authorities", fix="leave the other options out"
        )
    index, proxy = _index(asked, environ), _proxy(asked, environ)
    if index is not None:
        _safe(index, ours=False)
    secret = proxy is not None and proxy.user is not None
    return Needs(
        index="" if index is None or index.user is not None else index.format(),
        proxy="" if proxy is None or secret else proxy.format(),
        proxy_secret=secret,
        ca="" if asked.ca is None else asked.ca.as_posix(),
    )


def address(settings: Settings) -> str:
    """Where the pipway of these settings is reached from this machine, with a slash at the end."""
    host, port = settings.server.listen
    if not port:
        raise UsageError(
            "no-fixed-port",
            "server.listen has port 0: every start takes another one",
            fix="give server.listen a port, or name an index with --index-url",
        )
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  (recognised, not bound)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def loopback(host: str) -> bool:
    """Whether only this machine is there: what pip lets be without TLS."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _index(asked: Asked, environ: Mapping[str, str]) -> LoginUrl | None:
    no_logins(
        "--index-url",
        [asked.index_url or ""],
        instead="a variable, named with --index-variable NAME, into .netrc or a keyring",
        file="",
    )
    text = _one("--index-url", asked.index_url, "--index-variable", asked.index_variable, environ)
    return None if text is None else _strict(text, "index")


def _proxy(asked: Asked, environ: Mapping[str, str]) -> LoginUrl | None:
    no_passwords(
        "--proxy",
        [asked.proxy or ""],
        instead="a variable, named with --proxy-variable NAME, or better: pipway credentials add, and pipway as proxy",
    )
    text = _one("--proxy", asked.proxy, "--proxy-variable", asked.proxy_variable, environ)
    return None if text is None else _strict(text, "proxy")


def _one(option: str, text: str | None, other: str, name: str | None, environ: Mapping[str, str]) -> str | None:
    if name is None:
        return text
    if text is not None:
        raise UsageError("configure-what", f"{option} and {other} say the same", fix="leave one of them out")
    if not environ.get(name):
        raise UsageError("variable-unset", f"{name} is not set", fix="name a variable that is exported")
    return environ[name]


def _strict(text: str, kind: Kind) -> LoginUrl:
    """What tools would misunderstand is not written."""
    reading = read(text, kind)
    wrong = [str(mistake) for mistake in reading.mistakes if mistake.harmful]
    if wrong:
        raise UsageError(
            "bad-url",
            f"the {kind}'s URL is not written right",
            why="; ".join(wrong),
            fix=f"write {reading.url}"
            + (" (pipway url --check --show prints all of it)" if reading.url.password else ""),
        )
    return reading.url


def in_clear(index: LoginUrl) -> bool:
    """Whether an index is asked over a network without TLS."""
    return index.scheme != "https" and not loopback(index.host)


def _safe(index: LoginUrl, *, ours: bool) -> None:
    if not in_clear(index):
        return
    raise UsageError(
        "index-without-tls",
        f"{index.host} is asked without TLS",
        why="whoever is on the way can change what is installed; pip ignores such an index unless checks are off",
        fix="let server.listen be 127.0.0.1, or put TLS before it and give --index-url https://…"
        if ours
        else f"use https://{urlsplit(str(index)).netloc.rpartition('@')[2]}{index.path}, or a pipway on this machine",
    )


def _authorities(file: Path) -> Path:
    """A PEM file with certificates, and without a private key."""
    try:
        text = file.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            "bad-ca",
            f"cannot use {file}",
            why=error.strerror if error.errno and error.strerror else "it has no certificate in PEM form",
            fix="give a PEM file, which begins with -----BEGIN CERTIFICATE-----",
        ) from None
    if b"PRIVATE KEY-----" in text:
        raise UsageError(
            "bad-ca",
            f"{file} holds a private key",
            why="every tool would read it",
            fix=f"openssl x509 -in {shlex.quote(str(file))} -out ca.pem",
        )
    return file.absolute()


def _pipways_authorities(settings: Settings, environ: Mapping[str, str], *, dry_run: bool) -> Path | None:
    """One file with this system's roots, the user's own and pipway's, where it shows certificates of its own."""
    extra = [*settings.trust.extra_ca]
    if not settings.intercept.enabled and not extra:
        return None
    file = settings.data / "ca-bundle.pem"
    if dry_run:
        return file.absolute()
    from pipway.cli.bundle import write

    if settings.intercept.enabled:
        import asyncio

        from pipway import interception
        from pipway.trace import Trace

        authority, _ = asyncio.run(interception.opened(settings, os.environ, Trace()))
        extra.append(authority.bundle)
    return write(file, extra, environ).absolute()
