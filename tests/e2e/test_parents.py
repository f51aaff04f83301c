"""pip through pipway through every kind of parent proxy: pip knows nothing but its index URL.

The index is index.example, a name that only the squids know (their hosts file), so nothing can get there directly;
the others are asked by address, with no exception for loopback.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from tests.contracts.stream import serving as certified
from tests.e2e.clients import Pip, Uv, installed
from tests.e2e.served import Pipway, serving
from tests.lab.kerberos import Kdc
from tests.lab.others import Dante, Microsocks, Stunnel, Tinyproxy
from tests.lab.squid import BasicSquid, DigestSquid, KerberosSquid, NtlmSquid, Squid
from tests.lab.winbind import Winbind
from tests.servers import rude
from tests.servers.upstream import Upstream

from pipway.dial.negotiate.ntlm import nt_hash

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("squid"), pytest.mark.slow]

PASSWORDS = ["Wrong-pw-0"]
PASSWORDS += [kind.password for kind in (BasicSquid, DigestSquid, Kdc, Winbind, Tinyproxy, Microsocks, Dante)]
PIP, OLD_PIP = Pip("26.*"), Pip("23.3.2")
ONCE_AGAIN = ["--retries", "1"]


@dataclass
class Way:
    """A parent as a person would configure it."""

    parent: str
    settings: dict[str, str] = field(default_factory=dict)
    named: bool = True  #: whether the parent knows index.example
    squid: Squid | None = None  #: whose logons count
    rejects: str = ""  #: how the refusal names the scheme, for a wrong secret
    wrong: dict[str, str] = field(default_factory=dict)  #: settings that make it wrong


class World:
    """The index behind the parents, and what it takes to trust it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = folder / "root.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.secure = Upstream(tls=certified(authority, "index.example", "127.0.0.1"), relative_links=True)
        self.clear = Upstream(relative_links=True)
        for upstream in (self.secure, self.clear):
            upstream.add_many(12)

    def index(self, upstream: Upstream, *, named: bool) -> str:
        parts = urlsplit(upstream.url)
        host = "index.example" if named else "127.0.0.1"
        return f"{parts.scheme}://{host}:{parts.port}{parts.path}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    with made.secure.in_thread(), made.clear.in_thread():
        yield made


def basic(get: Callable[[str], object]) -> Way:
    squid: BasicSquid = get("basic_squid")  # type: ignore[assignment]
    settings = {"parent_password": squid.password, "parent_basic_in_clear": "true"}
    return Way(squid.url, settings, squid=squid, rejects="Basic", wrong={"parent_password": "Wrong-pw-0"})


def digest(get: Callable[[str], object]) -> Way:
    squid: DigestSquid = get("digest_squid")  # type: ignore[assignment]
    settings = {"parent_password": squid.password}
    return Way(squid.url, settings, squid=squid, rejects="Digest", wrong={"parent_password": "Wrong-pw-0"})


def ntlm(get: Callable[[str], object]) -> Way:
    squid: NtlmSquid = get("ntlm_squid")  # type: ignore[assignment]
    settings = {"parent_password": squid.password}
    return Way(squid.url, settings, squid=squid, rejects="NTLM", wrong={"parent_password": "Wrong-pw-0"})


def ntlm_hash(get: Callable[[str], object]) -> Way:
    squid: NtlmSquid = get("ntlm_squid")  # type: ignore[assignment]
    settings = {"parent_nt_hash": nt_hash(squid.password).hex()}
    return Way(squid.url, settings, squid=squid, rejects="NTLM", wrong={"parent_nt_hash": nt_hash("Wrong-pw-0").hex()})


def kerberos_ticket(get: Callable[[str], object]) -> Way:
    squid: KerberosSquid = get("kerberos_squid")  # type: ignore[assignment]
    squid.kdc.kinit()
    return Way(squid.url, squid=squid)


def kerberos_password(get: Callable[[str], object]) -> Way:
    squid: KerberosSquid = get("kerberos_squid")  # type: ignore[assignment]
    squid.kdc.kdestroy()
    parent = squid.url.replace("//", "//alice%40PIPWAY.TEST@")
    settings = {"parent_password": squid.kdc.password}
    return Way(parent, settings, squid=squid, rejects="Negotiate", wrong={"parent_password": "Wrong-pw-0"})


def tls(get: Callable[[str], object]) -> Way:
    stunnel: Stunnel = get("stunnel")  # type: ignore[assignment]
    squid: BasicSquid = get("basic_squid")  # type: ignore[assignment]
    settings = {"parent_password": squid.password, "parent_ca": str(stunnel.ca)}
    wrong = {"parent_password": "Wrong-pw-0"}
    return Way(stunnel.url(squid.user), settings, squid=squid, rejects="Basic", wrong=wrong)


def tinyproxy(get: Callable[[str], object]) -> Way:
    proxy: Tinyproxy = get("tinyproxy")  # type: ignore[assignment]
    settings = {"parent_password": proxy.password, "parent_basic_in_clear": "true"}
    return Way(proxy.url, settings, named=False, rejects="Basic", wrong={"parent_password": "Wrong-pw-0"})


def microsocks(get: Callable[[str], object]) -> Way:
    server: Microsocks = get("microsocks")  # type: ignore[assignment]
    settings = {"parent_password": server.password}
    return Way(server.url, settings, named=False, rejects="SOCKS 5", wrong={"parent_password": "Wrong-pw-0"})


def dante(get: Callable[[str], object]) -> Way:
    server: Dante = get("dante")  # type: ignore[assignment]
    settings = {"parent_password": server.password}
    return Way(server.url, settings, named=False, rejects="SOCKS 5", wrong={"parent_password": "Wrong-pw-0"})


def chain(get: Callable[[str], object]) -> Way:
    """Through a SOCKS server to the NTLM squid; the passwords stand in a settings file."""
    socks: Microsocks = get("microsocks")  # type: ignore[assignment]
    squid: NtlmSquid = get("ntlm_squid")  # type: ignore[assignment]
    first = socks.url.replace("@", f":{socks.password}@")
    second = squid.url.replace("@", f":{squid.password}@")
    return Way("", {"routes": json.dumps([{"match": "*", "via": [[first, second]]}])}, squid=squid)


WAYS = [
    *(basic, digest, ntlm, ntlm_hash, kerberos_ticket, kerberos_password),
    *(tls, tinyproxy, microsocks, dante, chain),
]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest, kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> Way:
    for name, value in kdc.env.items():
        monkeypatch.setenv(name, value)
    made: Way = request.param(request.getfixturevalue)
    return made


def started(
    stack: ExitStack, world: World, way: Way, upstream: Upstream, data: Path, more: Mapping[str, str] = {}
) -> Pipway:
    settings = {"no_proxy": "none", "extra_ca": str(world.ca)} | way.settings | dict(more)
    if way.parent:
        settings["parent"] = way.parent
    index = world.index(upstream, named=way.named)
    return stack.enter_context(serving(data, f"far={index}", settings=settings))


def logons(way: Way) -> tuple[int, int]:
    return way.squid.logons if way.squid is not None else (0, 0)


def no_secret_in(server: Pipway) -> None:
    """Neither in what it printed, logged, answers and stores, nor in anybody's argument list."""
    said = "".join(server.output).encode() + server.log.read_bytes() + arguments()
    said += b"".join(repr(server.get(path)).encode() for path in ("/", "/health", "/metrics", "/simple/pkg-0/"))
    said += b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    for password in PASSWORDS:
        hashed = nt_hash(password)
        basic = [b64encode(f"{user}:{password}".encode()) for user in ("alice", Kdc.user, Winbind.user)]
        for form in (password.encode(), hashed, hashed.hex().encode(), hashed.hex().upper().encode(), *basic):
            assert form not in said


def arguments() -> bytes:
    """Every command line on this machine but that of microsocks, which takes its password there."""
    found = b""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"microsocks" not in (line := file.read_bytes()):
                found += line
    return found


@pytest.mark.parametrize("which", ["secure", "clear"])
def test_pip_installs_through_it(world: World, way: Way, which: str, tmp_path: Path) -> None:
    """An https index by tunnel, an http index in absolute-form."""
    upstream: Upstream = getattr(world, which)
    _, bad = logons(way)
    passed = way.squid.let_through if way.squid is not None else 0
    with ExitStack() as stack:
        server = started(stack, world, way, upstream, tmp_path / "data")
        outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site")
        assert outcome.code == 0, f"{outcome}\n{server.log.read_text()}"
        no_secret_in(server)
        states = {login["state"] for login in json.loads(server.get("/health").body)["logins"]}
        assert states <= {"proven"}
    assert "pkg-0" in installed(tmp_path / "site")
    if way.squid is not None:
        assert way.squid.let_through > passed
        assert logons(way)[1] == bad


@pytest.mark.parametrize("installer", [OLD_PIP, Uv()], ids=["pip-23.3.2", "uv"])
def test_other_installers_through_ntlm(
    world: World, ntlm_squid: NtlmSquid, installer: Pip | Uv, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        server = started(stack, world, ntlm(lambda _: ntlm_squid), world.secure, tmp_path / "data")
        outcome = installer.install(server.index, ["pkg-0"], tmp_path / "site")
    assert outcome.code == 0, outcome


# A ticket is neither right nor wrong (test_kerberos.py), and chains have a file of their own (test_chains.py).
@pytest.mark.parametrize("way", [way for way in WAYS if way not in (kerberos_ticket, chain)], indirect=True)
@pytest.mark.parametrize("which", ["secure", "clear"])
def test_a_wrong_secret_is_tried_once_and_explained(world: World, way: Way, which: str, tmp_path: Path) -> None:
    upstream: Upstream = getattr(world, which)
    good, bad = logons(way)
    address = way.parent.rpartition("@")[2]
    for attempt in range(2):  # the second time after a restart
        with ExitStack() as stack:
            server = started(stack, world, way, upstream, tmp_path / "data", way.wrong)
            if attempt == 0:
                # pip's own five retries are each answered at once, but pip rests 5 s between them: with one is enough.
                patient = (way.rejects, which) == ("NTLM", "secure")
                few = [] if patient else ONCE_AGAIN
                outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site", options=few, deadline=60)
                assert outcome.code != 0
                assert outcome.seconds < 30
                assert {server.get("/simple/pkg-0/").status for _ in range(4)} == {502}  # as often as pip would ask
            answer = server.get("/simple/pkg-0/")
            assert answer.status == 502
            assert f"was rejected by {address} ({way.rejects})" in answer.reason
            problem = json.loads(answer.body)
            assert "pipway credentials rotate" in problem["fix"]
            if way.rejects != "SOCKS 5":
                assert f"it offers {way.rejects}" in problem["detail"]
            health = json.loads(server.get("/health").body)
            assert [(login["state"], login["parent"]) for login in health["logins"]] == [("rejected", address)]
            no_secret_in(server)
    log = (tmp_path / "data.log").read_text()
    told = [json.loads(line) for line in log.splitlines() if '"login.rejected"' in line]
    assert [event["parent"] for event in told] == [address]
    assert log.count('"login.tried"') == 1
    if way.squid is not None:
        tried = 0 if way.rejects == "Negotiate" else 1  # a KDC judged it, squid never saw it
        assert logons(way) == (good, bad + tried)


def test_a_rotation_takes_effect_without_a_restart(world: World, ntlm_squid: NtlmSquid, tmp_path: Path) -> None:
    made = ntlm(lambda _: ntlm_squid)
    config = tmp_path / "no-config"
    environ = {"XDG_CONFIG_HOME": str(config), "PIPWAY_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"}

    def credentials(verb: str, secret: str) -> None:
        command = [sys.executable, "-m", "pipway", "credentials", verb, made.parent, "--stdin", "--place", "file"]
        subprocess.run(command, input=f"{secret}\n", text=True, env=environ, check=True, capture_output=True)

    credentials("add", "Wrong-pw-0")
    made.settings = {}
    with ExitStack() as stack:
        server = started(stack, world, made, world.secure, tmp_path / "data")
        assert server.get("/simple/pkg-0/").status == 502
        credentials("rotate", ntlm_squid.password)
        assert server.get("/simple/pkg-0/").status == 200


def test_a_parent_that_dies_in_a_download_is_replaced(
    world: World, ntlm_squid: NtlmSquid, lab_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """The file still arrives, by the other parent, with its digest; the client notices nothing."""
    file = world.secure.add_wheel("big", size_padding=8_000_000)
    world.secure.behave(f"*{file.filename}", rude.dripping(piece=65536, seconds=0.01), times=1)
    dying = Squid(lab_folder("dying"))
    other = ntlm_squid.url.replace("@", f":{ntlm_squid.password}@")
    routes = json.dumps([{"match": "*", "via": [f"http://localhost:{dying.port}", other]}])
    with dying, ExitStack() as stack:
        server = started(stack, world, Way("", {"routes": routes}), world.secure, tmp_path / "data")
        digest = hashlib.sha256()
        with urllib.request.urlopen(server.link("big"), timeout=60) as response:
            digest.update(response.read(1_000_000))
            dying.kill()
            while piece := response.read(1_000_000):
                digest.update(piece)
    world.secure.heal()
    assert digest.hexdigest() == hashlib.sha256(file.data).hexdigest()
    assert '"file.resumed"' in (tmp_path / "data.log").read_text()


@pytest.mark.live
def test_a_real_project_through_ntlm(ntlm_squid: NtlmSquid, tmp_path: Path) -> None:
    """From the real index: its tunnels end outside, the login here."""
    settings = {"parent": ntlm_squid.url, "parent_password": ntlm_squid.password}
    with serving(tmp_path / "data", settings=settings, live=True) as server:
        outcome = PIP.install(server.index, ["rich"], tmp_path / "site")
        no_secret_in(server)
    assert outcome.code == 0, outcome
    assert {"rich", "pygments"} <= installed(tmp_path / "site")
