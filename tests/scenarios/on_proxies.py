"""Proxies that are not what their URL says, that are gone, or that refuse."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.lab.daemon import free_port
from tests.lab.others import Microsocks
from tests.lab.squid import Squid
from tests.scenarios.on_logins import behind
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import World, pip_install, there, uv_install, world
from tests.servers.web_site import Site

ANYBODY = "http_access allow all"
NAMES = ("index.example", "files.example", "127.0.0.1")


_STARTED = "Accepting HTTP Socket connections"
_SECONDS = 20.0


class OpenMicrosocks(Microsocks):
    """For everybody."""

    def start(self) -> None:
        """Run it."""
        self.run(["microsocks", "-i", "127.0.0.1", "-p", str(self.port)])


class Ruled(Squid):
    """A squid whose administrators can be asked to change its rules."""

    def __init__(self, folder: Path, rules: str) -> None:
        super().__init__(folder)
        self.rules = rules

    def allow_all(self) -> None:
        """The administrators do as they were asked."""
        conf, log = self.folder / "squid.conf", self.folder / "cache.log"
        conf.write_text(conf.read_text().replace(self.rules, "http_access allow all"))
        before, end = log.read_text().count(_STARTED), time.monotonic() + _SECONDS
        os.kill(self.pid, signal.SIGHUP)
        while log.read_text().count(_STARTED) == before:
            assert time.monotonic() < end, "squid does not read its configuration again"
            time.sleep(0.02)


@contextmanager
def ruled(request: pytest.FixtureRequest, rules: str) -> Iterator[Ruled]:
    """A running one."""
    folder: Callable[[str], Path] = request.getfixturevalue("lab_folder")
    with Ruled(folder(f"ruled-{free_port()}"), rules) as squid:
        yield squid


@contextmanager
def files_elsewhere(folder: Path) -> Iterator[World]:
    """An index whose files are at another host."""
    with world(folder, names=NAMES) as here:
        here.upstream.files_apart, here.upstream.files_named = True, "files.example"
        here.upstream.relative_links = False
        yield here


@scenario(
    "proxy-https-for-plain",
    cause="https-scheme-for-plain-proxy",
    title="The proxy's URL begins with https and the proxy speaks HTTP",
    client="pip 26",
)
def proxy_https_for_plain(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder) as here, ruled(request, ANYBODY) as squid:
        env = behind(folder, here, f"https://localhost:{squid.port}")
        yield Stage(pip_install(folder), env, folder, there(folder))
        assert squid.let_through


@scenario(
    "proxy-https-for-plain-uv",
    cause="https-scheme-for-plain-proxy",
    title="The proxy's URL begins with https and the proxy speaks HTTP",
    client="uv",
)
def proxy_https_for_plain_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder) as here, ruled(request, ANYBODY) as squid:
        env = behind(folder, here, f"https://localhost:{squid.port}")
        yield Stage(uv_install(folder), env, folder, there(folder))
        assert squid.let_through


@scenario(
    "proxy-socks-without-pysocks",
    cause="socks-without-pysocks",
    title="A SOCKS proxy, and pip without PySocks",
    client="pip 26",
)
def proxy_socks_without_pysocks(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    socks: Microsocks = request.getfixturevalue("microsocks")
    before = socks.let_through
    with world(folder) as here:
        proxy = f"socks5h://{socks.user}:{socks.password}@127.0.0.1:{socks.port}"
        env = behind(folder, here, proxy, host="127.0.0.1")
        password = socks.password
        yield Stage(pip_install(folder), env, folder, there(folder), typed=password, secrets=[password])
        assert socks.let_through > before, "it went past the proxy"


@scenario(
    "proxy-speaks-socks",
    cause="proxy-speaks-socks",
    title="The proxy's URL begins with http and the proxy speaks SOCKS",
    client="pip 26",
)
def proxy_speaks_socks(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    lab: Callable[[str], Path] = request.getfixturevalue("lab_folder")
    with world(folder) as here, OpenMicrosocks(lab(f"socks-{free_port()}")) as socks:
        env = behind(folder, here, f"http://127.0.0.1:{socks.port}", host="127.0.0.1")
        yield Stage(pip_install(folder), env, folder, there(folder))
        assert socks.let_through, "it went past the proxy"


@scenario(
    "proxy-is-web-server",
    cause="not-a-proxy",
    title="The proxy's port is that of a web server",
    client="pip 26",
)
def proxy_is_web_server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder) as here, ruled(request, ANYBODY) as squid, Site(folder).in_threads() as site:
        env = behind(folder, here, f"http://localhost:{site.port}")
        words = {"HOST": "localhost", "PORT": str(squid.port)}
        yield Stage(pip_install(folder), env, folder, there(folder), words=words)
        assert squid.let_through


@scenario("proxy-down", cause="proxy-unreachable", title="The proxy is gone", client="pip 26")
def proxy_down(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder) as here:
        env = behind(folder, here, f"http://127.0.0.1:{free_port()}", host="127.0.0.1")
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario("proxy-down-uv", cause="proxy-unreachable", title="The proxy is gone", client="uv")
def proxy_down_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder) as here:
        env = behind(folder, here, f"http://127.0.0.1:{free_port()}", host="127.0.0.1")
        yield Stage(uv_install(folder), env, folder, there(folder))


@scenario("proxy-refuses-index", cause="proxy-refuses", title="The proxy's rules forbid the index", client="pip 26")
def proxy_refuses_index(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder) as here, ruled(request, "http_access deny all") as squid:
        env = behind(folder, here, f"http://localhost:{squid.port}")
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=squid.allow_all)


_NO_FILES = "acl files dstdomain files.example\nhttp_access deny files\nhttp_access allow all"


@scenario(
    "proxy-refuses-files",
    cause="file-host-refused",
    title="The proxy's rules allow the index and forbid the host of its files",
    client="pip 26",
)
def proxy_refuses_files(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with files_elsewhere(folder) as here, ruled(request, _NO_FILES) as squid:
        env = behind(folder, here, f"http://localhost:{squid.port}")
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=squid.allow_all)


@scenario(
    "proxy-refuses-files-uv",
    cause="file-host-refused",
    title="The proxy's rules allow the index and forbid the host of its files",
    client="uv",
)
def proxy_refuses_files_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with files_elsewhere(folder) as here, ruled(request, _NO_FILES) as squid:
        env = behind(folder, here, f"http://localhost:{squid.port}")
        yield Stage(uv_install(folder), env, folder, there(folder), carried_out=squid.allow_all)
