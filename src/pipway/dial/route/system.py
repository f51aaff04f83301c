"""The operating system's proxy settings: Windows' registry, macOS' network settings, GNOME's on Linux.

Asked once, in a thread, when nothing else decided. Reading is split from understanding, which is pure.
"""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipway import platforms
from pipway.dial.base import Target
from pipway.dial.parent import Parent
from pipway.dial.route.environment import parent_of
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.errors import UsageError
from pipway.wire.proxy_url import ProxyUrl, parse_proxy_url

_SECONDS = 2.0  # for asking a desktop's settings
_LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
_SHORT_BLOCK = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})(?:/([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What the system says; `proxies` by target scheme."""

    proxies: Mapping[str, str]
    no_proxy: str = ""
    source: str = "the system's settings"


class System:
    """Conforms to `plan.Decider`."""

    def __init__(
        self, ask: Callable[[], SystemSettings | None], *, parent: Callable[[ProxyUrl], Parent] = parent_of
    ) -> None:
        """`ask` may block; it is asked once, at the first target. `parent` is as for `Environment`."""
        self._ask = ask
        self._parent_of = parent
        self._asked: asyncio.Future[SystemSettings | None] | None = None

    async def decide(self, target: Target) -> Plan | None:
        """The proxy of the target's scheme."""
        if self._asked is None:
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._ask))
        found = await asyncio.shield(self._asked)
        if found is None:
            return None
        url = found.proxies.get("http" if target.clear else "https") or found.proxies.get("socks")
        if not url:
            return None
        excepted = NoProxy(found.no_proxy or "none").match(target)
        if excepted is not None:
            return Plan((DIRECT,), f"excepted by {excepted.text} in {found.source}")
        try:
            return Plan((Way((self._parent_of(parse_proxy_url(url)),)),), found.source)
        except UsageError as error:
            raise UsageError(
                "bad-system-proxy", f"the proxy in {found.source} cannot be used", why=error.why, fix="correct it there"
            ) from None


def system_settings() -> SystemSettings | None:
    """Ask this system; None when it says nothing."""
    if sys.platform == "win32":
        return _named(urllib.request.getproxies_registry(), "Windows' internet options", windows_exceptions)
    if sys.platform == "darwin":
        return _named(urllib.request.getproxies_macosx_sysconf(), "macOS' network settings", macos_exceptions)
    return _gnome()


def _named(proxies: Mapping[str, str], source: str, read: Callable[[Sequence[str]], str]) -> SystemSettings | None:
    return SystemSettings(proxies, read(platforms.proxy_exceptions()), source) if proxies else None


def windows_exceptions(entries: Sequence[str]) -> str:
    """Windows' ProxyOverride as NO_PROXY: this machine itself is excepted unless `<-loopback>` says otherwise."""
    words = [word.strip().rpartition("://")[2] for word in entries]
    own = [] if "<-loopback>" in words else list(_LOOPBACK)
    return ",".join([*own, *(word for word in words if word and word != "<-loopback>")]) or "none"


def macos_exceptions(entries: Sequence[str]) -> str:
    """macOS' list as NO_PROXY: `169.254/16` and `10.1` are blocks of addresses there."""
    return ",".join([*_LOOPBACK, *(_block(word.strip()) for word in entries if word.strip())])


def _block(word: str) -> str:
    found = _SHORT_BLOCK.fullmatch(word)
    if found is None:
        return word
    octets = found[1].split(".")
    return f"{'.'.join([*octets, '0', '0', '0'][:4])}/{found[2] or 8 * len(octets)}"


def _gnome() -> SystemSettings | None:
    program = shutil.which("gsettings")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  (a fixed command)
            [program, "list-recursively", "org.gnome.system.proxy"], capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return gnome_settings(done.stdout) if done.returncode == 0 else None


def gnome_settings(listing: str) -> SystemSettings | None:
    """Understand `gsettings list-recursively org.gnome.system.proxy`; None unless its mode is manual."""
    values: dict[str, str] = {}
    for line in listing.splitlines()[:200]:
        schema, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        values[f"{schema.removeprefix('org.gnome.system.proxy').lstrip('.')}.{key}".lstrip(".")] = value.strip()
    if _text(values.get("mode", "")) != "manual":
        return None
    proxies = {}
    for scheme in ("http", "https", "socks"):
        host, port = _text(values.get(f"{scheme}.host", "")), values.get(f"{scheme}.port", "0")
        if host and port.isdigit() and int(port):
            proxies[scheme] = f"{'socks5h' if scheme == 'socks' else 'http'}://{host}:{port}"
    try:
        ignored = ast.literal_eval(values.get("ignore-hosts", "[]").removeprefix("@as "))
    except (ValueError, SyntaxError):
        ignored = []
    words = [word for word in ignored if isinstance(word, str)] if isinstance(ignored, list) else []
    return SystemSettings(proxies, ",".join(words), "GNOME's settings") if proxies else None


def _text(value: str) -> str:
    return value.strip("'\"")
