"""The operating system's proxy settings: Windows' registry, macOS' network settings, GNOME's on Linux.

Asked in a thread when nothing else decided, and again from time to time. Reading is split from understanding, which is
pure. A PAC file that they name is followed; discovery (WPAD) is not: whoever answers first on a network could choose.
"""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipway import platforms
from pipway.dial.base import Target
from pipway.dial.parent import Parent
from pipway.dial.route.environment import parent_of
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.dial.route.system_pac import PacDecider, SystemPac, followed
from pipway.errors import UsageError
from pipway.trace import Trace
from pipway.wire.proxy_url import ProxyUrl, parse_proxy_url

_SECONDS = 2.0  # for asking a desktop's settings
_FRESH = 60.0  # seconds after which they are asked again
_MOST_LINES = 1000  # of what a system's tool prints
_LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
_SHORT_BLOCK = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})(?:/([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What the system says; `proxies` by target scheme. A PAC file comes before them, as it does in the systems."""

    proxies: Mapping[str, str]
    no_proxy: str = ""  #: exceptions of `proxies`; a PAC file makes its own
    source: str = "the system's settings"
    pac: str = ""  #: the URL of a PAC file


class System:
    """Conforms to `plan.Decider`."""

    def __init__(
        self,
        ask: Callable[[], SystemSettings | None],
        *,
        pac: Callable[[str], PacDecider],
        trace: Trace,
        no_proxy: NoProxy | None = None,
        parent: Callable[[ProxyUrl], Parent] = parent_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` may block, and raises OSError when it cannot tell; `parent` is as for `Environment`.

        `pac` makes what decides by the PAC file of a URL, and `no_proxy` are the targets for which it is not asked.
        """
        self._ask = ask
        self._make = pac
        self._trace = trace
        self._no_proxy = no_proxy or NoProxy("none")
        self._parent_of = parent
        self._clock = clock
        self._found: SystemSettings | None = None
        self._pac: SystemPac | None = None
        self._asked: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def decide(self, target: Target) -> Plan | None:
        """What the system's PAC file says, else the proxy of the target's scheme."""
        if self._asking is None and (self._asked is None or self._clock() - self._asked >= _FRESH):
            self._asking = asyncio.create_task(self._read())
        if self._asked is None and self._asking is not None:  # later on nobody waits
            await asyncio.shield(self._asking)
        found = self._found
        if found is None:
            return None
        if self._pac is not None:
            excepted = self._no_proxy.match(target)
            if excepted is not None:
                return Plan((DIRECT,), f"excepted by {excepted.text} in no_proxy")
            plan = await self._pac.decide(target)
            if plan is not None:
                return plan
        return self._by_proxies(found, target)

    def close(self) -> None:
        """Ask no more, and let go of the PAC file."""
        if self._asking is not None:
            self._asking.cancel()
        if self._pac is not None:
            self._pac.close()

    async def _read(self) -> None:
        try:
            found = await asyncio.to_thread(self._ask)
        except OSError:
            found = self._found  # it may be busy: what it said last still holds
        finally:
            self._asked, self._asking = self._clock(), None
        named = (found.pac, found.source) if found is not None else ("", "")
        if named != ((self._found.pac, self._found.source) if self._found is not None else ("", "")):
            self._follow(*named)
        self._found = found

    def _follow(self, url: str, source: str) -> None:
        if self._pac is not None:
            self._pac.retire()
            self._pac = None
        if not url:
            return
        decider = followed(url, self._make)
        if decider is None:
            remark = f"the PAC file that {source} name has no http://, https:// or file:/// address and is passed over"
            self._trace.emit("route.remark", remark=remark)
            return
        self._pac = SystemPac(decider, source=source, trace=self._trace, clock=self._clock)

    def _by_proxies(self, found: SystemSettings, target: Target) -> Plan | None:
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
    """Ask this system; None when it says nothing. OSError when it does not answer."""
    if sys.platform == "win32":
        proxies, pac = urllib.request.getproxies_registry(), platforms.autoconfig_url()
        return _named(proxies, pac, "Windows' internet options", windows_exceptions)
    if sys.platform == "darwin":
        proxies, pac = urllib.request.getproxies_macosx_sysconf(), macos_pac(_told("/usr/sbin/scutil", "--proxy"))
        return _named(proxies, pac, "macOS' network settings", macos_exceptions)
    program = shutil.which("gsettings")
    return gnome_settings(_told(program, "list-recursively", "org.gnome.system.proxy")) if program else None


def _named(
    proxies: Mapping[str, str], pac: str, source: str, read: Callable[[Sequence[str]], str]
) -> SystemSettings | None:
    if not proxies and not pac:
        return None
    return SystemSettings(proxies, read(platforms.proxy_exceptions()), source, pac)


def _told(*command: str) -> str:
    """What a system's tool prints; nothing when it fails. OSError when it does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} does not end") from None
    return done.stdout if done.returncode == 0 else ""


def macos_pac(listing: str) -> str:
    """The PAC file's URL in what `scutil --proxy` prints, "" for none. What holds for one interface stands deeper."""
    values: dict[str, str] = {}
    depth = 0
    for line in listing.splitlines()[:_MOST_LINES]:
        key, _, value = line.strip().partition(" : ")
        if depth == 1 and not value.endswith("{"):
            values.setdefault(key, value.strip())
        depth += line.rstrip().endswith("{") - (line.strip() == "}")
    return values.get("ProxyAutoConfigURLString", "") if values.get("ProxyAutoConfigEnable") == "1" else ""


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


def gnome_settings(listing: str) -> SystemSettings | None:
    """Understand `gsettings list-recursively org.gnome.system.proxy`; None unless it is manual, or auto with a URL."""
    values: dict[str, str] = {}
    for line in listing.splitlines()[:_MOST_LINES]:
        schema, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        values[f"{schema.removeprefix('org.gnome.system.proxy').lstrip('.')}.{key}".lstrip(".")] = value.strip()
    mode, pac = _text(values.get("mode", "")), _text(values.get("autoconfig-url", ""))
    if mode == "auto" and pac:  # without a URL it means discovery
        return SystemSettings({}, source="GNOME's settings", pac=pac)
    if mode != "manual":
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
