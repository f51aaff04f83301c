"""Networks without names, with holes, or that nobody answers in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.lab.network import Network
from tests.lab.squid import Squid
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import PROJECT, World, environment, pip_install, there, uv_install, with_sudo, world
from tests.servers.name_server import name_server

IMPATIENT = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
HOST = "index.example"


def _network(stack: ExitStack, folder: Path, *, host: str = "127.0.0.1") -> tuple[Network, World]:
    """A network whose name server is at 127.0.0.1:53, if anywhere; and in it an index behind TLS."""
    (folder / "resolv.conf").write_text(IMPATIENT)
    (folder / "hosts").write_text("127.0.0.1 localhost\n")
    network = stack.enter_context(Network(folder))
    stack.enter_context(network.entered())
    if host != "127.0.0.1":
        network.run("ip", "addr", "add", f"{host}/32", "dev", "lo")
    here = World(folder)
    here.upstream._server.host = host
    here.upstream._server.port = 443  # free here, and the one port that proxies let everybody connect to
    stack.enter_context(here.upstream.in_thread())
    return network, here


def _squid(stack: ExitStack, request: pytest.FixtureRequest, network: Network) -> Squid:
    squid = Squid(request.getfixturevalue("lab_folder")(f"network-{network.number}"))
    squid.inside = network.inside
    squid.start()
    stack.callback(squid.stop)
    return squid


@scenario(
    "dns-black-hole",
    cause="name-server-silent",
    title="No name server answers; the proxy knows the names",
    client="pip 26",
)
def dns_black_hole(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        network, here = _network(stack, folder)
        stack.enter_context(name_server({}, silent=True))
        squid = _squid(stack, request, network)
        env = environment(folder, {"PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle})
        words = {"PROXY": "127.0.0.1", "PORT": str(squid.port)}
        yield Stage(pip_install(folder), env, folder, there(folder), inside=network.inside, words=words)


@scenario(
    "name-unknown",
    cause="name-not-found",
    title="The index's name is known only to the proxy",
    client="uv",
)
def name_unknown(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        network, here = _network(stack, folder)
        stack.enter_context(name_server({}))
        squid = _squid(stack, request, network)
        env = environment(folder, {"UV_DEFAULT_INDEX": here.index(), "SSL_CERT_FILE": here.bundle})
        words = {"PROXY": "127.0.0.1", "PORT": str(squid.port)}
        yield Stage(uv_install(folder), env, folder, there(folder), inside=network.inside, words=words)


@scenario(
    "ipv6-black-hole",
    cause="address-hole",
    title="Packets to the index's IPv6 addresses get lost, and pip tries them one after the other",
    client="pip 26",
)
def ipv6_black_hole(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    addresses = [f"fd00::{number}" for number in range(1, 5)]
    with ExitStack() as stack:
        network, here = _network(stack, folder, host="10.9.9.8")  # proxies lead nobody to loopback
        for address in addresses:
            network.run("ip", "addr", "add", f"{address}/128", "dev", "lo")
        network.drop("ip6 daddr fd00::/16 meta l4proto tcp")
        stack.enter_context(name_server({HOST: [*addresses, "10.9.9.8"]}))
        env = environment(folder, {"PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle})
        yield Stage(pip_install(folder), env, folder, there(folder), inside=network.inside, hidden=True, patience=4)


@scenario(
    "large-packets-lost",
    cause="large-packets-lost",
    title="Large packets get lost on the way: pages come, files do not",
    client="pip 26",
)
def large_packets_lost(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with Network(folder) as network, network.entered(), world(folder, secure=False) as here:
        network.run("ip", "link", "set", "dev", "lo", "gso_max_segs", "1")  # packets as they would be on a wire
        network.drop("meta length > 1400 meta l4proto tcp")
        here.upstream.project(PROJECT).files.clear()
        here.upstream.add_wheel(PROJECT, "1.0", size_padding=100_000)
        with_sudo(folder)
        index = here.index("127.0.0.1")
        env = environment(folder, {"PIP_INDEX_URL": index, "PIP_TIMEOUT": "2", "PIP_RETRIES": "0"})
        env["PIP_RESUME_RETRIES"] = "0"
        words = {"INTERFACE": "lo"}
        stage = Stage(pip_install(folder), env, folder, there(folder), inside=network.inside, words=words)
        stage.symptom = "download-stalls"
        yield stage


@scenario(
    "index-silent",
    cause="index-silent",
    title="Packets to the index get lost: only the proxy gets out",
    client="pip 26",
)
def index_silent(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        network, here = _network(stack, folder)
        network.run("ip", "addr", "add", "10.9.9.9/32", "dev", "lo")
        network.drop("ip daddr 10.9.9.9 meta l4proto tcp")
        stack.enter_context(name_server({HOST: ["10.9.9.9"]}))
        squid = _squid(stack, request, network)  # it knows another address of that name
        more = {"PIP_TIMEOUT": "1"}
        env = environment(folder, {"PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle, **more})
        words = {"PROXY": "127.0.0.1", "PORT": str(squid.port)}
        yield Stage(pip_install(folder), env, folder, there(folder), inside=network.inside, words=words)
