"""Behind a parent that wants NTLM: whole installs of 40 packages through pipway, cntlm and px, and the cost of CONNECT.

The parents are those of tests/lab: squid with winbindd, which counts logons. The index lies behind them, over https,
`distance` seconds of round trip away: nobody's corporate proxy stands beside the index.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from tests.e2e.lab import environment, neutral_environment
from tests.lab.squid import BasicSquid, DigestSquid, NtlmSquid, Squid
from tests.lab.winbind import Winbind
from tests.servers.distributions import make_wheel, wheel_filename
from tests.servers.pages import Project, Published, render_project

import peers
from machine import ANY_CORE, LOAD_CORE, Running, free_port, running
from pipway import outbound
from pipway.dial.base import Target
from pipway.platforms import loop_factory
from pipway.settings import load
from pipway.trace import Trace

PACKAGES, SIZE = 40, 100_000
HOST = "index.example"  # only the squids know where that is

TLS = "listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; "


@dataclass(frozen=True)
class Index:
    """The origin's address as the parents know it, and what it takes to trust it."""

    url: str  #: without /simple/
    port: int
    ca: Path


@contextmanager
def index(folder: Path, distance: float) -> Iterator[Index]:
    """Forty wheels, each needing the next three, on nginx with TLS, with the distance before it."""
    root = folder / "root"
    root.mkdir(parents=True)
    for number in range(PACKAGES):
        name = f"pkg-{number}"
        needs = [f"pkg-{n}" for n in range(number * 3 + 1, number * 3 + 4) if n < PACKAGES]
        wheel = Published(wheel_filename(name, "1.0"), make_wheel(name, "1.0", requires=needs, size_padding=SIZE))
        for path, data in ((wheel.path, wheel.data), (f"{wheel.path}.metadata", wheel.metadata or b"")):
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        page = root / "simple" / name
        page.mkdir(parents=True)
        for kind in ("json", "html"):
            body = render_project(
                kind, Project(name, [wheel]), base="../..", api_version="1.1", advertise_metadata=True
            )
            (page / f"index.{kind}").write_bytes(body)
    authority, port = trustme.CA(), free_port()
    issued = authority.issue_cert(HOST, "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    server = TLS.format(port=port, folder=folder) + peers.STATIC.format(root=root)
    with (
        peers.nginx("index", folder / "nginx", server=server, core=LOAD_CORE, log=False),
        delayed(port, distance, folder / "delay.log") as near,
    ):
        yield Index(f"https://{HOST}:{near}", near, folder / "ca.pem")


@contextmanager
def delayed(port: int, distance: float, log: Path) -> Iterator[int]:
    """A port from which it takes `distance` seconds to and fro: the kernel of a test machine often has no netem."""
    near = free_port()
    command = [sys.executable, str(Path(__file__).with_name("delay.py")), str(near), str(port), str(distance)]
    with running("distance", command, near, log=log, core=LOAD_CORE):
        yield near


@dataclass
class Contender:
    """A way for an installer: what it is told."""

    name: str
    pip: list[str]
    environ: dict[str, str]
    index: str


@dataclass
class Install:
    """One installer through one contender, every round: seconds (infinite: it failed), good logons, bad ones."""

    name: str
    contender: str
    rounds: list[tuple[float, int, int]] = field(default_factory=list)

    def __str__(self) -> str:
        return "fails" if self.seconds == math.inf else f"{self.seconds:.2f} s, {self.logons}"

    @property
    def seconds(self) -> float:
        return statistics.median(seconds for seconds, _, _ in self.rounds)

    @property
    def logons(self) -> int:
        """At worst."""
        return max(good + bad for _, good, bad in self.rounds)


def installs(lab: Path, folder: Path, distance: float, rounds: int, say: Callable[[str], None]) -> list[Install]:
    """All of them, interleaved round by round, each round with servers that have just been started."""
    found: dict[tuple[str, str], Install] = {}
    pip = environment("bench-pip", "pip==26.*", python=newest_python()) / "bin" / "python"
    with ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipway-bench-lab-")))
        outside.chmod(0o711)  # the lab's daemons run as users of their own
        squid = stack.enter_context(NtlmSquid(outside / "ntlm", stack.enter_context(Winbind(outside / "winbind"))))
        far = stack.enter_context(index(folder, distance))
        for number in range(rounds):
            for installer in ("pip", "uv"):
                for start in (through_cntlm, through_px, through_pipway):
                    place = folder / f"{installer}-{start.__name__}-{number}"
                    place.mkdir()
                    with start(lab, place, squid, far) as contender:
                        for again in ("first", "again"):
                            good, bad = squid.logons
                            seconds = install(installer, pip, contender, place / again)
                            after = squid.logons
                            name = f"{installer} install, {again}"
                            one = found.setdefault((name, contender.name), Install(name, contender.name))
                            one.rounds.append((seconds, after[0] - good, after[1] - bad))
            say(f"  installs, round {number + 1}: done")
    return list(found.values())


def newest_python() -> str:
    """Before 3.12 its CONNECT is HTTP/1.0, which cntlm hands on as it is, and squid hangs up in the login."""
    for name in ("python3.14", "python3.13", "python3.12"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return found
    return sys.executable


def install(installer: str, pip: Path, contender: Contender, target: Path) -> float:
    """Whole-process seconds of a fresh client without a cache of its own."""
    environ = neutral_environment() | contender.environ
    options = ["--target", str(target)]
    if installer == "pip":
        command = [str(pip), "-m", "pip", "install", "--no-cache-dir", "--no-compile", "--progress-bar", "off"]
        command += ["--index-url", contender.index, *contender.pip, *options, "pkg-0"]
    else:
        command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--no-cache", "--python"]
        command += [sys.executable, "--default-index", contender.index, *options, "pkg-0"]
    began = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    seconds = time.perf_counter() - began
    count = len(list(target.glob("*.dist-info"))) if target.exists() else 0
    shutil.rmtree(target, ignore_errors=True)
    if done.returncode or count != PACKAGES:
        if contender.name == "pipway":
            raise RuntimeError(f"{installer}: {count} packages\n{done.stdout}{done.stderr}")
        return math.inf
    return seconds


def _as_proxy(name: str, server: Running, far: Index) -> Contender:
    """What installers are told of a forward proxy."""
    environ = {"HTTPS_PROXY": server.url, "HTTP_PROXY": server.url, "SSL_CERT_FILE": str(far.ca)}
    return Contender(name, ["--proxy", server.url, "--cert", str(far.ca)], environ, f"{far.url}/simple/")


@contextmanager
def through_cntlm(lab: Path, folder: Path, squid: NtlmSquid, far: Index) -> Iterator[Contender]:
    """cntlm as its manual sets it up for NTLMv2."""
    port = free_port()
    domain, _, user = squid.user.partition("\\")
    conf = folder / "cntlm.conf"
    conf.touch(0o600)
    conf.write_text(
        f"Username {user}\nDomain {domain}\nPassword {squid.password}\nAuth NTLMv2\n"
        f"Proxy 127.0.0.1:{squid.port}\nListen 127.0.0.1:{port}\nNoProxy 192.0.2.99\n"
    )
    command = ["cntlm", "-f", "-c", conf]
    with running("cntlm", command, port, log=folder / "cntlm.log", core=ANY_CORE) as server:
        yield _as_proxy("cntlm", server, far)


@contextmanager
def through_px(lab: Path, folder: Path, squid: NtlmSquid, far: Index) -> Iterator[Contender]:
    """px; its password comes from the environment."""
    binaries, port = peers.environment(lab, "px"), free_port()
    command = [binaries / "px", f"--proxy=127.0.0.1:{squid.port}", "--listen=127.0.0.1", f"--port={port}"]
    command += [f"--username={squid.user}", "--auth=NTLM", "--foreground"]
    environ = {
        "PX_PASSWORD": squid.password,
        "HOME": str(folder),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    with running("px", command, port, log=folder / "px.log", core=ANY_CORE, env=environ, cwd=folder) as server:
        yield _as_proxy("px", server, far)


@contextmanager
def through_pipway(lab: Path, folder: Path, squid: NtlmSquid, far: Index) -> Iterator[Contender]:
    """This project; the installer knows its index URL and no proxy."""
    environ = {"PIPWAY_PARENT": squid.url, "PIPWAY_PARENT_PASSWORD": squid.password, "PIPWAY_EXTRA_CA": str(far.ca)}
    environ |= {"PIPWAY_NO_PROXY": "none", "XDG_CONFIG_HOME": str(folder / "no-config")}
    with peers.pipway(folder / "pipway", far.url, ANY_CORE, env=environ) as server:
        yield Contender("pipway", [], {}, f"{server.url}/simple/")


@dataclass
class Connects:
    """Seconds of each CONNECT, from nothing to an open tunnel."""

    name: str
    seconds: list[float] = field(default_factory=list)


def connects(folder: Path, repeats: int, pause: float) -> list[Connects]:
    """A plain squid asked by hand, and pipway's dialer through squids with and without a login, in turns."""
    with ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipway-bench-lab-")))
        outside.chmod(0o711)
        winbind = stack.enter_context(Winbind(outside / "winbind"))
        squids: dict[str, Squid] = {
            "no login": stack.enter_context(Squid(outside / "plain")),
            "Basic": stack.enter_context(BasicSquid(outside / "basic")),
            "Digest": stack.enter_context(DigestSquid(outside / "digest")),
            "NTLM": stack.enter_context(NtlmSquid(outside / "ntlm", winbind)),
        }
        far = stack.enter_context(index(folder, 0))
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_connects(squids, Target("127.0.0.1", far.port), folder, repeats, pause))


async def _connects(
    squids: dict[str, Squid], target: Target, folder: Path, repeats: int, pause: float
) -> list[Connects]:
    ways = {name: _way_out(squid, folder / name) for name, squid in squids.items()}
    found = {name: Connects(name) for name in ("by hand", *ways)}
    for number in range(repeats + 10):  # the first ones warm up
        for name, result in found.items():
            await asyncio.sleep(pause)
            began = time.perf_counter()
            if name == "by hand":
                await _by_hand(squids["no login"], target)
            else:
                stream = await ways[name].router.dial(target)
            took = time.perf_counter() - began
            if name != "by hand":
                await stream.aclose()
            if number >= 10:
                result.seconds.append(took)
    for way in ways.values():
        await way.spares.aclose()
    return list(found.values())


def _way_out(squid: Squid, folder: Path) -> outbound.Outbound:
    """pipway's own, as the server builds it."""
    environ = {"PIPWAY_PARENT": squid.url, "PIPWAY_PARENT_PASSWORD": squid.password, "PIPWAY_NO_PROXY": "none"}
    environ |= {"PIPWAY_DATA": str(folder), "PIPWAY_PARENT_BASIC_IN_CLEAR": "true"}
    return outbound.build(load(environ=environ), environ, Trace())


async def _by_hand(squid: Squid, target: Target) -> None:
    """CONNECT without a login, as short as it can be."""
    reader, writer = await asyncio.open_connection("127.0.0.1", squid.port)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    writer.close()
