"""The operating system's proxy settings: read, understood, kept up to date; the PAC file that they name."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
import types
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from pipway import platforms
from pipway.dial.base import Target
from pipway.dial.parent import Parent
from pipway.dial.route import system as module
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.dial.route.system import (
    System,
    SystemSettings,
    gnome_settings,
    macos_exceptions,
    macos_pac,
    system_settings,
    windows_exceptions,
)
from pipway.errors import NoWayOut, PipwayError
from pipway.trace import Trace

FILES, CLEAR = Target("files.example", 443), Target("files.example", 80, clear=True)
URL = "http://pac.example/proxy.pac"
BY_FILE = Way((Parent("http", "by-file.example", 8080),))
BY_HAND = Way((Parent("http", "proxy.example", 8080, named=True),))
MISSING = NoWayOut("pac-unavailable", "the PAC file cannot be had", why="nobody is there")


class Pac:
    """Stands in for a PAC file's decider; can be missing, and can be slow."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = 0
        self.closed = False
        self.error: PipwayError | None = None
        self.hold: asyncio.Event | None = None

    async def decide(self, target: Target) -> Plan | None:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
            assert not self.closed, "somebody is asking"
        if self.error is not None:
            raise self.error
        return Plan((BY_FILE,), "the PAC file answers 'PROXY by-file.example:8080'")

    def close(self) -> None:
        self.closed = True


class Desktop:
    """A system whose settings change, the deciders made of its PAC files, and what was remarked."""

    def __init__(self, *, pac: str = URL, proxies: dict[str, str] | None = None) -> None:
        self.now = 0.0
        self.settings: SystemSettings | None = SystemSettings(proxies or {}, "", "the desktop's settings", pac)
        self.error: OSError | None = None
        self.asked = 0
        self.pacs: list[Pac] = []
        self.pac_error: PipwayError | None = None  #: of new ones
        self.remarks: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        trace = Trace()
        trace.listen(lambda name, facts: self.remarks.append(f"{name}: {facts['remark']}"))
        self.system = System(
            self._ask, pac=self._pac, trace=trace, no_proxy=NoProxy("localhost"), clock=lambda: self.now
        )

    def _ask(self) -> SystemSettings | None:
        self.asked += 1
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return self.settings

    def _pac(self, url: str) -> Pac:
        self.pacs.append(Pac(url))
        self.pacs[-1].error = self.pac_error
        return self.pacs[-1]

    async def way(self, target: Target = FILES) -> str:
        """What is decided, "" for nothing."""
        plan = await self.system.decide(target)
        return "" if plan is None else str(plan.ways[0])

    async def settled(self) -> None:
        """What goes on beside the decisions has ended."""
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


async def test_proxies_by_hand_and_their_exceptions() -> None:
    desktop = Desktop()
    desktop.settings = SystemSettings({"https": "proxy.example:8080"}, "localhost", "the system")
    assert await desktop.system.decide(FILES) == Plan((BY_HAND,), "the system")
    assert await desktop.system.decide(Target("localhost", 443)) == Plan(
        (DIRECT,), "excepted by localhost in the system"
    )
    assert await desktop.system.decide(CLEAR) is None
    assert desktop.asked == 1


async def test_a_system_that_says_nothing_or_does_not_answer() -> None:
    desktop = Desktop()
    desktop.settings = None
    assert await desktop.way() == ""
    desktop = Desktop()
    desktop.error = TimeoutError()
    assert await desktop.way() == ""


async def test_the_pac_file_comes_before_the_proxies_and_says_who_named_it() -> None:
    desktop = Desktop(proxies={"https": "proxy.example:8080"})
    assert await desktop.system.decide(FILES) == Plan(
        (BY_FILE,),
        "the system's PAC file URL (the desktop's settings): the PAC file answers 'PROXY by-file.example:8080'",
    )
    assert [pac.url for pac in desktop.pacs] == [URL]


async def test_exceptions_do_not_need_the_file() -> None:
    desktop = Desktop()
    assert await desktop.system.decide(Target("localhost", 443)) == Plan((DIRECT,), "excepted by localhost in no_proxy")
    assert desktop.pacs[0].asked == 0


async def test_changed_settings_hold_after_a_minute_and_nobody_waits_for_them() -> None:
    desktop = Desktop()
    assert await desktop.way() == "http://by-file.example:8080"
    desktop.settings = SystemSettings({"https": "proxy.example:8080"})
    desktop.now = 59
    assert await desktop.way() == "http://by-file.example:8080"
    assert desktop.asked == 1
    desktop.now = 61
    desktop.gate.clear()
    for _ in range(3):
        assert await desktop.way() == "http://by-file.example:8080", "as known, while the system takes its time"
    desktop.gate.set()
    await desktop.settled()
    assert await desktop.way() == "http://proxy.example:8080"
    assert desktop.asked == 2
    assert desktop.pacs[0].closed


async def test_the_first_ones_wait_for_one_answer() -> None:
    desktop = Desktop()
    assert set(await asyncio.gather(*(desktop.way() for _ in range(5)))) == {"http://by-file.example:8080"}
    assert desktop.asked == 1
    assert len(desktop.pacs) == 1


async def test_the_same_settings_keep_the_file() -> None:
    desktop = Desktop()
    await desktop.way()
    desktop.now = 61
    await desktop.way()
    await desktop.settled()
    await desktop.way()
    assert desktop.asked == 2
    assert len(desktop.pacs) == 1
    assert not desktop.pacs[0].closed


async def test_a_system_that_does_not_answer_any_more_said_what_it_said() -> None:
    desktop = Desktop()
    await desktop.way()
    desktop.error = TimeoutError()
    desktop.now = 61
    await desktop.way()
    await desktop.settled()
    assert desktop.asked == 2
    assert await desktop.way() == "http://by-file.example:8080"


async def test_who_is_asking_a_file_that_is_replaced_gets_an_answer() -> None:
    desktop = Desktop()
    await desktop.way()
    first = desktop.pacs[0]
    first.hold = asyncio.Event()
    asking = asyncio.create_task(desktop.way())
    desktop.settings = SystemSettings({}, pac="http://pac.example/other.pac")
    desktop.now = 61
    waiting = asyncio.create_task(desktop.way())
    while len(desktop.pacs) == 1:
        await asyncio.sleep(0)
    assert [pac.closed for pac in desktop.pacs] == [False, False]
    first.hold.set()
    assert await asking == await waiting == "http://by-file.example:8080"
    assert [pac.closed for pac in desktop.pacs] == [True, False]


@pytest.mark.parametrize(("proxies", "way"), [({"https": "proxy.example:8080"}, "http://proxy.example:8080"), ({}, "")])
async def test_a_file_that_cannot_be_had_is_passed_over(proxies: dict[str, str], way: str) -> None:
    """Then the proxies of the same settings hold, if there are any, as in the systems themselves."""
    desktop = Desktop(proxies=proxies)
    desktop.pac_error = MISSING
    assert [await desktop.way() for _ in range(3)] == [way] * 3
    assert desktop.pacs[0].asked == 1, "who comes later does not wait for it"
    assert desktop.remarks == [
        "route.remark: the PAC file that the desktop's settings name cannot be had and is passed over: nobody is there"
    ]


async def test_a_missing_file_is_asked_for_again_and_nobody_waits() -> None:
    desktop = Desktop()
    desktop.pac_error = MISSING
    await desktop.way()
    (pac,) = desktop.pacs
    desktop.now = 61
    assert await desktop.way() == ""
    await desktop.settled()
    assert (pac.asked, len(desktop.remarks)) == (2, 1), "still missing, and nothing new to tell"
    pac.error, pac.hold = None, asyncio.Event()
    desktop.now = 122
    assert [await desktop.way() for _ in range(3)] == [""] * 3
    pac.hold.set()
    await desktop.settled()
    assert await desktop.way() == "http://by-file.example:8080"


async def test_a_file_that_is_there_and_no_use_is_an_error_not_direct() -> None:
    desktop = Desktop()
    desktop.pac_error = NoWayOut("pac-failed", "the PAC file cannot be used")
    for _ in range(2):
        with pytest.raises(NoWayOut):
            await desktop.way()
    assert desktop.remarks == []


@pytest.mark.parametrize(
    "url", ["proxy.pac", "/etc/proxy.pac", "data:,x", "ftp://pac.example/x", "http://", "file://pac.example/x"]
)
async def test_what_is_no_address_of_a_file_is_not_followed(url: str) -> None:
    """A bare word would be a path in whatever folder the server was started in."""
    desktop = Desktop(pac=url)
    assert await desktop.way() == ""
    assert desktop.pacs == []
    assert len(desktop.remarks) == 1


async def test_closing_lets_go_of_the_file() -> None:
    desktop = Desktop()
    await desktop.way()
    desktop.system.close()
    assert desktop.pacs[0].closed


def on(monkeypatch: pytest.MonkeyPatch, platform: str, proxies: str, found: dict[str, str]) -> None:
    """Be that platform, as far as its proxy settings go."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(urllib.request, proxies, lambda: found, raising=False)


class Registry:
    """As much of `winreg` as is used."""

    HKEY_CURRENT_USER = "HKCU"

    def __init__(self, **values: str) -> None:
        self.values = values

    def OpenKey(self, root: str, path: str) -> Registry:
        if (root, path) != ("HKCU", r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"):
            raise FileNotFoundError(path)
        return self

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def QueryValueEx(self, key: Registry, name: str) -> tuple[str, int]:
        try:
            return key.values[name], 1
        except KeyError:
            raise FileNotFoundError(name) from None


WINDOWS = "Windows' internet options"


@pytest.mark.parametrize(
    ("values", "proxies", "expected"),
    [
        ({}, {}, None),
        ({"AutoConfigURL": ""}, {}, None),
        ({"AutoConfigURL": URL}, {}, SystemSettings({}, windows_exceptions([]), WINDOWS, URL)),
        (
            {"AutoConfigURL": f" {URL}", "ProxyOverride": "*.corp.example;<local>"},
            {"https": "http://proxy.example:8080"},
            SystemSettings(
                {"https": "http://proxy.example:8080"},
                windows_exceptions(["*.corp.example", "<local>"]),
                WINDOWS,
                URL,
            ),
        ),
    ],
)
def test_windows(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], proxies: dict[str, str], expected: SystemSettings | None
) -> None:
    monkeypatch.setattr(platforms, "winreg", Registry(**values), raising=False)
    on(monkeypatch, "win32", "getproxies_registry", proxies)
    assert system_settings() == expected


SCUTIL = """\
<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  FTPPassive : 1
  ProxyAutoConfigEnable : 1
  ProxyAutoConfigURLString : http://pac.example/proxy.pac
  ProxyAutoDiscoveryEnable : 0
  __SCOPED__ : <dictionary> {
    utun3 : <dictionary> {
      ProxyAutoConfigEnable : 0
      ProxyAutoConfigURLString : http://scoped.example/proxy.pac
    }
  }
}
"""


def answer(monkeypatch: pytest.MonkeyPatch, expected: list[str], code: int, text: str) -> None:
    """What the system's tool prints."""

    def run(command: tuple[str, ...], **_: Any) -> subprocess.CompletedProcess[str]:
        assert list(command) == expected
        return subprocess.CompletedProcess(command, code, text, "")

    monkeypatch.setattr(module, "subprocess", types.SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired))


def test_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"exclude_simple": True, "exceptions": ("*.local",)}
    monkeypatch.setitem(sys.modules, "_scproxy", types.SimpleNamespace(_get_proxy_settings=lambda: settings))
    on(monkeypatch, "darwin", "getproxies_macosx_sysconf", {})
    answer(monkeypatch, ["/usr/sbin/scutil", "--proxy"], 0, SCUTIL)
    expected = SystemSettings({}, macos_exceptions(["<local>", "*.local"]), "macOS' network settings", URL)
    assert system_settings() == expected
    answer(monkeypatch, ["/usr/sbin/scutil", "--proxy"], 1, SCUTIL)
    assert system_settings() is None


def test_macos_pac_file_counts_when_it_is_switched_on() -> None:
    assert macos_pac(SCUTIL) == URL
    assert macos_pac(SCUTIL.replace("Enable : 1", "Enable : 0")) == ""
    assert macos_pac(SCUTIL.replace("  ProxyAutoConfigURLString : http://pac.example/proxy.pac\n", "")) == ""
    assert macos_pac("") == macos_pac("No such key\n}}}") == ""


def test_a_tool_that_does_not_end_says_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: tuple[str, ...], **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, 2)

    monkeypatch.setattr(module, "subprocess", types.SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OSError, match="does not end"):
        system_settings()


def test_gnome_is_asked_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    answer(monkeypatch, ["/usr/bin/gsettings", "list-recursively", "org.gnome.system.proxy"], 0, AUTO)
    assert system_settings() == SystemSettings({}, "", "GNOME's settings", URL)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert system_settings() is None


GNOME = """\
org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '*.corp.example']
org.gnome.system.proxy mode 'manual'
org.gnome.system.proxy.http host 'proxy.example'
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.https host 'proxy.example'
org.gnome.system.proxy.https port 8443
org.gnome.system.proxy.socks host ''
org.gnome.system.proxy.socks port 0
"""
AUTO = GNOME.replace("'manual'", "'auto'").replace("autoconfig-url ''", f"autoconfig-url '{URL}'")


def test_gnome() -> None:
    found = gnome_settings(GNOME)
    assert found is not None
    assert found.proxies == {"http": "http://proxy.example:8080", "https": "http://proxy.example:8443"}
    assert found.no_proxy == "localhost,127.0.0.0/8,*.corp.example"
    assert gnome_settings(GNOME.replace("manual", "none")) is None
    assert gnome_settings("rubbish\n\n") is None
    assert gnome_settings(AUTO) == SystemSettings({}, "", "GNOME's settings", URL)
    assert gnome_settings(GNOME.replace("manual", "auto")) is None, "that is discovery, which is not followed"


@pytest.mark.parametrize(
    ("read", "entries", "around", "through"),
    [
        (
            windows_exceptions,
            ["*.corp.example", "10.*", " 192.168.7.*", "https://plain.example", "<local>"],
            ["intranet.corp.example", "10.1.2.3", "192.168.7.9", "plain.example", "printer", "127.0.0.1", "localhost"],
            ["files.example", "192.168.8.1"],
        ),
        (windows_exceptions, [], ["localhost", "127.0.0.1"], ["printer"]),
        (windows_exceptions, ["<-loopback>"], [], ["localhost", "127.0.0.1"]),
        (
            macos_exceptions,
            ["*.local", "169.254/16", "10.1", "192.0.2.7", "<local>"],
            ["mac.local", "169.254.3.4", "10.1.2.3", "192.0.2.7", "printer", "::1"],
            ["files.example", "10.2.0.1", "192.0.2.8"],
        ),
        (macos_exceptions, [], ["localhost"], ["printer", "mac.local"]),
    ],
)
def test_exceptions_of_the_systems(
    read: Callable[[list[str]], str], entries: list[str], around: list[str], through: list[str]
) -> None:
    """As their own documentation has it; what the system reaches directly, so do we."""
    rules = NoProxy(read(entries))
    assert not rules.remarks
    assert [host for host in [*around, *through] if rules.match(Target(host, 443))] == around
