"""Parent proxies that want a login: each scheme, and each way in which a login is wrong."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.served import serving
from tests.lab.kerberos import Kdc
from tests.lab.others import Tinyproxy
from tests.lab.squid import BasicSquid, DigestSquid, KerberosSquid, NtlmSquid
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import World, environment, pip_install, there, uv_install, world
from tests.servers.counting_proxy import CountingProxy, ntlm_users
from tests.servers.in_thread import in_thread

WRONG = "Wrong-pw-0815"
PORTS = {r"(?<=--port )\d+": "PORT"}  # another one in every run


def behind(folder: Path, here: World, proxy: str, *, host: str = "index.example", **more: str) -> dict[str, str]:
    """The environment of a person whose administrators said: set HTTPS_PROXY."""
    index = here.index(host)
    names = {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "SSL_CERT_FILE": here.bundle}
    own = {"PIPWAY_NO_PROXY": "none"}  # pipway goes straight to loopback, where all of this is
    return environment(folder, {"HTTPS_PROXY": proxy, **names, **own, **more})


def wants(
    folder: Path, squid: BasicSquid | DigestSquid | NtlmSquid, command: Sequence[str], user: str = ""
) -> Iterator[Stage]:
    """Nobody told the client of a login; `user` is what the person writes for USER."""
    before = squid.logons[1]
    with world(folder) as here:
        env = behind(folder, here, f"http://localhost:{squid.port}")
        words = {"USER": user or squid.user}
        yield Stage(command, env, folder, there(folder), words=words, typed=squid.password, secrets=[squid.password])
        assert squid.logons[1] == before, "a bad logon"


def keep(env: dict[str, str], account: str, password: str) -> None:
    """The person did this some time ago."""
    words = [sys.executable, "-m", "pipway", "credentials", "add", "--stdin", account]
    subprocess.run(words, env=env, input=f"{password}\n", text=True, check=True, capture_output=True)


@contextlib.contextmanager
def running(
    folder: Path, here: World, account: str, password: str, *, host: str = "index.example"
) -> Iterator[dict[str, str]]:
    """The environment of a person whose pipway runs all the time and leads through a proxy that wants NTLM."""
    env = behind(folder, here, "", host=host)
    env |= {"XDG_CONFIG_HOME": str(folder / "no-config"), "PIPWAY_DATA": str(folder / "data")}  # as `serving` has it
    keep(env, account, password)
    settings = {"parent": f"http://{account}", "forward.allow": urlsplit(here.index(host)).netloc}
    settings |= {"no_proxy": "none"}
    with serving(folder / "data", settings=settings) as pipway:
        yield env | {"HTTPS_PROXY": pipway.url.rstrip("/"), "PIPWAY_FORWARD_ALLOW": settings["forward.allow"]}


@scenario("proxy-wants-basic", cause="proxy-login-required", title="A proxy wants a login by Basic", client="pip 26")
def proxy_wants_basic(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    yield from wants(folder, request.getfixturevalue("basic_squid"), pip_install(folder))


@scenario("proxy-wants-digest", cause="proxy-login-required", title="A proxy wants a login by Digest", client="pip 26")
def proxy_wants_digest(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    yield from wants(folder, request.getfixturevalue("digest_squid"), pip_install(folder))


@scenario(
    "proxy-wants-ntlm",
    cause="proxy-login-required",
    title="A proxy wants a login by NTLM",
    client="pip 26",
    group="lab",
)
def proxy_wants_ntlm(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    yield from wants(folder, request.getfixturevalue("ntlm_squid"), pip_install(folder), user="games")


@scenario(
    "proxy-wants-ntlm-uv", cause="proxy-login-required", title="A proxy wants a login by NTLM", client="uv", group="lab"
)
def proxy_wants_ntlm_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    yield from wants(folder, request.getfixturevalue("ntlm_squid"), uv_install(folder), user="games")


@scenario(
    "proxy-wants-kerberos",
    cause="proxy-login-required",
    title="A proxy wants a Kerberos ticket",
    client="pip 26",
    group="lab",
)
def proxy_wants_kerberos(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: KerberosSquid = request.getfixturevalue("kerberos_squid")
    kdc: Kdc = squid.kdc
    kdc.kdestroy()
    with world(folder) as here:
        path = f"{os.environ['PATH']}{os.pathsep}/usr/bin"
        env = behind(folder, here, f"http://localhost:{squid.port}", PATH=path, **kdc.env)
        words = {"USER": "alice"}
        yield Stage(
            pip_install(folder), env, folder, there(folder), words=words, typed=kdc.password, secrets=[kdc.password]
        )
    kdc.kdestroy()


@scenario(
    "proxy-wrong-password",
    cause="proxy-login-refused",
    title="The password in the proxy's URL is wrong",
    client="pip 26",
)
def proxy_wrong_password(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: BasicSquid = request.getfixturevalue("basic_squid")
    with world(folder) as here:
        env = behind(folder, here, f"http://{squid.user}:{WRONG}@localhost:{squid.port}")
        secrets = [squid.password, WRONG]
        yield Stage(
            pip_install(folder), env, folder, there(folder), typed=squid.password, secrets=secrets, changing=PORTS
        )


@scenario(
    "proxy-wrong-password-tinyproxy",
    cause="proxy-login-refused",
    title="The password in the proxy's URL is wrong, and the proxy says 401",
    client="pip 26",
)
def proxy_wrong_password_tinyproxy(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    tiny: Tinyproxy = request.getfixturevalue("tinyproxy")
    with world(folder) as here:
        env = behind(folder, here, f"http://{tiny.user}:{WRONG}@127.0.0.1:{tiny.port}", host="127.0.0.1")
        secrets, before = [tiny.password, WRONG], tiny.let_through
        yield Stage(
            pip_install(folder), env, folder, there(folder), typed=tiny.password, secrets=secrets, changing=PORTS
        )
        assert tiny.let_through > before, "it went past the proxy"


@scenario(
    "pipway-wrong-password",
    cause="stored-login-rejected",
    title="The NTLM password that a running pipway keeps is wrong",
    client="pip 26",
    group="lab",
)
def pipway_wrong_password(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: NtlmSquid = request.getfixturevalue("ntlm_squid")
    before = squid.logons[1]
    account = squid.user.replace("\\", "%5C") + f"@localhost:{squid.port}"
    secrets = [squid.password, WRONG]
    with world(folder) as here, running(folder, here, account, WRONG) as env:
        yield Stage(pip_install(folder), env, folder, there(folder), typed=squid.password, secrets=secrets)
    assert squid.logons[1] - before == 1, "bad logons"


@scenario(
    "pipway-login-without-domain",
    cause="login-without-domain",
    title="The login that a running pipway has for an NTLM proxy names no domain",
    client="pip 26",
)
def pipway_login_without_domain(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    password = "Domain-pw-4719"
    with pytest.MonkeyPatch.context() as patch, world(folder) as here:
        ntlm_users(folder, patch, "CORP", "alice", password)
        with in_thread(CountingProxy(login="ntlm", domain="CORP")) as proxy:
            account = f"alice@127.0.0.1:{proxy.parent().port}"
            with running(folder, here, account, password, host="127.0.0.1") as env:
                del env["NTLM_USER_FILE"]
                words = {"DOMAIN": "CORP"}
                command, secrets = pip_install(folder), [password]
                yield Stage(command, env, folder, there(folder), words=words, typed=password, secrets=secrets)
            assert (proxy.good > 0, proxy.bad) == (True, 1), "logons"
